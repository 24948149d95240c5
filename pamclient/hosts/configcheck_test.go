package hosts

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"spse-totp/pamclient/hosts/stage"
)

// configCheck runs `spse-totp config check` on the stage, as it stands.
func configCheck(t *testing.T) (stdout, stderr string, err error) {
	t.Helper()
	config, err := stage.Config()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd := exec.Command("../../build/spse-totp", "config", "check", "--config", config)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// coverPassword lays the stack of password and code over sshd's, with other
// arguments of the module, for one test.
func coverPassword(t *testing.T, arguments string) {
	t.Helper()
	cover(t, "/etc/pam.d/sshd", fmt.Sprintf(`auth	requisite	pam_unix.so nodelay
auth	required	%[1]s %[2]s
account	required	pam_unix.so
account	required	%[1]s %[2]s
session	required	pam_permit.so
`, theFleet.module, arguments), 0o644)
}

// A typing error in services= lets in by the password alone, and config check
// says so; where all is well it has nothing to warn of.
func TestConfigCheckNamesTheDoorThatATypingErrorOpens(t *testing.T) {
	stdout, stderr, err := configCheck(t)
	if err != nil || strings.Contains(stderr, "services=") || strings.Contains(stderr, "account=") || strings.Contains(stderr, "stranger") {
		t.Errorf("of good stacks: %v\n%s", err, stderr)
	}
	if want := "# /etc/pam.d/sshd:4: asks for a Security Code: sshd\n"; !strings.Contains(stdout, want) {
		t.Errorf("does not say %q\n%s", want, stdout)
	}

	coverPassword(t, "services=sshdd account=sshdd")
	name, _ := theFleet.code(t)
	if err := logIn(portPassword, name, answers(stage.Password, "")); err != nil {
		t.Errorf("the door that this is about is not open: %v", err)
	}
	stdout, stderr, err = configCheck(t)
	if err != nil {
		t.Errorf("config check: %v", err)
	}
	for _, want := range []string{
		"warning: services=sshdd: this host has no service sshdd (/etc/pam.d/sshd:2 and /etc/pam.d/sshd:4)\nhint: is sshd meant?",
		"warning: account=sshdd: this host has no service sshdd (/etc/pam.d/sshd:2 and /etc/pam.d/sshd:4)\nhint: is sshd meant?",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("does not say %q\n%s", want, stderr)
		}
	}
	if i := strings.Index(stdout, "# left out, and so asked for no Security Code: "); i < 0 || !strings.Contains(stdout[i:], "sshd") {
		t.Errorf("does not say that sshd is left out\n%s", stdout)
	}
	mustLeaveNoProcess(t, "sshd")
}

// Behind `required pam_unix.so` a stranger with a wrong password is not in, and
// has put his phone on the account: config check says so, and what to write.
func TestConfigCheckNamesTheStackInWhichAStrangerActivates(t *testing.T) {
	stack := func(control string) string {
		return fmt.Sprintf("auth %[2]s pam_unix.so nodelay\nauth required %[1]s %[3]s\naccount required pam_unix.so\naccount required %[1]s %[3]s\nsession required pam_permit.so\n",
			theFleet.module, control, ofSSHD)
	}
	for control, open := range map[string]bool{"required": true, "requisite": false} {
		t.Run(control, func(t *testing.T) {
			cover(t, "/etc/pam.d/sshd", stack(control), 0o644)
			user := theFleet.newcomer(t)
			if err := logIn(portPassword, user, typing("bukan password", byPhone)); err == nil {
				t.Error("in by a wrong password")
			}
			mustBeActive(t, user, open)
			_, stderr, err := configCheck(t)
			if said := strings.Contains(stderr, "/etc/pam.d/sshd:1 (pam_unix.so) goes on after a wrong password"); err != nil || said != open {
				t.Errorf("config check says it: %v, want %v: %v\n%s", said, open, err, stderr)
			}
		})
	}
}

// config check and the module each read the arguments: what one of them takes,
// the other does.
func TestConfigCheckRefusesTheArgumentsThatTheModuleRefuses(t *testing.T) {
	for arguments, good := range map[string]bool{
		ofSSHD: true,
		"socket=" + stage.PAMSocket + " services=su,sshd account=sshd timeout=05 debug": true,
		"[services=sshd] \\\n\t[account=sshd]":                                          true,
		"nullok":                                                                        false,
		"services=":                                                                     false,
		"services=sshd,":                                                                false,
		"services=Sshd":                                                                 false,
		"[services=sshd, login]":                                                        false,
		"services=sshd services=login":                                                  false,
		"split=7":                                                                       false,
		"timeout=0":                                                                     false,
		"timeout=61":                                                                    false,
		"debug debug":                                                                   false,
		"socket=run":                                                                    false,
	} {
		t.Run(arguments, func(t *testing.T) {
			coverPassword(t, arguments)
			name, code := theFleet.code(t)
			if err := logIn(portPassword, name, answers(stage.Password, code)); good != (err == nil) {
				t.Errorf("the module takes them: %v, want %v", err, good)
			}
			if _, stderr, err := configCheck(t); good != (err == nil) {
				t.Errorf("config check takes them: %v, want %v\n%s", err, good, stderr)
			}
		})
	}
}
