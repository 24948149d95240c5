package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"spse-totp/daemon/internal/config"
)

// stacks is a host whose /etc/pam.d has sudo, cron, and these files.
func stacks(files map[string]string) fs.FS {
	const full = "auth requisite pam_unix.so\naccount required pam_unix.so\n"
	host := fstest.MapFS{"etc/pam.d/sudo": {Data: []byte(full)}, "etc/pam.d/cron": {Data: []byte(full)}, "etc/pam.d/sshd": {Data: []byte(full)}}
	for name, content := range files {
		host["etc/pam.d/"+name] = &fstest.MapFile{Data: []byte(content)}
	}
	return host
}

// sshdWith is sshd's stack with two lines of the module.
func sshdWith(arguments string) map[string]string {
	line := " required pam_spse_totp.so " + arguments + "\n"
	return map[string]string{"sshd": "auth requisite pam_unix.so\nauth" + line + "account required pam_unix.so\naccount" + line}
}

// configCheckOn runs `config check` on a host with an empty configuration; what
// it says of the configuration itself is left out of stdout.
func configCheckOn(t *testing.T, host fs.FS, asJSON bool) (status int, stdout, stderr string) {
	t.Helper()
	status, stdout, stderr = configCheckOf(t, host, "", asJSON)
	return status, strings.TrimPrefix(stdout, "# no rules: everybody has to give a Security Code\n"), stderr
}

// configCheckOf runs `config check` on a host with that configuration, which is
// called FILE in what it printed; the keys that are no rules are left out.
func configCheckOf(t *testing.T, host fs.FS, configuration string, asJSON bool) (status int, stdout, stderr string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "spse-totp.toml")
	if err := os.WriteFile(path, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs := tempFile(t), tempFile(t)
	a := &app{stdout: out, stderr: errs, configPath: path, json: asJSON}
	known := people("budi", "siti", "joko")
	known.lost = []uint32{30009}
	if err := a.configCheck(t.Context(), host, known); err != nil {
		status = a.tell(err)
	}
	stdout = content(t, out)
	for _, s := range settings(config.Default()) {
		stdout = strings.TrimPrefix(stdout, s.key+" = "+s.toml()+"\n")
	}
	return status, strings.ReplaceAll(stdout, path, "FILE"), strings.ReplaceAll(content(t, errs), path, "FILE")
}

