package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/store"
	"spse-totp/daemon/protocol"
	"spse-totp/totp"
)

// newcomer has lost the phone, and was read out an issued code.
type newcomer struct {
	person // whose secret is what was shown last
	issued totp.LongCode

	confirming chan<- struct{} // is told when the new phone's code was sent
	accepted   bool            // as was answered
}

// newcomers writes accounts that were reset, each with an issued code, while no
// daemon runs.
func (b *bench) newcomers(names ...string) []newcomer {
	b.t.Helper()
	all := make([]newcomer, len(names))
	b.withStore(func(s *store.Store) {
		for i, name := range names {
			code, err := totp.NewLongCode(totp.Issued)
			if err != nil {
				b.t.Fatal(err)
			}
			a := account.Account{Generation: 1, WasActive: true}
			a = account.Issue(a, code, account.NewSalt(), 24*time.Hour, false, "test", time.Now())
			if err := put(b.t.Context(), s, name, a); err != nil {
				b.t.Fatal(err)
			}
			all[i] = newcomer{person: person{t: b.t, name: name}, issued: code}
		}
	})
	return all
}

var byHand = regexp.MustCompile(`Or type: ([A-Z2-7 ]+)`)

// activate is a login by the issued code, with the new phone that it shows. An
// error is a conversation that broke, or was given up.
func (n *newcomer) activate(ctx context.Context, b *bench) error {
	c, err := b.talk(n.start())
	if err != nil {
		return err
	}
	defer c.close()
	defer context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })()
	if _, err := c.prompt(); err != nil {
		return err
	}
	if err := c.send(answer(n.issued.Grouped())); err != nil {
		return err
	}
	if _, err := c.prompt(); err != nil {
		return err
	}
	shown := byHand.FindStringSubmatch(strings.Join(c.shown, "\n"))
	if shown == nil {
		return errors.New("no secret was shown")
	}
	key, err := totp.ParseURI("otpauth://totp/LPSE:a?issuer=LPSE&secret=" + strings.ReplaceAll(shown[1], " ", ""))
	if err != nil {
		return err
	}
	n.secret = key.Secret
	if err := c.send(answer(n.code(0))); err != nil {
		return err
	}
	n.confirming <- struct{}{}
	verdict, err := c.result()
	n.accepted = err == nil && verdict == protocol.Accepted
	return err
}

// A kill at any moment of an activation by an issued code leaves it spent and the
// phone activated, or neither: and the person gets in afterwards, in the second
// case by the same code.
func TestKilledDuringAnActivationByAnIssuedCode(t *testing.T) {
	t.Parallel()
	const together = 6
	count := rounds(10, 100)
	b := newBench(t)
	all := b.newcomers(numbered("budi", count*together)...)
	activated, cutOff := 0, 0
	d := b.start()
	for round := range count {
		now := all[round*together:][:together]
		ctx, giveUp := context.WithCancel(t.Context())
		confirming := make(chan struct{}, 2*together) // and once more, by the next daemon
		var work sync.WaitGroup
		for i := range now {
			now[i].confirming = confirming
			work.Go(func() {
				time.Sleep(time.Duration(rand.IntN(10_000)) * time.Microsecond)
				_ = now[i].activate(ctx, b) // it may be cut off anywhere
			})
		}
		for range rand.IntN(together + 1) {
			select {
			case <-confirming:
			case <-time.After(hang):
				t.Fatal("nobody confirms")
			}
		}
		time.Sleep(time.Duration(rand.IntN(4_000)) * time.Microsecond)
		d.kill()
		time.AfterFunc(100*time.Millisecond, giveUp) // who came too late for this daemon
		work.Wait()
		giveUp()
		for _, n := range now {
			a := b.read(n.name)
			switch {
			case a.Issued.Spent != a.Active():
				t.Errorf("round %d, %s: spent %v, activated %v", round, n.name, a.Issued.Spent, a.Active())
			case n.accepted && !a.Active():
				t.Errorf("round %d, %s: told of an activation that is not there", round, n.name)
			case a.Active() && a.Phone.Secret.Base32() != n.secret.Base32():
				t.Errorf("round %d, %s: the phone is not the one that was shown", round, n.name)
			}
		}
		d = b.start()
		for _, n := range now {
			if b.isActivated(n) {
				activated++
			} else {
				cutOff++
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("killed after the commit: %d, before: %d", activated, cutOff)
	if activated == 0 || cutOff == 0 {
		t.Error("every kill came at the same side of the commit: nothing was tested")
	}
}

// isActivated looks, with the daemon that came after, whether the code is spent;
// either way the person gets in.
func (b *bench) isActivated(n newcomer) (spent bool) {
	b.t.Helper()
	if err := n.activate(b.t.Context(), b); err == nil && n.accepted {
		b.expectLogin(n.person, n.code(1), protocol.Accepted)
		return false
	}
	b.expectLogin(n.person, n.issued.Grouped(), protocol.Refused)
	b.expectLogin(n.person, n.code(1), protocol.Accepted)
	return true
}
