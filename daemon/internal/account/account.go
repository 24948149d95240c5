// Package account holds one account and what an attempt, an activation, a
// reset, a disable and an enable do to it.
//
// Everything here is a pure function: no clock, no disk, no log. The caller
// reads a record, decides with one of these functions, commits what comes
// back, and only then answers.
package account

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"spse-totp/totp"
)

// RealmHost is the realm of the machine's own users.
const RealmHost = "host"

// ID names an account: a realm and, within it, a name byte for byte as the
// realm gives it. Nothing is folded, trimmed or normalised.
type ID struct {
	Realm string
	Name  string
}

// Host is the account of one of the machine's own users.
func Host(name string) ID { return ID{Realm: RealmHost, Name: name} }

// Generation changes whenever the way in changes: at each activation, reset,
// disable and enable. It is a random number drawn by the caller, so that a
// permission given under one generation is void in the next. 0 is the
// generation of an account that has no record.
type Generation uint64

// NewGeneration draws one, never 0.
func NewGeneration() Generation {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails: the program would end
	return Generation(binary.BigEndian.Uint64(b[:]) | 1)
}

// Account is all that is known of one account. The zero value has no phone and
// refuses every attempt.
type Account struct {
	// Version is the version of the record this was read from, 0 where there
	// is none. The store counts it up by one at each commit.
	Version uint64

	Generation Generation

	// Phone is the authenticator; its zero value means not activated.
	Phone Phone

	// WasActive says that the account was activated at least once, or reset. A reset
	// leaves it, so that a later activation can ask for more than a password.
	WasActive bool

	// Disabled is an administrator's word, apart from activation.
	Disabled bool

	// AcceptedAt is when a code was last accepted, by the host's clock; always
	// later than the refusals that came before it.
	AcceptedAt time.Time

	Failures Failures

	// Refusals are the last refused attempts, at most maxRefusals rows, one
	// for each reason and source, the newest last.
	Refusals []Refusal

	// Recovery are the recovery codes that the person keeps.
	Recovery RecoverySet

	// Issued is the code that the helpdesk gave last.
	Issued IssuedCode

	// Owners are the uids that the name had where its codes were accepted, at
	// most maxOwners, one for each host, the oldest first.
	Owners []Owner

	// Happened is what was done to the way in, at most maxHappened, the oldest
	// first.
	Happened []Happening
}

// Phone is the authenticator: what the person's app and we share.
type Phone struct {
	Secret totp.Secret
	Params totp.Params

	// Drift is how far the phone's clock is ahead of the host's, in steps.
	Drift int

	// Spent is the newest step ever accepted or noted. No step at or below it
	// is good again: this number is the whole of single use.
	Spent totp.Step

	// Noted is a right code that could not let in by itself.
	Noted Note
}

// Note is a right code, seen once, that waits for the next one from the same
// source. The zero value is no note.
type Note struct {
	Step   totp.Step
	Source Source
}

// Failures counts well-formed codes that were wrong.
type Failures struct {
	// Run is the number since the last accepted code.
	Run uint32
	// Month is the number since MonthStart. Only time clears it.
	Month      uint32
	MonthStart time.Time
}

// Refusal is one row of what `status` shows: one reason from one source.
type Refusal struct {
	Reason Reason
	Source Source
	Count  uint32
	Last   time.Time

	// Told is how much of Count the owner was told of.
	Told uint32
}

const (
	// drawn from RFC 6238 §5.2: one step either side for the time it takes to
	// read, type and send a code.
	window = 1

	// farthest is how far from the host's clock, in steps, a phone is looked
	// for: 10 minutes at 30 s. Beyond it a code is simply wrong.
	farthest = 20

	// A guesser has 10 tries of 3 in 10^6 between two logins of the owner, and
	// 60 in any 31 days, before a single code no longer lets in.
	guardedRun   = 10
	guardedMonth = 60
	month        = 31 * 24 * time.Hour

	maxRefusals = 8
)

// Active says whether the account has a phone.
func (a Account) Active() bool { return !a.Phone.Secret.IsZero() }

// Guarded says whether one code no longer lets in by itself, so that it takes
// two in a row.
func (a Account) Guarded(now time.Time) bool {
	return a.Failures.Run >= guardedRun ||
		within(now, a.Failures.MonthStart, month) && a.Failures.Month >= guardedMonth
}

// GuardedUntil is when the account stops being guarded by itself: the end of the
// month that holds too many failures. It is zero where the account is not
// guarded, or where the next accepted code ends it.
func (a Account) GuardedUntil(now time.Time) time.Time {
	if within(now, a.Failures.MonthStart, month) && a.Failures.Month >= guardedMonth {
		return a.Failures.MonthStart.Add(month)
	}
	return time.Time{}
}

// Locked says whether codes of the phone no longer let in at all, which only a
// recovery code or an issued code ends (NIST SP 800-63B-4 §3.2.2).
func (a Account) Locked(limits Limits) bool {
	return limits.LockAfter > 0 && a.Failures.Run >= limits.LockAfter
}

// within is the one rule of time: a clock that was set back leaves a limit in
// force just as one that was set forward.
func within(now, start time.Time, length time.Duration) bool {
	d := now.Sub(start)
	return -length < d && d < length
}