func TestConfigCheckSaysWhereCodesAreAskedFor(t *testing.T) {
	for what, c := range map[string]struct {
		files          map[string]string
		status         int
		stdout, stderr string
	}{
		"nowhere": {nil, exitDone, "# no PAM stack of this host asks for Security Codes yet", ""},
		"as in the README": {sshdWith("services=sshd account=sshd"), exitDone,
			"# /etc/pam.d/sshd:2: asks for a Security Code: sshd\n# /etc/pam.d/sshd:4: refuses who gave no Security Code: sshd", ""},
		"a typing error": {sshdWith("services=sshdd"), exitDone,
			"# /etc/pam.d/sshd:2: asks for a Security Code: no service\n# /etc/pam.d/sshd:4: refuses who gave no Security Code: no service\n" +
				"# left out, and so asked for no Security Code: sshd",
			"warning: services=sshdd: this host has no service sshdd (/etc/pam.d/sshd:2 and /etc/pam.d/sshd:4)\n" +
				"hint: is sshd meant? then correct it: till then the line does nothing for sshd"},
		"a program that is not there": {sshdWith("services=sshd,cockpit account=sshd"), exitDone,
			"# /etc/pam.d/sshd:2: asks for a Security Code: sshd\n# /etc/pam.d/sshd:4: refuses who gave no Security Code: sshd",
			"warning: services=cockpit: this host has no service cockpit (/etc/pam.d/sshd:2 and /etc/pam.d/sshd:4)\n" +
				"hint: a service is the name of a file in /etc/pam.d; if its program is not installed, leave it"},
		"sudo's own file was forgotten": {sshdWith("services=sshd,sudo"), exitDone,
			"# /etc/pam.d/sshd:2: asks for a Security Code: sshd\n# /etc/pam.d/sshd:4: refuses who gave no Security Code: no service",
			"warning: services=sudo: no auth line of the module acts for sudo, which asks for no Security Code (/etc/pam.d/sshd:2 and /etc/pam.d/sshd:4)\n" +
				"hint: add the line to /etc/pam.d/sudo, or take sudo out of services="},
		"the account line was forgotten": {map[string]string{"sshd": "auth requisite pam_unix.so\nauth required pam_spse_totp.so account=sshd\naccount required pam_unix.so\n"}, exitDone,
			"# /etc/pam.d/sshd:2: asks for a Security Code: sshd",
			"warning: account=sshd: no account line of the module acts for sshd: a login by key alone needs no Security Code (/etc/pam.d/sshd:2)\n" +
				"hint: add such a line with account=sshd to /etc/pam.d/sshd, or take sshd out of account="},
		"account= of whom services= leaves out": {sshdWith("services=cron account=sshd"), exitDone,
			"# /etc/pam.d/sshd:2: asks for a Security Code: no service\n# /etc/pam.d/sshd:4: refuses who gave no Security Code: no service\n" +
				"# left out, and so asked for no Security Code: sshd",
			"warning: services=cron: no auth line of the module acts for cron, which asks for no Security Code (/etc/pam.d/sshd:2 and /etc/pam.d/sshd:4)\n" +
				"hint: add the line to /etc/pam.d/cron, or take cron out of services=\n" +
				"warning: account=sshd: services= of the same line leaves sshd out: it does nothing there (/etc/pam.d/sshd:2 and /etc/pam.d/sshd:4)\n" +
				"hint: add sshd to services=, or take it out of account="},
		"one prompt": {map[string]string{"sshd": "auth optional pam_spse_totp.so split=6\nauth requisite pam_unix.so\nauth required pam_spse_totp.so\n"}, exitDone,
			"# /etc/pam.d/sshd:1: asks for password and Security Code in one: sshd\n# /etc/pam.d/sshd:3: asks for a Security Code: sshd", ""},
		"an argument that is none": {sshdWith("servces=sshd"), exitFailed, "",
			"error: /etc/pam.d/sshd:2: the module refuses the argument \"servces=sshd\", and with it every login of: sshd\n" +
				"hint: correct the line, or take it away, then look again: spse-totp config check"},
		"a stack that libpam cannot read": {map[string]string{"sudo": "@include common-ath\n"}, exitDone,
			"# no PAM stack of this host asks for Security Codes yet",
			"warning: /etc/pam.d/sudo:1: includes /etc/pam.d/common-ath, which is no file\n" +
				"hint: libpam may refuse all logins of the services that read this file: correct the line"},
		"a name that moves the cursor": {map[string]string{"x\x1b[2k": "auth required pam_spse_totp.so services=sshd\n"}, exitDone,
			"# /etc/pam.d/x\\x1b[2k:1: asks for a Security Code: no service\n# left out, and so asked for no Security Code: x\\x1b[2k",
			"warning: services=sshd: no auth line of the module acts for sshd, which asks for no Security Code (/etc/pam.d/x\\x1b[2k:1)\n" +
				"hint: add the line to /etc/pam.d/sshd, or take sshd out of services="},
	} {
		t.Run(what, func(t *testing.T) {
			status, stdout, stderr := configCheckOn(t, stacks(c.files), false)
			if status != c.status || stdout != c.stdout || stderr != c.stderr {
				t.Errorf("status %d\n%s\n%s\nwant %d\n%s\n%s", status, stdout, stderr, c.status, c.stdout, c.stderr)
			}
		})
	}
}

