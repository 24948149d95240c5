package hosts

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"spse-totp/pamclient/hosts/people"
	"spse-totp/pamclient/hosts/stage"
)

// storm is so many logins, one wrong code for every ten right ones.
type storm struct {
	logins   int
	parallel int
	logIn    func(user, code string) error // nil: in
}

// outcome is how the logins of a storm ended.
type outcome struct {
	mu                                sync.Mutex
	rightIn, rightOut, wrongIn, hangs int
	faults                            []string
}

func (o *outcome) add(wrong bool, err error, took time.Duration, who string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case took >= people.Hang:
		o.hangs++
	case wrong && err == nil:
		o.wrongIn++
	case !wrong && err == nil:
		o.rightIn++
	case !wrong:
		o.rightOut++
		o.faults = append(o.faults, fmt.Sprintf("%s: %v; %v", who, err, theFleet.events.of(who)))
	}
}

// run demands that all right codes get in, no wrong one does, nothing hangs, and
// no process of the program is left.
func (s storm) run(t *testing.T, program string) {
	t.Helper()
	wrongs := s.logins / 10
	jobs := make(chan bool, s.logins+wrongs) // true: a wrong code
	for i := range s.logins {
		jobs <- false
		if i%10 == 9 {
			jobs <- true
		}
	}
	close(jobs)
	var o outcome
	var workers sync.WaitGroup
	begin := time.Now()
	for range s.parallel {
		workers.Go(func() {
			for wrong := range jobs {
				name, code := theFleet.code(t)
				if wrong {
					code = people.Spoilt(code)
				}
				start := time.Now()
				err := s.logIn(name, code)
				o.add(wrong, err, time.Since(start), name)
			}
		})
	}
	workers.Wait()
	t.Logf("%d logins with %d in parallel in %.0f s: %d right codes in, %d right out, %d of %d wrong in, %d hangs",
		s.logins, s.parallel, time.Since(begin).Seconds(), o.rightIn, o.rightOut, o.wrongIn, wrongs, o.hangs)
	if o.rightIn != s.logins || o.wrongIn != 0 || o.hangs != 0 {
		t.Errorf("not all right codes in, wrong ones out and no hangs: %s", strings.Join(o.faults, "; "))
	}
	mustLeaveNoProcess(t, program)
}

func TestKeyboardInteractive(t *testing.T) {
	for name, s := range map[string]storm{
		"in sequence":   {logins: 200, parallel: 1},
		"8 in parallel": {logins: 200, parallel: 8},
	} {
		t.Run(name, func(t *testing.T) {
			s.logIn = func(user, code string) error { return logIn(portPassword, user, answers(stage.Password, code)) }
			s.run(t, "sshd")
		})
	}
}

func TestPublickeyThenKeyboardInteractive(t *testing.T) {
	for name, s := range map[string]storm{
		"in sequence":   {logins: 100, parallel: 1},
		"8 in parallel": {logins: 100, parallel: 8},
	} {
		t.Run(name, func(t *testing.T) {
			s.logIn = func(user, code string) error {
				return logIn(portKey, user, ssh.PublicKeys(theFleet.key), answers(stage.Password, code))
			}
			s.run(t, "sshd")
		})
	}
}

// OpenSSH itself refuses keyboard-interactive after a failed PAM password: the
// demand here is that nothing hangs and nobody is in without a code.
func TestPasswordThenKeyboardInteractiveInOneConnection(t *testing.T) {
	for range 20 {
		name, code := theFleet.code(t)
		start := time.Now()
		err := logIn(portPassword, name, ssh.Password(stage.Password), answers(stage.Password, code))
		if err == nil {
			t.Errorf("%s got in by a password attempt and then a code: OpenSSH used to refuse that", name)
		}
		if time.Since(start) >= people.Hang {
			t.Errorf("%s hung", name)
		}
	}
	mustLeaveNoProcess(t, "sshd")
}

// sshd's password method gives the password to every hidden prompt; ours is
// visible, so it fails there, and the password never reaches the daemon.
func TestPasswordMethodAloneNeverGetsIn(t *testing.T) {
	name, _ := theFleet.code(t)
	before := theFleet.events.count(name)
	if err := logIn(portPassword, name, ssh.Password(stage.Password)); err == nil {
		t.Error("in by the password alone")
	}
	mustLeaveNoProcess(t, "sshd")
	for _, e := range theFleet.events.await(t, name, before+1)[before:] {
		if e["SPSE_TOTP_REASON"] != "abandoned" {
			t.Errorf("a password at our prompt came to %v", e)
		}
	}
}

