package account

import (
	"math"
	"slices"
	"time"

	"spse-totp/totp"
)

// Try is one attempt: what was typed, from where, whose name it is there, and
// when by the host's clock.
type Try struct {
	Typed  totp.Typed
	Source Source
	Owner  Owner
	Now    time.Time

	// Login says that it is a login, which is what a break-glass code is for.
	Login bool

	// ClockBehind says that the host's clock is behind its mark, and cannot be
	// right.
	ClockBehind bool

	// Withheld says that the module did not send what was typed.
	Withheld bool
}

// Limits are what the office may choose. The zero value is what it gets if it
// chooses nothing.
type Limits struct {
	// LockAfter is how many failures in a row lock the account, 0 for never.
	LockAfter uint32
}

// Attempt judges one try, and returns the account as it is afterwards.
//
// The order is fixed: disabled, uid, recovery or issued code, activated, shape,
// clock, lock, match. What is neither right nor wrong (malformed, withheld,
// replayed) is recorded and changes nothing else.
func Attempt(a Account, try Try, limits Limits) (Account, Outcome) {
	switch {
	case a.Disabled:
		return a.refuse(try, Disabled)
	case a.IsForeign(try.Owner):
		return a.refuse(try, ForeignUID)
	}
	if long, err := totp.ParseLongCode(try.Typed); err == nil && !try.Withheld {
		return a.tryLong(try, long)
	}
	switch {
	case !a.Active():
		return a.refuse(try, NotActivated)
	case try.Withheld:
		return a.refuse(try, Withheld)
	}
	code, err := totp.ParseCode(try.Typed, a.Phone.Params.Digits)
	switch {
	case err != nil:
		return a.refuse(try, Malformed)
	case try.ClockBehind:
		return a.refuse(try, ClockBehind)
	case a.Locked(limits):
		return a.refuse(try, Locked)
	}
	return a.match(try, code)
}

// match judges a code of the phone.
func (a Account) match(try Try, code totp.Code) (Account, Outcome) {
	seen, ok := a.Phone.locate(code, try.Now)
	guarded := a.Guarded(try.Now)
	switch {
	case ok && seen.step <= a.Phone.Spent:
		return a.refuse(try, Replayed)
	case !ok, guarded && !seen.inWindow:
		return a.fail(try)
	case seen.inWindow && !guarded:
		return a.acceptStep(try, seen, Accepted)
	case a.Phone.Noted.precedes(seen.step, try.Source):
		a.Phone.Drift = a.Phone.driftAt(seen.step, try.Now)
		return a.acceptStep(try, seen, AcceptedPair)
	default:
		return a.note(try, seen)
	}
}

// sighting is the step that a code belongs to.
type sighting struct {
	step     totp.Step
	inWindow bool
}

// locate looks for a code in the window around the phone's drift and, failing
// that, as far from the host's clock as a phone is looked for at all.
func (p Phone) locate(code totp.Code, now time.Time) (sighting, bool) {
	if step, ok := totp.Match(p.Secret, p.Params, code, now, p.Drift, window); ok {
		return sighting{step: step, inWindow: true}, true
	}
	step, ok := totp.Match(p.Secret, p.Params, code, now, 0, farthest)
	return sighting{step: step}, ok
}

// driftAt is the drift that a code of this step shows, never more than the
// distance at which a phone is looked for.
func (p Phone) driftAt(step totp.Step, now time.Time) int {
	drift := int(step - p.Params.StepAt(now))
	return max(-farthest, min(drift, farthest))
}

// precedes says whether the note is the code just before this step, or the one
// before that (a person may miss one), from the same source.
func (n Note) precedes(step totp.Step, source Source) bool {
	if n.Step == 0 || n.Source != source {
		return false
	}
	gap := step - n.Step
	return gap == 1 || gap == 2
}

// acceptStep lets in by a code of the phone, which is then spent. A code outside
// the window says nothing about the time.
func (a Account) acceptStep(try Try, seen sighting, reason Reason) (Account, Outcome) {
	a.Phone.Spent = seen.step
	a, outcome := a.accept(try, reason)
	if seen.inWindow {
		outcome.Mark = earlier(try.Now, a.Phone.Params.TimeOf(seen.step))
	}
	return a, outcome
}