func TestConfigCheckSaysTheSameInJSON(t *testing.T) {
	status, stdout, stderr := configCheckOn(t, stacks(sshdWith("services=sshdd")), true)
	const want = `{
  "administrators": [
    "sudo"
  ],
  "contact": "",
  "first_activation": "password",
  "helpdesk": "",
  "issuer": "LPSE",
  "keyset": "/etc/spse-totp/keyset.json",
  "language": "id",
  "lock_after": 0,
  "pam": {
    "lines": [
      {
        "line": "/etc/pam.d/sshd:2",
        "type": "auth",
        "split": false,
        "acts_for": [],
        "left_out": [
          "sshd"
        ]
      },
      {
        "line": "/etc/pam.d/sshd:4",
        "type": "account",
        "split": false,
        "acts_for": [],
        "left_out": [
          "sshd"
        ]
      }
    ],
    "left_out": [
      "sshd"
    ],
    "warnings": [
      {
        "warning": "services=sshdd: this host has no service sshdd (/etc/pam.d/sshd:2 and /etc/pam.d/sshd:4)",
        "hint": "is sshd meant? then correct it: till then the line does nothing for sshd"
      }
    ]
  },
  "rules": {
    "lines": [],
    "warnings": []
  },
  "socket_directory": "/run/spse-totp",
  "state_directory": "/var/lib/spse-totp"
}`
	if status != exitDone || stdout != want || !strings.HasPrefix(stderr, "warning: services=sshdd: ") {
		t.Errorf("status %d\n%s\n%s", status, stdout, stderr)
	}
	if _, stdout, _ := configCheckOn(t, stacks(nil), true); !strings.Contains(stdout, `"lines": [],`) || !strings.Contains(stdout, `"warnings": []`) {
		t.Errorf("without a line of the module\n%s", stdout)
	}
	status, stdout, _ = configCheckOn(t, stacks(sshdWith("nullok")), true)
	if status != exitFailed || !strings.HasPrefix(stdout, "{\n  \"code\": \"failed\",\n  \"error\": \"/etc/pam.d/sshd:2: ") {
		t.Errorf("an error: status %d\n%s", status, stdout)
	}
}

// forbidden is a host whose stacks only root may read.
type forbidden struct{ fs.FS }

func (f forbidden) Open(name string) (fs.File, error) {
	if name == "etc/pam.d/sshd" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return f.FS.Open(name)
}

func TestConfigCheckSaysWhatItCannotRead(t *testing.T) {
	for want, host := range map[string]fs.FS{
		"error: reading the PAM stacks: /etc/pam.d/sshd: permission denied\nhint: as root: sudo spse-totp config check":                                     forbidden{stacks(nil)},
		"error: reading the PAM stacks: there is no /etc/pam.d, and /etc/pam.conf is not read\nhint: correct that, then look again: spse-totp config check": fstest.MapFS{},
	} {
		if status, stdout, stderr := configCheckOn(t, host, false); status != exitFailed || stdout != "" || stderr != want {
			t.Errorf("status %d\n%s\n%s\nwant\n%s", status, stdout, stderr, want)
		}
	}
}

// What a reload would not take is an error, with what to do.
func TestConfigCheckRefusesWhatAReloadWould(t *testing.T) {
	const over = "[[rule]]\naccounts = ['siti']\nverdict = 'exempt'\nreason = 'x'\nuntil = 2022-01-31\n"
	status, stdout, stderr := configCheckOf(t, stacks(nil), over, false)
	if status != exitFailed || stdout != "" || stderr != "error: FILE:5: until is over, 2022-01-31 was the last day: take the rule out, or give it a new date\n"+
		"hint: correct it, then look again: spse-totp config check" {
		t.Errorf("an exemption that is over: status %d\n%s\n%s", status, stdout, stderr)
	}
	path := filepath.Join(t.TempDir(), "spse-totp.toml")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o664)); err != nil {
		t.Fatal(err)
	}
	errs := tempFile(t)
	a := &app{stdout: tempFile(t), stderr: errs, configPath: path}
	if status := a.tell(a.configCheck(t.Context(), stacks(nil), &roster{})); status != exitFailed || !strings.Contains(content(t, errs), "mode 0664") || !strings.Contains(content(t, errs), "\nhint: if its content is right: chown root:root ") {
		t.Errorf("a file that others may write: status %d\n%s", status, content(t, errs))
	}
}

