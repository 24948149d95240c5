package main

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/internal/control"
	"spse-totp/daemon/internal/store"
	"spse-totp/daemon/protocol"
)

// setMark sets the clock mark so far from the host's clock, while no daemon runs.
func (b *bench) setMark(ahead time.Duration) {
	b.t.Helper()
	b.withStore(func(s *store.Store) {
		if err := s.AcceptClock(b.t.Context(), time.Now().Add(ahead)); err != nil {
			b.t.Fatal(err)
		}
	})
}

// A host whose clock is a day behind raises an alarm at the start, once, which
// says what to do; it takes no code and counts none, recovery codes go on; and all
// is well once somebody said that the clock is right.
func TestAClockThatIsBehind(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	people := b.people("budi", "siti")
	budi, siti := people[0], people[1]
	b.setMark(24 * time.Hour)
	d := b.start()
	alarm := d.await(audit.Alarm, "clock", "behind")
	for _, way := range []string{"timedatectl", "spse-totp clock accept"} {
		if !strings.Contains(alarm["SPSE_TOTP_HINT"], way) {
			t.Errorf("the hint is %q, want %q", alarm["SPSE_TOTP_HINT"], way)
		}
	}
	if said := alarm["MESSAGE"]; !strings.Contains(said, "23h59m5") && !strings.Contains(said, "24h0m0s") {
		t.Errorf("the alarm does not say by how much: %s", said)
	}
	for range 12 { // as many as guard an account
		b.expectLogin(budi, budi.wrong(), protocol.Refused)
		b.expectLogin(budi, budi.code(0), protocol.Refused)
	}
	told := d.awaitCount(24, audit.Login, "budi", "clock-behind")
	if !strings.Contains(told[0]["SPSE_TOTP_HINT"], "timedatectl") {
		t.Errorf("the login's hint is %q", told[0]["SPSE_TOTP_HINT"])
	}
	b.expectLogin(siti, siti.kept[0].Grouped(), protocol.Accepted)
	if alarms := d.told(audit.Alarm); len(alarms) != 1 || len(d.told(audit.Recovery)) > 0 {
		t.Errorf("%d alarms: %v; and %v", len(alarms), alarms, d.told(audit.Recovery))
	}
	d = b.acceptClock(d)
	b.expectLogin(budi, budi.code(0), protocol.Accepted) // not guarded
	b.expectLogin(siti, siti.code(0), protocol.Accepted)
	if status := d.stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if a := b.read("budi"); a.Failures.Month != 0 || len(a.Refusals) != 0 {
		t.Errorf("counted while the clock was behind: %+v", a)
	}
}

// acceptClock is an administrator who says that the clock is right: on
// control.sock, which is for root, else while no daemon runs.
func (b *bench) acceptClock(d *process) *process {
	b.t.Helper()
	if os.Geteuid() != 0 {
		if status := d.stop(); status != 0 {
			b.t.Errorf("exit status %d", status)
		}
		b.setMark(0)
		return b.start()
	}
	clock, err := ask[control.Clock](b, http.MethodPost, control.PathClock, "", control.Justification{Reason: "the battery was dead"})
	if err != nil || clock.Behind {
		b.t.Errorf("the clock is %+v, %v", clock, err)
	}
	d.await(audit.Recovery, "clock is right")
	d.await(audit.Clock, "the battery was dead")
	return d
}

// A clock that was put right by timedatectl is met by the next login, and told.
func TestAClockThatComesRight(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.people("budi")[0]
	const by = 3 * time.Second
	b.setMark(2*time.Minute + by) // beyond the slack, and within it soon
	d := b.start()
	d.await(audit.Alarm, "clock", "behind")
	code := p.code(0)
	for end := time.Now().Add(hang); b.login(p, code) != protocol.Accepted; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come right")
		}
	}
	d.await(audit.Recovery, "clock is right")
	if len(d.told(audit.Alarm)) != 1 || len(d.told(audit.Recovery)) != 1 {
		t.Errorf("told %v, %v", d.told(audit.Alarm), d.told(audit.Recovery))
	}
}
