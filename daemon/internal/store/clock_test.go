package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/store"
	"spse-totp/totp"
)

const day = 24 * time.Hour

// attemptBy is an attempt as a login makes it, which heeds the clock mark.
func attemptBy(t *testing.T, s *store.Store, id account.ID, typed totp.Typed, now time.Time) account.Reason {
	t.Helper()
	_, outcome, err := s.Update(t.Context(), id, func(a account.Account) (account.Account, account.Outcome) {
		try := account.Try{Typed: typed, Source: "test", Now: now, Login: true, ClockBehind: s.ClockBehind(now)}
		return account.Attempt(a, try, account.Limits{})
	})
	if err != nil {
		t.Fatal(err)
	}
	return outcome.Reason
}

func expect(t *testing.T, what string, got, want account.Reason) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// A host whose clock goes back by a day takes no code, counts nothing and forgets
// nothing; whoever must put it right is told once; then all is as it was.
func TestAClockThatIsADayBack(t *testing.T) {
	b := newBench(t)
	s := b.open(t)
	offers := map[account.ID]account.Offer{budi: activate(t, s, budi, noon.Add(-2*day)), siti: activate(t, s, siti, noon)}
	kept := newRecovery(t, s, budi)
	guess(t, s, budi, noon)
	before := view(t, s, budi)
	back := noon.Add(-day)
	for range 20 { // budi's code of then was never used
		expect(t, "a code of then", attemptBy(t, s, budi, code(t, offers[budi], back), back), account.ClockBehind)
		expect(t, "a wrong code", attemptBy(t, s, budi, totp.NewTyped("000000"), back), account.ClockBehind)
		expect(t, "a recovery code that is none", attemptBy(t, s, budi, typedLong(totp.LongCode{}), back), account.Malformed)
	}
	if after := view(t, s, budi); after.Version != before.Version {
		t.Errorf("the account was written: %+v, before %+v", after, before)
	}
	if len(b.heard.behind) != 1 || b.heard.behind[0] < day-time.Minute || b.heard.behind[0] > day {
		t.Errorf("told of a clock that is behind: %v", b.heard.behind)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = b.open(t)
	s.Warm(t.Context(), back)
	if len(b.heard.behind) != 2 {
		t.Errorf("told %d times, want once more at the start", len(b.heard.behind))
	}
	expect(t, "a recovery code", attemptBy(t, s, budi, typedLong(kept[0]), back), account.AcceptedRecovery)
	if b.heard.right != 0 {
		t.Error("told that the clock is right")
	}
	later := noon.Add(time.Minute)
	for id, offer := range offers {
		expect(t, id.Name+", the clock put right", attemptBy(t, s, id, code(t, offer, later), later), account.Accepted)
	}
	if b.heard.right != 1 {
		t.Errorf("told %d times that the clock is right", b.heard.right)
	}
}

// The mark lags, and a clock that is kept in step moves a little both ways.
func TestTheClockMayBeTwoMinutesBeforeItsMark(t *testing.T) {
	s := newBench(t).open(t)
	if s.Warm(t.Context(), noon); !s.ClockMark().IsZero() || s.ClockBehind(time.Unix(0, 0)) {
		t.Errorf("a new database has the mark %v", s.ClockMark())
	}
	activate(t, s, budi, noon)
	mark := s.ClockMark()
	if d := noon.Sub(mark); d < 0 || d > 30*time.Second {
		t.Fatalf("the mark is %v before the first code", d)
	}
	for before, want := range map[time.Duration]bool{-day: false, 0: false, 2 * time.Minute: false, 2*time.Minute + 1: true, 400 * day: true} {
		if got := s.ClockBehind(mark.Add(-before)); got != want {
			t.Errorf("%v before the mark: behind %v", before, got)
		}
	}
}

// An administrator who says that the clock is right sets the mark back, for good.
func TestAcceptClock(t *testing.T) {
	b := newBench(t)
	s := b.open(t)
	offer := activate(t, s, budi, noon.Add(-2*day))
	activate(t, s, siti, noon)
	back := noon.Add(-day)
	expect(t, "before", attemptBy(t, s, budi, code(t, offer, back), back), account.ClockBehind)
	if err := s.AcceptClock(t.Context(), back); err != nil {
		t.Fatal(err)
	}
	if b.heard.right != 1 || !s.ClockMark().Equal(back) {
		t.Errorf("told %d times that the clock is right; the mark is %v, want %v", b.heard.right, s.ClockMark(), back)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = b.open(t)
	s.Warm(t.Context(), back)
	if !s.ClockMark().Equal(back) {
		t.Errorf("after a restart the mark is %v, want %v", s.ClockMark(), back)
	}
	expect(t, "after", attemptBy(t, s, budi, code(t, offer, back), back), account.Accepted)
	later := back.Add(time.Hour)
	expect(t, "later", attemptBy(t, s, budi, code(t, offer, later), later), account.Accepted)
	if !s.ClockBehind(back) {
		t.Error("the mark no longer moves forward")
	}
}

// noMark is an engine whose mark cannot be written.
type noMark struct{ store.Engine }

func (noMark) SetMark(context.Context, []byte) error { return store.ErrFull }

func TestAClockThatCouldNotBeAcceptedIsBehindStill(t *testing.T) {
	b := newBench(t)
	broken := false
	s := store.New(func(ctx context.Context, mark []byte) (store.Engine, bool, error) {
		engine, made, err := b.opener(ctx, mark)
		if broken && err == nil {
			engine = noMark{engine}
		}
		return engine, made, err
	}, b.sealer, b.heard)
	defer s.Close()
	activate(t, s, budi, noon)
	mark := s.ClockMark()
	broken = true
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	back := noon.Add(-day)
	if err := s.AcceptClock(t.Context(), back); !errors.Is(err, store.ErrFull) {
		t.Errorf("accepted: %v", err)
	}
	if len(b.heard.failed) != 1 || !s.ClockMark().Equal(mark) || !s.ClockBehind(back) || b.heard.right != 0 {
		t.Errorf("failures told %v, the mark is %v, before %v", b.heard.failed, s.ClockMark(), mark)
	}
}

// time.Now carries a monotonic reading, by which a wall clock that is set back
// under the daemon goes on.
func TestTheMarkIsOfTheWallClock(t *testing.T) {
	s := newBench(t).open(t)
	now := time.Now()
	offer := activate(t, s, budi, now.Add(-time.Hour).Round(0))
	fast := code(t, offer, now.Add(30*time.Second)) // so that the host's clock is the lesser
	expect(t, "a fast phone", attemptBy(t, s, budi, fast, now), account.Accepted)
	accepted := s.ClockMark()
	if err := s.AcceptClock(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	for what, mark := range map[string]time.Time{"a code": accepted, "an administrator": s.ClockMark()} {
		if mark != mark.Round(0) || mark.Unix() != now.Unix() {
			t.Errorf("by %s: the mark is %v, at %v", what, mark, now)
		}
	}
}

// Neither a fast phone nor what is typed while the clock is a year ahead moves the
// mark: once the clock is right, nobody is kept out.
func TestAClockThatWasAheadLocksNobodyOut(t *testing.T) {
	b := newBench(t)
	s := b.open(t)
	offers := map[account.ID]account.Offer{budi: activate(t, s, budi, noon), siti: activate(t, s, siti, noon)}
	kept := newRecovery(t, s, budi)

	fast := noon.Add(10 * time.Minute) // as the phone has it
	expect(t, "the first of two", attemptBy(t, s, siti, code(t, offers[siti], fast), noon), account.Noted)
	next := noon.Add(30 * time.Second)
	expect(t, "the second", attemptBy(t, s, siti, code(t, offers[siti], fast.Add(30*time.Second)), next), account.AcceptedPair)
	mark := s.ClockMark()

	ahead := noon.Add(365 * day)
	for i := range 12 { // phones go by the right time
		now := noon.Add(time.Duration(i+2) * time.Minute)
		expect(t, "a code in the year ahead", attemptBy(t, s, budi, code(t, offers[budi], now), ahead), account.Wrong)
	}
	expect(t, "a recovery code in the year ahead", attemptBy(t, s, budi, typedLong(kept[0]), ahead), account.AcceptedRecovery)
	for range 70 {
		expect(t, "a guess in the year ahead", attemptBy(t, s, budi, totp.NewTyped("000000"), ahead), account.Wrong)
	}
	expect(t, "another recovery code", attemptBy(t, s, budi, typedLong(kept[1]), ahead.Add(time.Hour)), account.AcceptedRecovery)
	if !s.ClockMark().Equal(mark) {
		t.Errorf("the mark is %v, before %v", s.ClockMark(), mark)
	}

	right := noon.Add(time.Hour)
	expect(t, "budi, the clock put right", attemptBy(t, s, budi, code(t, offers[budi], right), right), account.Accepted)
	phone := right.Add(10 * time.Minute)
	expect(t, "siti, the clock put right", attemptBy(t, s, siti, code(t, offers[siti], phone), right), account.Accepted)
	if len(b.heard.behind) > 0 {
		t.Errorf("told of a clock that is behind: %v", b.heard.behind)
	}
}