// What a stranger could do by a stack, and how to write it.
func TestConfigCheckSaysWhereAStrangerCouldActivate(t *testing.T) {
	const (
		ours      = "auth required pam_spse_totp.so\n"
		strangers = "a stranger could activate a phone of his own for who never was activated, and perhaps get in, in sshd: "
		keyFirst  = "AuthenticationMethods publickey,keyboard-interactive\n"
	)
	for what, c := range map[string]struct{ sshd, config, want string }{
		"required": {"auth required pam_unix.so\n" + ours, "", "warning: /etc/pam.d/sshd:2: " + strangers + "/etc/pam.d/sshd:1 (pam_unix.so) goes on after a wrong password\n" +
			"hint: write that line as: auth requisite pam_unix.so; or as in Debian's common-auth: [success=1 default=ignore], and below it: auth requisite pam_deny.so, then: auth required pam_permit.so"},
		"requisite, as the hint says": {"auth requisite pam_unix.so\n" + ours, "", ""},
		"as Debian, as the hint says": {"auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_permit.so\n" + ours, "", ""},
		"above the password": {ours + "auth requisite pam_unix.so\n", "", "warning: /etc/pam.d/sshd:1: " + strangers + "no line before it checks a password\n" +
			"hint: put it below the one that does, such as: @include common-auth; or, for key and code, set in sshd_config: AuthenticationMethods publickey,keyboard-interactive"},
		"key and code":              {ours + "auth required pam_permit.so\n", keyFirst, ""},
		"a key, and not for others": {ours + "auth required pam_permit.so\n", keyFirst + "Match User budi\nAuthenticationMethods any\n", "warning: /etc/pam.d/sshd:1: " + strangers + "no line"},
		"past the password": {"auth [success=1 default=ignore] pam_succeed_if.so uid = 0\nauth requisite pam_unix.so\n" + ours, "", "warning: /etc/pam.d/sshd:3: " + strangers +
			"/etc/pam.d/sshd:1 (pam_succeed_if.so) goes past the line that checks the password\nhint: let it go past this line too"},
		"in a substack": {"auth substack part\n" + ours, "", "warning: /etc/pam.d/sshd:2: " + strangers + "/etc/pam.d/part:1 (pam_unix.so) is in a substack, which is all that a wrong password ends\n" +
			"hint: include the file in place of substack: auth include part"},
		"included, as the hint says": {"auth include part\n" + ours, "", ""},
	} {
		files := stacks(map[string]string{"sshd": c.sshd + "account required pam_unix.so\n", "part": "auth requisite pam_unix.so\n"}).(fstest.MapFS)
		files["etc/ssh/sshd_config"] = &fstest.MapFile{Data: []byte(c.config)}
		if _, _, stderr := configCheckOn(t, files, false); !strings.HasPrefix(stderr, c.want) || c.want == "" && stderr != "" {
			t.Errorf("%s:\n%s\nwant\n%s", what, stderr, c.want)
		}
	}
}

// A stack that lets in past our line, or in spite of it.
func TestConfigCheckSaysWhereNobodyIsAsked(t *testing.T) {
	for stack, want := range map[string]string{
		"auth sufficient pam_unix.so\nauth requisite pam_unix.so\nauth required pam_spse_totp.so\n": "warning: /etc/pam.d/sshd:3: whom /etc/pam.d/sshd:1 (pam_unix.so) lets in is not asked here, in sshd\n" +
			"hint: let that line go on where it succeeds, by required or requisite in place of sufficient, and by no jump past this one",
		"auth requisite pam_unix.so\nauth optional pam_spse_totp.so\n": "warning: /etc/pam.d/sshd:2: whom this line refuses the stack may let in all the same, in sshd\n" +
			"hint: write its control as: required",
	} {
		if _, _, stderr := configCheckOn(t, stacks(map[string]string{"sshd": stack + "account required pam_unix.so\n"}), false); stderr != want {
			t.Errorf("%q\n%s\nwant\n%s", stack, stderr, want)
		}
	}
}

