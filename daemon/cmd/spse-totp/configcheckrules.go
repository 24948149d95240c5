package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"spse-totp/daemon/internal/host"
	"spse-totp/daemon/internal/policy"
)

// rulesReport is what `config check` says of the rules.
type rulesReport struct {
	Lines    []ruleLine `json:"lines"` // in their order: the first that fits decides
	Warnings []warning  `json:"warnings"`
}

// ruleLine is a rule as it stands in the file.
type ruleLine struct {
	Line          string   `json:"line"` // FILE:LINE
	Verdict       string   `json:"verdict"`
	Realm         string   `json:"realm,omitempty"`
	Services      []string `json:"services,omitempty"`
	Accounts      []string `json:"accounts,omitempty"`
	Groups        []uint32 `json:"groups,omitempty"` // gids
	From          []string `json:"from,omitempty"`
	MandatoryFrom string   `json:"mandatory_from,omitempty"`
	Until         string   `json:"until,omitempty"`
	Reason        string   `json:"reason,omitempty"`
	// Over says that the date has passed, and so the rule requires.
	Over bool `json:"over,omitempty"`
}

func (a *app) checkRules(ctx context.Context, rules policy.Policy, m machine, users users, now time.Time) rulesReport {
	report := rulesReport{Lines: []ruleLine{}, Warnings: []warning{}}
	for i := range rules.Rules {
		report.Lines = append(report.Lines, a.ruleLine(&rules.Rules[i], now))
	}
	var people []policy.Person
	for _, p := range m.people {
		people = append(people, policy.Person{Account: p.Name, Groups: p.GIDs})
	}
	for _, f := range rules.Review(now, people...) {
		report.Warnings = append(report.Warnings, warning{a.place(f.Line) + ": " + f.Text, f.Hint})
	}
	for _, r := range rules.Rules {
		report.Warnings = append(report.Warnings, a.servicesLacked(r, m.pam)...)
	}
	report.Warnings = append(report.Warnings, a.accountsLacked(ctx, rules, m, users)...)
	return report
}

// accountsLacked tells of users whom NSS does not know: by a typing error a rule
// fits nobody. The first question that NSS cannot answer is the last.
func (a *app) accountsLacked(ctx context.Context, rules policy.Policy, m machine, users users) []warning {
	names := []string{"root"}
	for _, p := range m.people {
		names = append(names, p.Name)
	}
	var warnings []warning
	for _, r := range rules.Rules {
		for _, name := range r.Accounts {
			_, found, err := users.UID(ctx, name)
			switch {
			case err != nil:
				return append(warnings, warning{
					"whether this host knows the users of the rules cannot be told: " + err.Error(), "is the directory server there? getent passwd " + name,
				})
			case found:
				continue
			}
			hint := "names are exact: getent passwd lists them; of somebody who is to come, leave it"
			if near := host.Near(name, names); near != "" {
				hint = fmt.Sprintf("is %s meant? then correct it: till then the rule does not fit his logins", near)
			}
			warnings = append(warnings, warning{fmt.Sprintf("%s: accounts has %s, and this host has no such user", a.place(r.Line), name), hint})
		}
	}
	return warnings
}

// servicesLacked tells of services that the host has not: by a typing error a rule
// fits nobody, and a milder one below it decides.
func (a *app) servicesLacked(r policy.Rule, stacks host.PAM) []warning {
	var warnings []warning
	for _, name := range r.Services {
		near, lacks := stacks.Lacks(name)
		if !lacks {
			continue
		}
		hint := "a service is the name of a file in /etc/pam.d; if its program is not installed, leave it"
		if near != "" {
			hint = fmt.Sprintf("is %s meant? then correct it: till then the rule does not fit its logins", near)
		}
		warnings = append(warnings, warning{fmt.Sprintf("%s: services has %s, and this host has no such service", a.place(r.Line), name), hint})
	}
	return warnings
}

// unknownHint says what to do about a group of a rule that NSS does not know.
const unknownHint = "getent group: is its directory server down? a group that is gone, take out of the rule"

// groupsUnknown tells of groups that NSS does not know, now at least: of everybody
// the rule may fit then.
func (a *app) groupsUnknown(ctx context.Context, r policy.Rule, users users) []warning {
	unknown, err := users.UnknownGroups(ctx, "", r.Groups)
	if err != nil {
		unknown = r.Groups
	}
	var warnings []warning
	for _, gid := range unknown {
		warnings = append(warnings, warning{
			fmt.Sprintf("%s: groups has %d, and NSS knows no such group: as long as it does not, the strictest holds that the rule could mean", a.place(r.Line), gid),
			unknownHint})
	}
	return warnings
}

// place is a line of the configuration.
func (a *app) place(line int) string { return fmt.Sprintf("%s:%d", a.configPath, line) }

func (a *app) ruleLine(r *policy.Rule, now time.Time) ruleLine {
	l := ruleLine{
		Line: a.place(r.Line), Verdict: r.Verdict.String(), Realm: r.Realm, Services: r.Services, Accounts: r.Accounts,
		Groups: r.Groups, Reason: r.Reason, Over: r.Over(now),
	}
	for _, network := range r.From {
		l.From = append(l.From, network.String())
	}
	switch r.Verdict {
	case policy.Allow:
		l.MandatoryFrom = r.Ends.Format(time.DateOnly)
	case policy.Exempt:
		l.Until = lastDay(r)
	}
	return l
}

// lastDay is the last day on which an allow or an exemption holds.
func lastDay(r *policy.Rule) string { return r.Ends.AddDate(0, 0, -1).Format(time.DateOnly) }

// String is the rule in one line, without its place.
func (l ruleLine) String() string {
	var b strings.Builder
	b.WriteString(l.Verdict)
	switch {
	case l.MandatoryFrom != "":
		fmt.Fprintf(&b, ", mandatory from %s", l.MandatoryFrom)
	case l.Until != "":
		fmt.Fprintf(&b, " until %s (%s)", l.Until, l.Reason)
	}
	if l.Over {
		b.WriteString(", which is over: it requires a code")
	}
	conditions := 0
	add := func(key string, values []string) {
		if len(values) > 0 {
			fmt.Fprintf(&b, "; %s %s", key, strings.Join(values, ", "))
			conditions++
		}
	}
	if l.Realm != "" {
		add("realm", []string{l.Realm})
	}
	add("services", l.Services)
	add("accounts", l.Accounts)
	add("groups", numbers(l.Groups))
	add("from", l.From)
	if conditions == 0 {
		b.WriteString("; everybody, everywhere")
	}
	return b.String()
}

func numbers(gids []uint32) []string {
	var texts []string
	for _, gid := range gids {
		texts = append(texts, fmt.Sprint(gid))
	}
	return texts
}

// printRules says the rules in comments, so that what is printed stays TOML.
func (a *app) printRules(rules rulesReport) error {
	var b strings.Builder
	switch len(rules.Lines) {
	case 0:
		b.WriteString("# no rules: everybody has to give a Security Code\n")
	case 1:
		b.WriteString("# 1 rule; whoever it does not fit has to give a Security Code\n")
	default:
		fmt.Fprintf(&b, "# %d rules, of which the first that fits decides; whoever none fits has to give a Security Code\n", len(rules.Lines))
	}
	for _, l := range rules.Lines {
		fmt.Fprintf(&b, "# %s: %s\n", escaped(l.Line), escaped(l.String()))
	}
	_, err := a.stdout.WriteString(b.String())
	return err
}
