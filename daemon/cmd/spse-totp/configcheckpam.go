package main

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"spse-totp/daemon/internal/host"
)

// pamReport is what `config check` says of the host's PAM stacks.
type pamReport struct {
	Lines    []pamLine `json:"lines"`
	LeftOut  []string  `json:"left_out"` // services that pass lines of ours and are asked for no code
	Warnings []warning `json:"warnings"`
}

// pamLine is a line of the module.
type pamLine struct {
	Line    string   `json:"line"`     // FILE:LINE
	Type    string   `json:"type"`     // auth or account
	Split   bool     `json:"split"`    // asks for password and code in one
	ActsFor []string `json:"acts_for"` // services
	LeftOut []string `json:"left_out"` // services that pass it
}

// checkPAM looks at the host's stacks. A line that the module would refuse
// is an error: whoever it acts for cannot log in.
func checkPAM(m machine) (pamReport, error) {
	codes := m.pam.Codes()
	report := pamReport{Lines: []pamLine{}, LeftOut: names(codes.LeftOut), Warnings: []warning{}}
	for _, l := range codes.Lines {
		if l.Refused != "" {
			return pamReport{}, failed(
				fmt.Sprintf("%v: the module refuses the argument %q, and with it every login of: %s", l.Place, l.Refused, list(l.ActsFor)),
				"correct the line, or take it away, then look again: spse-totp config check")
		}
		report.Lines = append(report.Lines, pamLine{
			Line: l.Place.String(), Type: string(l.Kind), Split: l.Split, ActsFor: names(l.ActsFor), LeftOut: names(l.LeftOut),
		})
	}
	for _, v := range codes.Void {
		report.Warnings = append(report.Warnings, voidWarning(v))
	}
	for _, e := range codes.Early {
		report.Warnings = append(report.Warnings, earlyWarnings(e, m.sshd)...)
	}
	for _, d := range codes.Doors {
		report.Warnings = append(report.Warnings, doorWarning(d))
	}
	report.Warnings = append(report.Warnings, m.shortLogins(codes)...)
	for _, f := range m.pam.Faults {
		report.Warnings = append(report.Warnings, warning{
			fmt.Sprintf("%v: %s", f.Place, f.Text),
			"libpam may refuse all logins of the services that read this file: correct the line",
		})
	}
	return report, nil
}

// names makes of none an empty list, which JSON shows as one.
func names(of []string) []string { return append([]string{}, of...) }

// voidWarning tells what a name that comes to nothing leaves open.
func voidWarning(v host.Void) warning {
	var at []string
	for _, place := range v.At {
		at = append(at, place.String())
	}
	where := strings.Join(at, " and ")
	switch v.Why {
	case host.NoLine:
		if v.Argument == "account" {
			return warning{
				fmt.Sprintf("account=%s: no account line of the module acts for %[1]s: a login by key alone needs no Security Code (%s)", v.Name, where),
				fmt.Sprintf("add such a line with account=%s to /etc/pam.d/%[1]s, or take %[1]s out of account=", v.Name),
			}
		}
		return warning{
			fmt.Sprintf("services=%s: no auth line of the module acts for %[1]s, which asks for no Security Code (%s)", v.Name, where),
			fmt.Sprintf("add the line to /etc/pam.d/%s, or take %[1]s out of services=", v.Name),
		}
	case host.Uncovered:
		return warning{
			fmt.Sprintf("account=%s: services= of the same line leaves %[1]s out: it does nothing there (%s)", v.Name, where),
			fmt.Sprintf("add %s to services=, or take it out of account=", v.Name),
		}
	default:
		hint := "a service is the name of a file in /etc/pam.d; if its program is not installed, leave it"
		if v.Near != "" {
			hint = fmt.Sprintf("is %s meant? then correct it: till then the line does nothing for %[1]s", v.Near)
		}
		return warning{fmt.Sprintf("%s=%s: this host has no service %[2]s (%s)", v.Argument, v.Name, where), hint}
	}
}

