package main

import (
	"bufio"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"spse-totp/daemon/internal/control"
	"spse-totp/daemon/protocol"
)

// storm is the load of one round, and what was answered to it: before the kill
// or, where it was waiting to connect, by the next daemon.
type storm struct {
	b          *bench
	logins     []person // each types one right code
	codes      []string
	accepted   []atomic.Bool
	guessed    person // whose code somebody guesses
	guess      string
	failures   atomic.Int64
	activating string // user who activates, where there is one

	confirmed atomic.Pointer[person]

	killed atomic.Bool
	load   sync.WaitGroup
}

// begin loads the daemon until it is killed.
func (s *storm) begin() {
	for i, p := range s.logins {
		s.load.Go(func() {
			verdict, err := s.b.tryLogin(p, s.codes[i])
			s.accepted[i].Store(err == nil && verdict == protocol.Accepted)
			if err == nil && verdict != protocol.Accepted {
				s.b.t.Errorf("login of %s: %v", p.name, verdict)
			}
		})
	}
	s.load.Go(func() {
		for !s.killed.Load() {
			if verdict, err := s.b.tryLogin(s.guessed, s.guess); err != nil || verdict != protocol.Refused {
				return
			}
			s.failures.Add(1)
		}
	})
	if s.activating != "" {
		s.load.Go(func() {
			if p, err := s.b.activate(s.activating); err == nil {
				s.confirmed.Store(&p)
			}
		})
	}
}

// check looks, with the daemon that came after, at all that was answered.
func (s *storm) check() {
	t := s.b.t
	for i, p := range s.logins {
		verdict := s.b.login(p, s.codes[i])
		if s.accepted[i].Load() && verdict != protocol.Refused {
			t.Errorf("%s: the code accepted before the kill: %v", p.name, verdict)
		}
		// Where no answer came, nobody knows: the code is good once or never.
		s.b.expectLogin(p, s.codes[i], protocol.Refused)
	}
	if p := s.confirmed.Load(); p != nil {
		s.b.expectLogin(*p, p.code(1), protocol.Accepted)
	}
}

