package hosts

import (
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"spse-totp/pamclient/hosts/people"
	"spse-totp/pamclient/hosts/stage"
)

// What the prompts of a login end with, as patterns.
const (
	passwordPrompt = `[Pp]assword[^\n]*: $`
	confirmAt      = `\(\? = gambar lain\): $`
	recoveryOffer  = `Buat kode cadangan sekarang[^\n]*: $`
	newPhoneOffer  = `HP hilang atau diganti\?[^\n]*: $`
)

// seat is a person at a terminal.
type seat struct {
	*stage.Terminal
	t *testing.T
}

func sitDown(t *testing.T, cmd *exec.Cmd) *seat {
	t.Helper()
	cmd.Dir = "/"
	cmd.Env = []string{"LANG=C.UTF-8", "TERM=xterm", "HOME=/", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	terminal, err := stage.Open(io.Discard, cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(terminal.Close)
	return &seat{terminal, t}
}

// byOpenSSH is a person who logs in with Debian's ssh.
func byOpenSSH(t *testing.T, user string) *seat {
	t.Helper()
	return sitDown(t, clients(t)["OpenSSH"].program(user))
}

// read is all that somebody reads who logs in with Debian's ssh, and is in by the
// code alone.
func read(t *testing.T, user, code string) string {
	t.Helper()
	s := byOpenSSH(t, user)
	s.types(passwordPrompt, stage.Password)
	s.types(people.CodePrompt, code)
	if seen := s.reads(`masuk\r?\n|` + people.Offer); people.IsOffer(seen) {
		if err := s.Enter(""); err != nil {
			t.Fatal(err)
		}
		s.isIn()
	}
	return s.Shown()
}

func (s *seat) reads(pattern string) string {
	s.t.Helper()
	seen, err := s.Wait(pattern)
	if err != nil {
		s.t.Fatalf("%v, after %q", err, last(s.Shown(), 500))
	}
	return seen
}

// types answers the prompt with a line, and returns what stood before it.
func (s *seat) types(prompt, line string) string {
	s.t.Helper()
	seen := s.reads(prompt)
	if err := s.Enter(line); err != nil {
		s.t.Fatal(err)
	}
	return seen
}

// activates scans the picture there is, types what the phone shows, and returns
// the phone.
func (s *seat) activates() (uri string) {
	s.t.Helper()
	s.reads(confirmAt)
	uri = must(people.Scan(s.Shown(), people.DarkScreen))
	if err := s.Enter(must(people.PhoneCode(uri, 0))); err != nil {
		s.t.Fatal(err)
	}
	s.reads(activatedText)
	return uri
}

// isIn waits till the login is in, by its command or a shell, and leaves.
func (s *seat) isIn() {
	s.t.Helper()
	if err := arrive(s.Terminal, true); err != nil {
		s.t.Fatal(err)
	}
}

// answersAll answers password and code, presses Enter at offers, and keeps all
// that it reads.
func answersAll(read *string, code string) ssh.AuthMethod {
	return people.AnswersAll(read, stage.Password, code)
}

// newPerson takes somebody who never was active, and activates.
func newPerson(t *testing.T) *people.Person {
	t.Helper()
	return must(people.Activate(people.Control(stage.ControlSocket), theFleet.newcomer(t)))
}

func codeOf(t *testing.T, p *people.Person) string {
	t.Helper()
	code, ok := p.Code()
	if !ok {
		t.Fatal("no code is left")
	}
	return code
}

const abroad = "127.0.0.9"

// guess types so many wrong codes from elsewhere, at once.
func guess(t *testing.T, p *people.Person, times int) {
	t.Helper()
	wrong := people.Spoilt(must(people.PhoneCode("?secret="+p.Key.Secret.Base32(), 0)))
	var guesses sync.WaitGroup
	for range times {
		guesses.Go(func() {
			if err := people.LogInFrom(abroad, at(portPassword), p.Name, answers(stage.Password, wrong)); err == nil {
				t.Error("in by a wrong code")
			}
		})
	}
	guesses.Wait()
}

// standing is what root reads of an account.
type standing struct {
	Active       bool
	Guarded      bool
	GuardedUntil *time.Time `json:"guarded_until"`
	Locked       bool
	Failures     int
	DriftSeconds int `json:"drift_seconds"`
	RecoveryLeft int `json:"recovery_left"`
	Advice       []string
	Refusals     []struct {
		Reason, Source string
		Count          int
	}
}

func status(t *testing.T, name string) (s standing) {
	t.Helper()
	out, err := exec.Command(filepath.Join("..", "..", "build", "spse-totp"), "status", name, "--json").Output()
	if err != nil {
		t.Fatalf("status: %v", err)
	}
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return s
}

func (s standing) advises(what string) error {
	for _, line := range s.Advice {
		if strings.Contains(line, what) {
			return nil
		}
	}
	return fmt.Errorf("status advises %q, and not %q", s.Advice, what)
}
