package hosts

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"spse-totp/pamclient/hosts/people"
	"spse-totp/pamclient/hosts/stage"
)

// what a refused person is told, on every host alike
const refusal = "Security Code tidak diterima"

func TestSudo(t *testing.T) {
	coverSudoers(t)
	for name, s := range map[string]storm{
		"in sequence":   {logins: 100, parallel: 1},
		"8 in parallel": {logins: 100, parallel: 8},
	} {
		t.Run(name, func(t *testing.T) {
			s.logIn = sudo
			s.run(t, "sudo")
		})
	}
}

// coverSudoers lets the fleet use sudo, and one user without a password.
func coverSudoers(t *testing.T) {
	t.Helper()
	cover(t, "/etc/sudoers", "Defaults passwd_tries=1, !lecture, timestamp_timeout=0\n%lpse ALL=(ALL) ALL\n"+notActivated+" ALL=(ALL) NOPASSWD: ALL\n", 0o440)
}

// sudo right after ssh with the code just used: the usual refusal, which says to
// wait, and it counts nowhere.
func TestSudoRightAfterSSHWithTheSameCode(t *testing.T) {
	coverSudoers(t)
	name, code := theFleet.code(t)
	if err := logIn(portPassword, name, answers(stage.Password, code)); err != nil {
		t.Fatal(err)
	}
	before := theFleet.events.count(name)
	if err := sudo(name, code); err == nil || !errors.Is(err, errRefused) {
		t.Errorf("the same code in sudo: %v", err)
	}
	last := theFleet.events.await(t, name, before+1)[before]
	if last["SPSE_TOTP_REASON"] != "replayed" {
		t.Errorf("the event is %v", last)
	}
}

func TestSu(t *testing.T) {
	storm{logins: 50, parallel: 1, logIn: su}.run(t, "su")
}

func TestConsoleLogin(t *testing.T) {
	storm{logins: 20, parallel: 1, logIn: console}.run(t, "login")
}

// What asks nobody for a code goes on with the daemon dead: cron's account
// phase, su by root, sudo with NOPASSWD.
func TestWhatAsksNobodyWorksWithoutADaemon(t *testing.T) {
	coverSudoers(t)
	if err := theFleet.daemon.End(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := theFleet.restart(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}()
	cover(t, "/etc/pam.d/su", "auth sufficient pam_rootok.so\nauth requisite pam_deny.so\n"+
		"account required pam_unix.so\naccount required "+theFleet.module+" account=sshd\nsession required pam_permit.so\n", 0o644)
	if out, err := exec.Command("su", notActivated, "-c", "echo in").Output(); err != nil || string(out) != "in\n" {
		t.Errorf("su by root: %q, %v", out, err)
	}
	if out, err := asUser(stage.FirstUID, "sudo", "-n", "echo", "in"); err != nil || out != "in\n" {
		t.Errorf("sudo with NOPASSWD: %q, %v", out, err)
	}
}

// errRefused: the person read the refusal.
var errRefused = errors.New("refused")

// sudo runs a command as root, as a user at a terminal.
func sudo(user, code string) error {
	cmd := exec.Command("sudo", "-k", "echo", "masuk")
	cmd.SysProcAttr = credential(theFleet.uid(user))
	return atTerminal(cmd, code)
}

// su becomes the user, as somebody else.
func su(user, code string) error {
	cmd := exec.Command("su", user, "-c", "echo masuk")
	cmd.SysProcAttr = credential(stage.FirstUID)
	return atTerminal(cmd, code)
}

// console is login(1) on a terminal, as getty starts it.
func console(user, code string) error {
	return atTerminal(exec.Command("login", "-p", user), code)
}

func credential(uid int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: stage.FirstUID}}
}

// atTerminal types password and code when asked, and says whether that let in.
func atTerminal(cmd *exec.Cmd, code string) error {
	cmd.Dir = "/"
	t, err := stage.Open(io.Discard, cmd)
	if err != nil {
		return err
	}
	defer t.Close()
	for _, step := range [][2]string{{`[Pp]assword.*: $`, stage.Password}, {`Security Code \(.*\): $`, code}} {
		if _, err := t.Wait(step[0]); err != nil {
			return err
		}
		if err := t.Enter(step[1]); err != nil {
			return err
		}
	}
	seen, err := untilInOrOut(t)
	switch {
	case err != nil:
		return err
	case strings.HasSuffix(seen, refusal):
		return errors.Join(errRefused, leave(t, cmd))
	case strings.HasSuffix(seen, "$ "): // login's shell; sudo 1.9.16 hangs now and then if it is typed to while it ends
		if err := t.Enter("exit"); err != nil {
			return err
		}
	}
	if status, err := t.Ended(); err != nil || status != 0 {
		return fmt.Errorf("ended with status %d, %w", status, err)
	}
	return nil
}

// untilInOrOut presses Enter at offers, till the person is in or reads a refusal.
func untilInOrOut(t *stage.Terminal) (string, error) {
	for {
		seen, err := t.Wait(`masuk\r|\$ $|` + refusal + `|` + people.Offer)
		if err != nil || !people.IsOffer(seen) {
			return seen, err
		}
		if err := t.Enter(""); err != nil {
			return "", err
		}
	}
}

// leave waits for the refused program's end. login would ask for the next name,
// and is hung up on.
func leave(t *stage.Terminal, cmd *exec.Cmd) error {
	if filepath.Base(cmd.Path) == "login" {
		if err := cmd.Process.Kill(); err != nil {
			return err
		}
	}
	_, err := t.Ended()
	return err
}