// A kill at any moment takes back nothing that was answered, and costs nobody
// who was at the prompt the login.
func TestKilledAtRandomUnderLoad(t *testing.T) {
	t.Parallel()
	const logins = 8
	count := rounds(20, 200)
	b := newBench(t)
	waiting := b.people(numbered("menunggu", count)...)
	guessed := b.people(numbered("ditebak", count)...)
	loginsOf := b.people(numbered("masuk", count*logins)...)
	users := usersToActivate(t)
	counted := make([]int64, count)
	activations, acceptances := 0, 0
	d := b.start()
	for round := range count {
		s := &storm{
			b: b, logins: loginsOf[round*logins:][:logins], accepted: make([]atomic.Bool, logins),
			guessed: guessed[round], guess: guessed[round].wrong(),
		}
		for _, p := range s.logins {
			s.codes = append(s.codes, p.code(0))
		}
		if round < len(users) || os.Geteuid() == 0 {
			s.activating = users[round%len(users)]
		}
		if round >= len(users) && s.activating != "" {
			b.remove(s.activating) // so that it can be activated again
		}
		atPrompt, err := b.talk(waiting[round].start())
		if err != nil {
			t.Fatal(err)
		}
		prompt, err := atPrompt.prompt()
		if err != nil {
			t.Fatal(err)
		}
		s.begin()
		time.Sleep(time.Duration(rand.IntN(40_000)) * time.Microsecond)
		d.kill()
		s.killed.Store(true)
		d = b.start()
		s.load.Wait()
		b.expectContinued(atPrompt, waiting[round], prompt)
		s.check()
		counted[round] = s.failures.Load()
		if s.confirmed.Load() != nil {
			activations++
		}
		for i := range s.accepted {
			if s.accepted[i].Load() {
				acceptances++
			}
		}
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	if status := d.stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	total := int64(0)
	for round, p := range guessed {
		total += counted[round]
		// One more guess may have been counted and not answered.
		if run := int64(b.read(p.name).Failures.Run); run < counted[round] || run > counted[round]+1 {
			t.Errorf("%s: %d failures, and %d were answered", p.name, run, counted[round])
		}
	}
	if acceptances == 0 || total == 0 {
		t.Error("every kill came too soon: nothing was tested")
	}
	t.Logf("answered: %d logins, %d failures, %d activations", acceptances, total, activations)
}

// expectContinued does what the module does when the daemon goes away without
// a result: it connects once more and sends along the prompt and what was
// typed to it.
func (b *bench) expectContinued(c *talk, p person, prompt string) {
	b.t.Helper()
	defer c.close()
	if reply, err := c.next(); err == nil {
		b.t.Errorf("the killed daemon said %v", reply)
	}
	if verdict, err := b.continued(p, prompt, p.code(0)); err != nil || verdict != protocol.Accepted {
		b.t.Errorf("continued after the kill: %v, %v", verdict, err)
	}
}

// continued is a start that carries what was typed to the last prompt.
func (b *bench) continued(p person, prompt, code string) (protocol.Verdict, error) {
	start, typed := p.start(), protocol.NewTyped(code)
	start.LastPrompt, start.Typed = prompt, &typed
	c, err := b.talk(start)
	if err != nil {
		return protocol.Refused, err
	}
	defer c.close()
	return c.result()
}

// remove deletes an account, which is for root.
func (b *bench) remove(name string) {
	b.t.Helper()
	status, said, err := b.call(http.MethodDelete, control.PathAccount, name, control.Justification{Reason: "once more"})
	if err != nil || status != http.StatusOK && status != http.StatusNotFound {
		b.t.Fatalf("removing %s: %d %s, %v", name, status, said, err)
	}
}

// usersToActivate are users of this machine for whom the test may activate:
// all for root, else the test's own, which serves once.
func usersToActivate(t *testing.T) []string {
	t.Helper()
	if os.Geteuid() != 0 {
		return []string{self(t)}
	}
	file, err := os.Open("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var names []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, _, ok := strings.Cut(lines.Text(), ":"); ok && name != "" && !strings.HasPrefix(name, "+") {
			names = append(names, name)
		}
	}
	return names
}

// A wrong code that was answered was counted, and a right one was burnt,
// whenever the kill comes after it.
func TestKilledRightAfterTheAnswer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	people := b.people(numbered("budi", rounds(10, 100))...)
	for _, p := range people {
		d := b.start()
		code := p.code(0)
		b.expectLogin(p, p.wrong(), protocol.Refused)
		b.expectLogin(p, p.wrong(), protocol.Refused)
		d.kill()
		if run := b.read(p.name).Failures.Run; run != 2 {
			t.Errorf("%s: %d failures after the kill, want 2", p.name, run)
		}
		d = b.start()
		b.expectLogin(p, code, protocol.Accepted)
		d.kill()
		d = b.start()
		b.expectLogin(p, code, protocol.Refused)
		d.kill()
	}
}

// An activation that was confirmed is there after a kill; one that was only
// begun lets nobody in, but can still be confirmed.
func TestKilledDuringAnActivation(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	name := self(t)
	d := b.start()
	offer, err := ask[control.Offer](b, http.MethodPost, control.PathOffer, name, control.OfferRequest{})
	if err != nil {
		t.Fatal(err)
	}
	p := scan(t, name, offer)
	d.kill()
	d = b.start()
	now, next := p.code(0), p.code(1)
	b.expectLogin(p, now, protocol.Refused)
	if _, err := ask[control.Account](b, http.MethodPost, control.PathActivation, name,
		control.ActivationRequest{Handle: offer.Handle, Codes: []string{now}}); err != nil {
		t.Fatal(err)
	}
	d.kill()
	d = b.start()
	b.expectLogin(p, now, protocol.Refused)
	b.expectLogin(p, next, protocol.Accepted)
	status, said, err := b.call(http.MethodPost, control.PathActivation, name,
		control.ActivationRequest{Handle: offer.Handle, Codes: []string{p.code(1)}})
	if err != nil || status != http.StatusConflict {
		t.Errorf("the offer serves again: %d %s, %v", status, said, err)
	}
	d.kill()
}