// accept lets in by a code of any kind.
func (a Account) accept(try Try, reason Reason) (Account, Outcome) {
	a.Phone.Noted = Note{}
	a.Failures.Run = 0
	a.AcceptedAt = try.Now
	for _, row := range a.Refusals { // all of them are answered, whatever a clock wrote
		a.AcceptedAt = later(a.AcceptedAt, row.Last.Add(recordedTo))
	}
	if !try.ClockBehind {
		a = a.notAfter(try.Now)
	}
	a.Owners = bind(a.Owners, try.Owner)
	return a, Outcome{Accepted: true, Reason: reason}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (a Account) note(try Try, seen sighting) (Account, Outcome) {
	a.Phone.Spent = seen.step
	a.Phone.Noted = Note{Step: seen.step, Source: try.Source}
	return a.refuse(try, Noted)
}

// fail counts a wrong code. It ends a note from the same source only: a
// guesser elsewhere must not be able to spoil the owner's pair.
func (a Account) fail(try Try) (Account, Outcome) {
	if a.Phone.Noted.Source == try.Source {
		a.Phone.Noted = Note{}
	}
	a.Failures = a.Failures.add(try.Now)
	return a.refuse(try, Wrong)
}

func (f Failures) add(now time.Time) Failures {
	if !within(now, f.MonthStart, month) {
		f.MonthStart, f.Month = now, 0
	}
	f.Run, f.Month = increment(f.Run), increment(f.Month)
	return f
}

// refuse adds the attempt to the rows of refusals, in the row of the same
// reason and source, else in a free one, else in place of the oldest; rows of
// wrong codes go last, since they tell where someone guesses. A name
// without a record never makes one by failing; and while the clock is wrong
// nothing is written down, since a row that is full forgets another.
func (a Account) refuse(try Try, reason Reason) (Account, Outcome) {
	if a.Version == 0 || try.ClockBehind {
		return a, Outcome{Reason: reason}
	}
	a = a.notAfter(try.Now)
	row := Refusal{Reason: reason, Source: try.Source}
	i := slices.IndexFunc(a.Refusals, func(r Refusal) bool { return r.Reason == reason && r.Source == try.Source })
	switch {
	case i >= 0:
		row = a.Refusals[i]
		a.Refusals = slices.Delete(a.Refusals, i, i+1)
	case len(a.Refusals) == maxRefusals:
		i = oldest(a.Refusals)
		a.Refusals = slices.Delete(a.Refusals, i, i+1)
	}
	row.Count, row.Last = increment(row.Count), try.Now
	a.Refusals = append(a.Refusals, row)
	return a, Outcome{Reason: reason}
}

// recordedTo is how exactly a record keeps times.
const recordedTo = time.Second

// notAfter brings the times that are still to come, which a clock wrote that was
// ahead, back to now. What was answered stays before what answered it, so that
// this order, and not the clock, tells whether a refusal is over.
func (a Account) notAfter(now time.Time) Account {
	a.Refusals = slices.Clone(a.Refusals)
	for i := range a.Refusals {
		row := &a.Refusals[i]
		if a.answered(*row) {
			row.Last = earlier(row.Last, now.Add(-recordedTo))
		} else {
			row.Last = earlier(row.Last, now)
		}
	}
	a.AcceptedAt = earlier(a.AcceptedAt, now)
	return a
}

func (a Account) answered(row Refusal) bool { return row.Last.Before(a.AcceptedAt) }

// Unanswered are the refusals since the last accepted code, the newest last: what
// came before is over.
func (a Account) Unanswered() []Refusal {
	return slices.DeleteFunc(slices.Clone(a.Refusals), a.answered)
}

func oldest(rows []Refusal) int {
	return max(0, slices.IndexFunc(rows, func(r Refusal) bool { return r.Reason != Wrong }))
}

// increment stops at the top rather than starting again from nothing.
func increment(n uint32) uint32 {
	if n == math.MaxUint32 {
		return n
	}
	return n + 1
}