func TestWhoMayNotGetsInByNothing(t *testing.T) {
	name, code := theFleet.code(t)
	for what, methods := range map[string][]ssh.AuthMethod{
		"wrong password, right code": {answers("wrong", code)},
		"empty code":                 {answers(stage.Password, "")},
		"password as the code":       {answers(stage.Password, stage.Password)},
	} {
		if err := logIn(portPassword, name, methods...); err == nil {
			t.Errorf("%s: in", what)
		}
	}
	if err := logIn(portPassword, name, answers(stage.Password, code)); err != nil {
		t.Errorf("and then the right ones: %v", err)
	}
	if err := logIn(portPassword, name, answers(stage.Password, code)); err == nil {
		t.Error("the same code again: in")
	}
	if err := logIn(portPassword, notActivated, answers(stage.Password, "123456")); err == nil {
		t.Error("somebody who never activated: in")
	}
	if err := logIn(portPassword, "nobody-of-that-name", answers(stage.Password, "123456")); err == nil {
		t.Error("a user there is not: in")
	}
	mustLeaveNoProcess(t, "sshd")
}

// With publickey alone sshd never asks the auth phase: the account phase
// refuses, and says what the administrator must set.
func TestPublickeyAloneIsRefused(t *testing.T) {
	name, _ := theFleet.code(t)
	before := theFleet.events.count(name)
	banner, err := bannerOf(portPassword, name, ssh.PublicKeys(theFleet.key))
	if err == nil {
		t.Error("in by the key alone")
	}
	mustLeaveNoProcess(t, "sshd")
	if !strings.Contains(banner, "AuthenticationMethods publickey,keyboard-interactive") {
		t.Errorf("the administrator is told %q", banner)
	}
	last := theFleet.events.await(t, name, before+1)[before]
	if last["SPSE_TOTP_REASON"] != "code-not-seen" || !strings.Contains(last["SPSE_TOTP_HINT"], keyThenCode) {
		t.Errorf("the event is %v", last)
	}
}

// A Go module would add threads here that do not survive sshd's fork.
func TestSSHDKeepsOneThread(t *testing.T) {
	name, code := theFleet.code(t)
	seen := 0
	err := logIn(portPassword, name, people.AtTheCode(stage.Password, func() (string, error) {
		pids, err := stage.Processes("sshd")
		if err != nil {
			return "", err
		}
		for _, pid := range pids {
			tasks, err := os.ReadDir("/proc/" + pid + "/task")
			if err != nil {
				continue // it ended between the two looks
			}
			if seen++; len(tasks) != 1 {
				t.Errorf("sshd process %s has %d threads", pid, len(tasks))
			}
		}
		return code, nil
	}))
	if err != nil {
		t.Error(err)
	}
	if seen < 2 {
		t.Errorf("saw %d processes of sshd, want its listener and a monitor at least", seen)
	}
}

// --- logging in

func at(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func logIn(port int, user string, methods ...ssh.AuthMethod) error {
	return people.LogIn(at(port), user, methods...)
}

func answers(password, code string) ssh.AuthMethod { return people.Answers(password, code) }

// bannerOf is what sshd shows before it refuses.
func bannerOf(port int, user string, methods ...ssh.AuthMethod) (banner string, err error) {
	client, err := ssh.Dial("tcp", at(port), &ssh.ClientConfig{
		User: user, Auth: methods, Timeout: people.Hang,
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), // loopback, of our own
		BannerCallback:  func(text string) error { banner += text; return nil },
	})
	if err == nil {
		_ = client.Close()
	}
	return banner, err
}

// mustLeaveNoProcess demands that none is left but the listening sshds.
func mustLeaveNoProcess(t *testing.T, program string) {
	t.Helper()
	want := 0
	if program == "sshd" {
		want = listeners
	}
	var pids []string
	for range 100 {
		var err error
		if pids, err = stage.Processes(program); err != nil {
			t.Fatal(err)
		}
		if len(pids) == want {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%d processes of %s are left, want %d", len(pids), program, want)
}
