package hosts

import (
	"fmt"
	"testing"

	"golang.org/x/crypto/ssh"

	"spse-totp/pamclient/hosts/people"
	"spse-totp/pamclient/hosts/stage"
)

// coverSplit lays the stack for one prompt over sshd's, for one test.
func coverSplit(t *testing.T) {
	t.Helper()
	cover(t, "/etc/pam.d/sshd", fmt.Sprintf(`auth	optional	%[1]s split=6
auth	[success=1 default=ignore]	pam_unix.so try_first_pass nodelay
auth	requisite	pam_deny.so
auth	required	%[1]s
auth	required	pam_permit.so
account	required	pam_unix.so
account	required	%[1]s account=sshd
session	required	pam_permit.so
`, theFleet.module), 0o644)
}

// both answers every prompt with one text.
func both(text string) ssh.AuthMethod {
	return ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
		said := make([]string, len(questions))
		for i := range said {
			said[i] = text
		}
		return said, nil
	})
}

// Clients that can do no better, such as WinSCP's password field, give password
// and code in one.
func TestPasswordAndCodeInOnePrompt(t *testing.T) {
	coverSplit(t)
	for name, method := range map[string]func(text string) ssh.AuthMethod{
		"password":             func(text string) ssh.AuthMethod { return ssh.Password(text) },
		"keyboard-interactive": both,
	} {
		t.Run(name, func(t *testing.T) {
			storm{logins: 50, parallel: 1, logIn: func(user, code string) error {
				return logIn(portPassword, user, method(stage.Password+code))
			}}.run(t, "sshd")
		})
	}
}

func TestPasswordAloneInOnePrompt(t *testing.T) {
	coverSplit(t)
	name, code := theFleet.code(t)
	if err := logIn(portPassword, name, ssh.Password(stage.Password)); err == nil {
		t.Error("in by the password alone")
	}
	if err := logIn(portPassword, name, ssh.Password("salah-"+code)); err == nil {
		t.Error("in by a right code behind a wrong password")
	}
	// A code behind a wrong password was never judged: it is still good.
	if err := logIn(portPassword, name, ssh.Password(stage.Password+code)); err != nil {
		t.Errorf("and then by both: %v", err)
	}
	who, code := theFleet.code(t)
	asked := 0
	err := logIn(portPassword, who, ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
		said := make([]string, len(questions))
		for i, question := range questions {
			if people.IsOffer(question) {
				continue
			}
			if asked++; asked == 1 {
				said[i] = stage.Password
			} else {
				said[i] = code
			}
		}
		return said, nil
	}))
	if err != nil || asked != 2 {
		t.Errorf("the password alone, and the code when asked: asked %d times, %v", asked, err)
	}
	mustLeaveNoProcess(t, "sshd")
}
