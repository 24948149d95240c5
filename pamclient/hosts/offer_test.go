package hosts

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"

	"spse-totp/pamclient/hosts/stage"
)

// underRules gives the daemon these rules, for one test.
func underRules(t *testing.T, rules string) {
	t.Helper()
	path, err := stage.Config()
	if err != nil {
		t.Fatal(err)
	}
	reload := func(content []byte) {
		t.Helper()
		before := theFleet.events.count("")
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := theFleet.daemon.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		for seen := before + 1; ; seen++ {
			if last := theFleet.events.await(t, "", seen)[seen-1]; strings.Contains(last["MESSAGE"], "configuration reloaded") {
				return
			}
		}
	}
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	reload([]byte(string(old) + rules))
	t.Cleanup(func() { reload(old) })
}

// Under allow, who never was activated gets in by Enter at the offer; so does
// whom sshd's password method cannot ask. sudo itself refuses whoever left a prompt
// out, whatever PAM says.
func TestTheOfferAndProgramsThatCannotAnswer(t *testing.T) {
	coverSudoers(t)
	underRules(t, "\n[[rule]]\nverdict = \"allow\"\nmandatory_from = 2999-01-31\n")
	user := theFleet.newcomer(t)
	if err := logIn(portPassword, user, answers(stage.Password, "")); err != nil {
		t.Errorf("Enter at the offer: %v", err)
	}
	if err := logIn(portPassword, user, ssh.Password(stage.Password)); err != nil {
		t.Errorf("sshd's password method: %v", err)
	}
	if err := logIn(portPassword, user, ssh.Password("salah")); err == nil {
		t.Error("a wrong password gets in")
	}
	for typed, in := range map[string]bool{stage.Password + "\n\n": true, stage.Password + "\n": false, "salah\n": false} {
		cmd := exec.Command("sudo", "-S", "-k", "echo", "masuk")
		cmd.SysProcAttr = credential(theFleet.uid(user))
		cmd.Stdin, cmd.Dir = strings.NewReader(typed), "/"
		out, err := cmd.CombinedOutput()
		if got := err == nil && strings.Contains(string(out), "masuk"); got != in {
			t.Errorf("sudo -S with %q: in %v, want %v: %v, %s", typed, got, in, err, out)
		}
	}
	mustBeActive(t, user, false)
	mustLeaveNoProcess(t, "sshd")
	mustLeaveNoProcess(t, "sudo")
}
