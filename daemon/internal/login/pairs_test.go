package login

import (
	"testing"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/protocol"
)

// verdict is how the conversation ended.
func (s *script) verdict() protocol.Verdict {
	result, _ := s.said[len(s.said)-1].(protocol.Result)
	return result.Verdict
}

func from(service, rhost, tty, typedName string) func(*protocol.Start) {
	return func(s *protocol.Start) { s.Service, s.RHost, s.TTY, s.User = service, rhost, tty, typedName }
}

// However one comes, by another door, from another place or under another
// spelling that NSS takes for the same name, wrong codes are of one count.
func TestOneCountHoweverOneComes(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ways := []func(*protocol.Start){
		from("sshd", "192.0.2.1", "ssh", "budi"), from("sshd", "2001:db8::7", "ssh", "budi"), from("sshd", "gate.example", "ssh", "budi"),
		from("login", "", "tty1", "budi"), from("sudo", "", "pts/3", "budi"), from("su", "", "", "budi"),
		from("sshd", "192.0.2.1", "ssh", "BUDI"), from("sshd", "192.0.2.1", "ssh", "budi@LPSE.EXAMPLE"),
		from("sshd", "192.0.2.1", "ssh", "budi."), from("sshd", "192.0.2.1", "ssh", `LPSE\budi`),
	}
	for i, way := range ways {
		expectSaid(t, d.serve(t, start(way), answer(d.wrong(t))), prompted(refusal)...)
		if run := d.accounts.accounts[account.Host("budi")].Failures.Run; run != uint32(i+1) {
			t.Fatalf("after %d wrong codes the count is %d", i+1, run)
		}
	}
	expectSaid(t, d.serve(t, start(), answer(d.code(t, 0))), prompted(refusal)...)
	if reason := d.diary.events[len(ways)].Reason; reason != "noted" {
		t.Errorf("the next right code: %s, want guarded by %d wrong ones", reason, len(ways))
	}
}

// While guarded a person reads the usual refusal and is in with the next code;
// what somebody elsewhere types between changes nothing.
func TestGuardedTakesTwoInARow(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	elsewhere := start(from("sshd", "203.0.113.9", "ssh", "budi"))
	for range 20 {
		expectSaid(t, d.serve(t, elsewhere, answer(d.wrong(t))), prompted(refusal)...)
	}
	d.now = d.now.Add(time.Minute)
	expectSaid(t, d.serve(t, start(), answer(d.code(t, 0))), prompted(refusal)...)
	expectSaid(t, d.serve(t, elsewhere, answer(d.wrong(t))), prompted(refusal)...)
	d.now = d.now.Add(30 * time.Second)
	if got := d.serve(t, start(), answer(d.code(t, 0))).verdict(); got != protocol.Accepted {
		t.Errorf("two in a row: %v", got)
	}
	d.now = d.now.Add(30 * time.Second)
	expectSaid(t, d.serve(t, start(), answer(d.code(t, 0))), prompted(acceptance)...)
}

// Two codes in a row are one person's: from one place, by one service.
func TestTwoInARowFromTwoPlaces(t *testing.T) {
	t.Parallel()
	for _, other := range []func(*protocol.Start){
		from("sshd", "203.0.113.9", "ssh", "budi"), from("sudo", "192.0.2.1", "ssh", "budi"), from("login", "", "tty1", "budi"),
	} {
		d := newDesk(t)
		d.change(func(a *account.Account) { a.Failures.Run = 10 })
		expectSaid(t, d.serve(t, start(), answer(d.code(t, 0))), prompted(refusal)...)
		d.now = d.now.Add(30 * time.Second)
		expectSaid(t, d.serve(t, start(other), answer(d.code(t, 0))), prompted(refusal)...)
		d.expectEvents(t, "noted", "noted")
	}
}

// A phone whose clock is off gets in by two codes in a row, counts nothing and is
// told nothing but the usual refusal; its next code lets in at once.
func TestAPhoneFourMinutesOff(t *testing.T) {
	t.Parallel()
	for _, off := range []int{-8, 8} {
		d := newDesk(t)
		expectSaid(t, d.serve(t, start(), answer(d.code(t, off))), prompted(refusal)...)
		d.now = d.now.Add(30 * time.Second)
		if got := d.serve(t, start(), answer(d.code(t, off))).verdict(); got != protocol.Accepted {
			t.Fatalf("%d steps off, the second: %v", off, got)
		}
		a := d.accounts.accounts[account.Host("budi")]
		if a.Failures != (account.Failures{}) || a.Phone.Drift != off {
			t.Errorf("%d steps off: counted %+v, drift %d", off, a.Failures, a.Phone.Drift)
		}
		d.now = d.now.Add(30 * time.Second)
		expectSaid(t, d.serve(t, start(), answer(d.code(t, off))), prompted(acceptance)...)
		d.expectEvents(t, "noted", "accepted-pair", "accepted")
	}
}