func TestConfigCheckSaysWhereALoginIsTooShortToActivate(t *testing.T) {
	const behind = "auth requisite pam_unix.so\nauth required pam_spse_totp.so\naccount required pam_unix.so\n"
	for what, c := range map[string]struct{ service, config, defs, want string }{
		"sshd":            {"sshd", "LoginGraceTime 1m\n", "", "warning: sshd: a login ends after 60 seconds (LoginGraceTime), and who activates in it is told that there are 2 minutes\nhint: take the line out of sshd_config, or write: LoginGraceTime 120"},
		"sshd as it is":   {"sshd", "", "LOGIN_TIMEOUT 60\n", ""},
		"sshd for ever":   {"sshd", "LoginGraceTime 0\n", "", ""},
		"login as it is":  {"login", "LoginGraceTime 1m\n", "", "warning: login: a login ends after 60 seconds (LOGIN_TIMEOUT), and who activates in it is told that there are 2 minutes\nhint: write in /etc/login.defs: LOGIN_TIMEOUT 120"},
		"login with more": {"login", "", "LOGIN_TIMEOUT 120\n", ""},
	} {
		files := stacks(map[string]string{c.service: behind}).(fstest.MapFS)
		files["etc/ssh/sshd_config"] = &fstest.MapFile{Data: []byte(c.config)}
		files["etc/login.defs"] = &fstest.MapFile{Data: []byte(c.defs)}
		if _, _, stderr := configCheckOn(t, files, false); stderr != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", what, stderr, c.want)
		}
	}
}

// A name in a rule that is no user's, and a group that is everybody's.
func TestConfigCheckLooksForThePeopleOfTheRules(t *testing.T) {
	files := stacks(nil).(fstest.MapFS)
	files["etc/passwd"] = &fstest.MapFile{Data: []byte("budi:x:1000:100::/:/bin/sh\nsiti:x:1001:100::/:/bin/sh\n")}
	for rules, want := range map[string]string{
		"[[rule]]\naccounts = ['bdui', 'siti']\nverdict = 'refuse'\n": "warning: FILE:1: accounts has bdui, and this host has no such user\n" +
			"hint: is budi meant? then correct it: till then the rule does not fit his logins",
		"[[rule]]\naccounts = ['cadangan']\nverdict = 'refuse'\n": "warning: FILE:1: accounts has cadangan, and this host has no such user\n" +
			"hint: names are exact: getent passwd lists them; of somebody who is to come, leave it",
		"[[rule]]\ngroups = [100]\nverdict = 'exempt'\nuntil = 2999-01-31\nreason = 'x'\n": "warning: FILE:1: this rule could exempt everyone: all 2 people of this host are in its accounts and groups\n" +
			"hint: take out the group that holds everybody; where everyone is meant, leave it, and look at its date",
	} {
		if status, _, stderr := configCheckOf(t, files, rules, false); status != exitDone || stderr != want {
			t.Errorf("%s\n%s\nwant\n%s", rules, stderr, want)
		}
	}
}