// earlyWarnings tells of a line that leads strangers through activation. Of
// sshd's stack nothing is told where a key comes first.
func earlyWarnings(e host.Early, config host.SSHD) []warning {
	services := e.Services
	if config.ProvesFirst() {
		services = slices.DeleteFunc(slices.Clone(services), func(service string) bool { return service == sshd })
	}
	if len(services) == 0 {
		return nil
	}
	by := fmt.Sprintf("%v (%s)", e.By.Place, path.Base(e.By.Module))
	var how, hint string
	switch e.Why {
	case host.GoesOn:
		how = by + " goes on after a wrong password"
		hint = "write that line as: auth requisite " + e.By.Module +
			"; or as in Debian's common-auth: [success=1 default=ignore], and below it: auth requisite pam_deny.so, then: auth required pam_permit.so"
	case host.EndsSubstack:
		how = by + " is in a substack, which is all that a wrong password ends"
		hint = "include the file in place of substack: auth include " + path.Base(e.By.Path)
	case host.JumpsOver:
		how = by + " goes past the line that checks the password"
		hint = "let it go past this line too, or take it away"
	default:
		how = "no line before it checks a password"
		hint = "put it below the one that does, such as: @include common-auth"
		if slices.Contains(services, sshd) {
			hint += "; or, for key and code, set in sshd_config: AuthenticationMethods publickey,keyboard-interactive"
		}
	}
	return []warning{{
		fmt.Sprintf("%v: a stranger could activate a phone of his own for who never was activated, and perhaps get in, in %s: %s", e.Place, list(services), how),
		hint,
	}}
}

// doorWarning tells of a way in past a line that asks.
func doorWarning(d host.Door) warning {
	if d.By.Place == d.Place {
		return warning{
			fmt.Sprintf("%v: whom this line refuses the stack may let in all the same, in %s", d.Place, list(d.Services)),
			"write its control as: required",
		}
	}
	return warning{
		fmt.Sprintf("%v: whom %v (%s) lets in is not asked here, in %s", d.Place, d.By.Place, path.Base(d.By.Module), list(d.Services)),
		"let that line go on where it succeeds, by required or requisite in place of sufficient, and by no jump past this one",
	}
}

// activationTime is what the text of an activation says that people have.
const activationTime = 2 * time.Minute

// shortLogins tells of services whose logins end before that.
func (m machine) shortLogins(codes host.Codes) []warning {
	var warnings []warning
	for _, limit := range []struct {
		service, key string
		time         time.Duration // 0 is for ever
		hint         string
	}{
		{sshd, "LoginGraceTime", m.sshd.GraceTime(), "take the line out of sshd_config, or write: LoginGraceTime 120"},
		{"login", "LOGIN_TIMEOUT", m.loginTimeout, "write in /etc/login.defs: LOGIN_TIMEOUT 120"},
	} {
		asks := slices.ContainsFunc(codes.Lines, func(l host.CodeLine) bool {
			return l.Kind == host.Auth && !l.Split && slices.Contains(l.ActsFor, limit.service)
		})
		if asks && 0 < limit.time && limit.time < activationTime {
			warnings = append(warnings, warning{
				fmt.Sprintf("%s: a login ends after %.0f seconds (%s), and who activates in it is told that there are 2 minutes", limit.service, limit.time.Seconds(), limit.key),
				limit.hint,
			})
		}
	}
	return warnings
}

// printPAM says in comments, so that what is printed stays TOML, where codes are
// asked for.
func (a *app) printPAM(pam pamReport) error {
	var b strings.Builder
	for _, l := range pam.Lines {
		fmt.Fprintf(&b, "# %s: %s: %s\n", escaped(l.Line), does(l), list(l.ActsFor))
	}
	if len(pam.Lines) == 0 {
		b.WriteString("# no PAM stack of this host asks for Security Codes yet\n")
	}
	if len(pam.LeftOut) > 0 {
		fmt.Fprintf(&b, "# left out, and so asked for no Security Code: %s\n", list(pam.LeftOut))
	}
	_, err := a.stdout.WriteString(b.String())
	return err
}

func does(l pamLine) string {
	switch {
	case l.Type == string(host.Account):
		return "refuses who gave no Security Code"
	case l.Split:
		return "asks for password and Security Code in one"
	default:
		return "asks for a Security Code"
	}
}

// list are services as people read them.
func list(names []string) string {
	if len(names) == 0 {
		return "no service"
	}
	return escaped(strings.Join(names, ", "))
}
