package hosts

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"spse-totp/pamclient/hosts/people"
	"spse-totp/pamclient/hosts/stage"
)

// restart ends the daemon by a signal and starts it again, as systemd would.
func (f *fleet) restart(signal os.Signal) error {
	return f.whileStopped(signal, func() error { return nil })
}

// whileStopped is restart with something done in between.
func (f *fleet) whileStopped(signal os.Signal, do func() error) error {
	if err := f.daemon.End(signal); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	binaries, err := filepath.Abs("../../build")
	if err != nil {
		return err
	}
	f.daemon, err = stage.Daemon(f.events, binaries)
	return err
}

// The daemon goes away while a person is at the prompt, and is back when the
// code is typed: the person gets in by it, and notices nothing.
func TestAPersonAtThePromptDuringARestart(t *testing.T) {
	for name, signal := range map[string]os.Signal{"killed": syscall.SIGKILL, "stopped": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				who, code := theFleet.code(t)
				asked := 0
				err := logIn(portPassword, who, people.AtTheCode(stage.Password, func() (string, error) {
					asked++
					return code, theFleet.restart(signal)
				}))
				if err != nil || asked != 1 {
					t.Errorf("%s: asked %d times, %v", who, asked, err)
				}
			}
		})
	}
	mustLeaveNoProcess(t, "sshd")
}

// With the daemon gone a login is refused in bounded time, and works again
// once it is back.
func TestLoginsWithoutADaemon(t *testing.T) {
	if err := theFleet.daemon.End(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what  string
		spoil func() error
	}{
		{"nobody listens", func() error { return nil }}, // the socket that the killed daemon left
		{"no socket", func() error { return os.Remove(stage.PAMSocket) }},
		{"a FIFO", func() error { return syscall.Mkfifo(stage.PAMSocket, 0o600) }},
		{"a file", func() error {
			return errors.Join(os.Remove(stage.PAMSocket), os.WriteFile(stage.PAMSocket, nil, 0o600))
		}},
	} {
		if err := c.spoil(); err != nil {
			t.Fatal(err)
		}
		who, code := theFleet.code(t)
		if err := logIn(portPassword, who, answers(stage.Password, code)); err == nil {
			t.Errorf("%s: in without a daemon", c.what)
		}
	}
	if err := os.Remove(stage.PAMSocket); err != nil {
		t.Fatal(err)
	}
	if err := theFleet.restart(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	who, code := theFleet.code(t)
	if err := logIn(portPassword, who, answers(stage.Password, code)); err != nil {
		t.Errorf("with the daemon back: %v", err)
	}
	mustLeaveNoProcess(t, "sshd")
}
