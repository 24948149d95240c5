package main

import (
	"fmt"
	"sync"
	"syscall"
	"testing"

	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/protocol"
)

// caller is one login that was brought to its prompt. Another way to log in,
// such as a PAM process, joins the race by another implementation.
type caller interface {
	answer(code string) error
	verdict() (protocol.Verdict, error)
	close()
}

var _ caller = socketCaller{}

// socketCaller is a login straight over pam.sock.
type socketCaller struct{ *talk }

func (c socketCaller) answer(code string) error           { return c.send(answer(code)) }
func (c socketCaller) verdict() (protocol.Verdict, error) { return c.result() }

// callers are so many logins of a person over pam.sock, all at their prompt.
func (b *bench) callers(p person, count int) []caller {
	b.t.Helper()
	all := make([]caller, count)
	var open sync.WaitGroup
	for i := range all {
		open.Go(func() {
			c, err := b.talk(p.start())
			if err == nil {
				_, err = c.prompt()
			}
			if err != nil {
				b.t.Errorf("bringing a login to its prompt: %v", err)
				return
			}
			all[i] = socketCaller{c}
		})
	}
	open.Wait()
	if b.t.Failed() {
		b.t.FailNow()
	}
	return all
}

// race sends one code by all callers while the daemon stands still, so that it
// has every answer before it gives the first verdict, and counts the verdicts.
func (d *process) race(callers []caller, code string) map[protocol.Verdict]int {
	t := d.b.t
	t.Helper()
	d.signal(syscall.SIGSTOP)
	for _, c := range callers {
		if err := c.answer(code); err != nil {
			t.Fatal(err)
		}
	}
	d.signal(syscall.SIGCONT)
	verdicts := map[protocol.Verdict]int{}
	for _, c := range callers {
		verdict, err := c.verdict()
		if err != nil {
			t.Fatal(err)
		}
		verdicts[verdict]++
		c.close()
	}
	return verdicts
}

// One code of the phone, and then one recovery code.
func TestOneCodeLetsInOneOfManyCallers(t *testing.T) {
	t.Parallel()
	const count = 200
	b := newBench(t)
	people := b.people(numbered("budi", rounds(10, 100))...)
	d := b.start()
	for _, p := range people {
		for i, code := range []string{p.code(0), p.kept[0].Grouped()} {
			verdicts := d.race(b.callers(p, count), code)
			if verdicts[protocol.Accepted] != 1 || verdicts[protocol.Refused] != count-1 {
				t.Errorf("%s, race %d: %v", p.name, i+1, verdicts)
			}
			of, races := fmt.Sprintf("login of %s:", p.name), i+1
			replayed := d.awaitCount(races*(count-1), audit.Login, of, "replayed")
			accepted := d.told(audit.Login, of, "accepted")
			if len(replayed) != races*(count-1) || len(accepted) != races {
				t.Errorf("%s, race %d: %d events of a replay, %d of an acceptance", p.name, races, len(replayed), len(accepted))
			}
		}
	}
}

// Two codes of the window: each lets in at most once, and the older one never
// after the newer one.
func TestTwoCodesOfTheWindowInARace(t *testing.T) {
	t.Parallel()
	const each = 20
	b := newBench(t)
	people := b.people(numbered("siti", rounds(5, 50))...)
	d := b.start()
	for _, p := range people {
		now, next := p.code(0), p.code(1)
		callers := b.callers(p, 2*each)
		d.signal(syscall.SIGSTOP)
		for i, c := range callers {
			if err := c.answer([]string{now, next}[i%2]); err != nil {
				t.Fatal(err)
			}
		}
		d.signal(syscall.SIGCONT)
		accepted := map[int]int{}
		for i, c := range callers {
			verdict, err := c.verdict()
			if err != nil {
				t.Fatal(err)
			}
			if verdict == protocol.Accepted {
				accepted[i%2]++
			}
			c.close()
		}
		if accepted[0] > 1 || accepted[1] != 1 {
			t.Errorf("%s: the older let in %d times, the newer %d", p.name, accepted[0], accepted[1])
		}
		b.expectLogin(p, now, protocol.Refused)
		b.expectLogin(p, next, protocol.Refused)
	}
}
