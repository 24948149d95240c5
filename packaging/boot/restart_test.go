package boot

import (
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"spse-totp/packaging/boot/machine"
	"spse-totp/pamclient/hosts/people"
)

// storm is logins while the daemon goes away again and again.
type storm struct {
	o *office

	mu sync.Mutex // protects what follows

	in, wrongIn, wrongOut, replayIn, replayOut int
	kills                                      []time.Time
	refused                                    []refusal // of right codes
}

// refusal is a right code that did not get in.
type refusal struct {
	*people.Person
	sent time.Time
	err  error
}

// Ten logins a second while the daemon is restarted by systemctl and killed in
// turn. A kill may use up a code that was sent and not answered yet: its owner
// gets in by the next. All other right codes get in; no wrong and no used one
// ever does.
func TestRestartsWithoutALoss(t *testing.T) {
	times := 10
	if os.Getenv("SPSE_TOTP_LONG") != "" {
		times = 50
	}
	everywhere(t, func(t *testing.T, o *office) {
		o.mustWork(t)
		mark := o.mark(t)
		s := &storm{o: o}
		stop := make(chan struct{})
		var logins sync.WaitGroup
		logins.Go(func() { s.logIn(t, &logins, stop) })
		for range times {
			s.restart(t)
			s.kill(t)
		}
		close(stop)
		logins.Wait()
		events := o.since(t, mark)
		caught, lost := 0, 0
		for _, r := range s.refused {
			if reason := reasonFor(events, r.Name); reason != "replayed" || !s.sentAtAKill(r) {
				t.Errorf("%s was refused a right code (%s): %v", r.Name, reason, r.err)
				lost++
				continue
			}
			s.mustGetInByTheNextCode(t, r.Person)
			caught++
		}
		t.Logf("%d restarts and %d kills: %d right codes in, %d caught by a kill whose owners got in by the next, %d lost; "+
			"%d of %d wrong ones in, %d of %d used ones in", times, times, s.in, caught, lost,
			s.wrongIn, s.wrongIn+s.wrongOut, s.replayIn, s.replayIn+s.replayOut)
		if s.wrongIn > 0 || s.replayIn > 0 {
			t.Error("in by a wrong or a used code")
		}
		if s.in < times || s.wrongOut == 0 || s.replayOut == 0 {
			t.Error("too few logins to say anything")
		}
		mustBeSockets(t, o)
		o.mustWork(t)
	})
}

// pause is for a daemon that is back to serve those who waited.
const pause = 300 * time.Millisecond

func (s *storm) restart(t *testing.T) {
	s.o.run(t, "systemctl", "restart", unit)
	time.Sleep(pause)
}

func (s *storm) kill(t *testing.T) {
	pid := s.o.kill(t)
	s.mu.Lock()
	s.kills = append(s.kills, time.Now())
	s.mu.Unlock()
	s.o.awaitDaemon(t, pid)
	s.o.run(t, "systemctl", "start", unit) // returns once it is ready
	time.Sleep(pause)
}

func (s *storm) count(n *int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*n++
}

// logIn starts a login every 100 ms, and with every tenth one by a wrong code
// and one by the code just used.
func (s *storm) logIn(t *testing.T, logins *sync.WaitGroup, stop <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		p, code, err := s.o.crowd.Code()
		if err != nil {
			t.Error(err)
			return
		}
		logins.Go(func() {
			if !s.right(p, code) || i%10 != 0 {
				return
			}
			s.mustNot(p, code, &s.replayIn, &s.replayOut)
			s.mustNot(p, people.Spoilt(code), &s.wrongIn, &s.wrongOut)
		})
	}
}

func (s *storm) right(p *people.Person, code string) bool {
	var sent time.Time
	err := s.o.logIn(p.Name, people.AtTheCode(password, func() (string, error) {
		sent = time.Now()
		return code, nil
	}))
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.refused = append(s.refused, refusal{p, sent, err})
		return false
	}
	s.in++
	return true
}

// reasonFor is why somebody was refused last, by the daemon's word.
func reasonFor(events []machine.Entry, name string) string {
	reason := "the daemon tells nothing"
	for _, e := range events {
		if e["SPSE_TOTP_ACCOUNT"] == name {
			reason = e["SPSE_TOTP_REASON"]
		}
	}
	return reason
}

// sentAtAKill says whether a kill may have fallen between a code and its
// verdict.
func (s *storm) sentAtAKill(r refusal) bool {
	return slices.ContainsFunc(s.kills, func(kill time.Time) bool {
		return kill.After(r.sent) && kill.Before(r.sent.Add(pause))
	})
}

func (s *storm) mustNot(p *people.Person, code string, in, out *int) {
	if s.o.logIn(p.Name, people.Answers(password, code)) == nil {
		s.count(in)
	} else {
		s.count(out)
	}
}

func (s *storm) mustGetInByTheNextCode(t *testing.T, p *people.Person) {
	t.Helper()
	code := ""
	until(t, "the next code", func() bool {
		var ok bool
		code, ok = p.Code()
		return ok
	})
	if err := s.o.logIn(p.Name, people.Answers(password, code)); err != nil {
		t.Errorf("%s by the next code: %v", p.Name, err)
	}
}

// Whoever is at the prompt when the daemon goes away gets in by what they type
// then.
func TestAPersonAtThePromptDuringARestart(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		o.mustWork(t)
		for name, end := range map[string]func() error{
			"killed": func() error { return syscall.Kill(o.daemon(), syscall.SIGKILL) },
			"restarted": func() error {
				_, err := o.Run("systemctl", "restart", unit)
				return err
			},
		} {
			p, code := o.code(t)
			asked := 0
			err := o.logIn(p.Name, people.AtTheCode(password, func() (string, error) {
				asked++
				return code, end()
			}))
			if err != nil || asked != 1 {
				t.Errorf("%s: asked %d times: %v", name, asked, err)
			}
		}
		o.mustWork(t)
	})
}