func TestConfigCheckSaysThatNSSCannotTell(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spse-totp.toml")
	if err := os.WriteFile(path, []byte("[[rule]]\naccounts = ['budi', 'siti']\nverdict = 'refuse'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	errs := tempFile(t)
	a := &app{stdout: tempFile(t), stderr: errs, configPath: path}
	if err := a.configCheck(t.Context(), stacks(nil), &roster{fault: errors.New("no answer")}); err != nil {
		t.Fatal(err)
	}
	if got, want := content(t, errs), "warning: whether this host knows the users of the rules cannot be told: no answer\nhint: is the directory server there? getent passwd budi"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The rules in one line each, as comments, and what is to be looked at.
func TestConfigCheckSaysTheRules(t *testing.T) {
	const rules = `[[rule]]
realm = "host"
services = ["sshd", "sudo"]
accounts = ["siti", "budi"]
groups = [30000, 30009]
from = ["203.0.113.0/24", "2001:db8::1"]
verdict = "exempt"
until = 2999-01-31
reason = "cadangan"

[[rule]]
accounts = ["siti"]
verdict = "exempt"
until = 2999-01-31
reason = "lama"

[[rule]]
services = ["su"]
verdict = "exempt"
until = 2999-01-31
reason = "semua"

[[rule]]
accounts = ["joko"]
verdict = "refuse"

[[rule]]
verdict = "allow"
mandatory_from = 2022-04-11

[[rule]]
services = ["cron"]
verdict = "require"
`
	const (
		stdout = `# 6 rules, of which the first that fits decides; whoever none fits has to give a Security Code
# FILE:1: exempt until 2999-01-31 (cadangan); realm host; services sshd, sudo; accounts siti, budi; groups 30000, 30009; from 203.0.113.0/24, 2001:db8::1/128
# FILE:11: exempt until 2999-01-31 (lama); accounts siti
# FILE:17: exempt until 2999-01-31 (semua); services su
# FILE:23: refuse; accounts joko
# FILE:27: allow, mandatory from 2022-04-11, which is over: it requires a code; everybody, everywhere
# FILE:31: require; services cron
# no PAM stack of this host asks for Security Codes yet`
		stderr = `warning: FILE:17: this rule could exempt everyone: it names neither accounts nor groups, nor a network that is not nearly all there are
hint: add accounts, groups or from; where everyone is meant, leave it, and look at its date
warning: FILE:31: this rule never decides: the one of line 27 fits all of its logins, and comes first
hint: take it out, or put it before line 27
warning: FILE:17: services has su, and this host has no such service
hint: a service is the name of a file in /etc/pam.d; if its program is not installed, leave it
warning: FILE:1: groups has 30009, and NSS knows no such group: as long as it does not, the strictest holds that the rule could mean
hint: getent group: is its directory server down? a group that is gone, take out of the rule`
	)
	if status, out, errs := configCheckOf(t, stacks(nil), rules, false); status != exitDone || out != stdout || errs != stderr {
		t.Errorf("status %d\n%s\n%s\nwant\n%s\n%s", status, out, errs, stdout, stderr)
	}
	_, out, _ := configCheckOf(t, stacks(nil), rules, true)
	var got struct{ Rules rulesReport }
	if err := json.Unmarshal([]byte(out), &got); err != nil || len(got.Rules.Lines) != 6 || len(got.Rules.Warnings) != 4 {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := (ruleLine{Line: "FILE:27", Verdict: "allow", MandatoryFrom: "2022-04-11", Over: true}); !reflect.DeepEqual(got.Rules.Lines[4], want) {
		t.Errorf("got %+v, want %+v", got.Rules.Lines[4], want)
	}
	if got, want := got.Rules.Warnings[1], (warning{"FILE:31: this rule never decides: the one of line 27 fits all of its logins, and comes first", "take it out, or put it before line 27"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, _, errs := configCheckOf(t, stacks(nil), "[[rule]]\nservices = ['sshdd']\nverdict = 'refuse'\n", false); !strings.Contains(errs, "is sshd meant?") {
		t.Errorf("a typing error: %s", errs)
	}
	if _, out, _ := configCheckOf(t, stacks(nil), "[[rule]]\nverdict = 'require'\n", false); !strings.HasPrefix(out, "# 1 rule; whoever it does not fit has to give a Security Code\n# FILE:1: require; everybody, everywhere\n") {
		t.Errorf("one rule\n%s", out)
	}
}
