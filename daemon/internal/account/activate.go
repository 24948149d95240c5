package account

import (
	"time"

	"spse-totp/totp"
)

// Offer is a new phone that is being shown to a person. It is no part of the
// account until a code of it has been seen.
type Offer struct {
	Secret totp.Secret
	Params totp.Params

	// Generation is the account's at the time of the offer: an offer is void
	// once anything changed the way in.
	Generation Generation

	// By is what entitles to a new phone.
	By Entitlement
	// Issued is the issued code's salt, with ByIssued.
	Issued Salt
}

// Entitlement is what entitles to a new phone. The zero value is nothing, and
// activates nothing.
type Entitlement uint8

const (
	// ByPassword is what came before us, for an account that never was active.
	ByPassword Entitlement = 1
	// ByCode is a code of the phone there is, or a recovery code, accepted just
	// now.
	ByCode Entitlement = 2
	// ByIssued is an issued code.
	ByIssued Entitlement = 3
)

// MayBegin says whether the account may be activated by what came before us: only
// one that never was, since after a reset whoever knows the password may not be
// the owner.
func (a Account) MayBegin() bool { return !a.Active() && !a.WasActive && !a.Disabled }

// void says why an offer is no longer good, or 0.
func (a Account) void(offer Offer) Reason {
	switch {
	case offer.By == ByIssued && a.Issued.Salt == offer.Issued && a.Issued.Spent:
		return Replayed
	case a.Generation != offer.Generation:
		return Superseded
	case offer.By == ByPassword && !a.MayBegin(),
		offer.By == ByCode && !a.Active(),
		offer.By == ByIssued && (a.Issued.IsZero() || a.Issued.Salt != offer.Issued):
		return Superseded
	}
	return 0
}

// Confirm activates the offered phone if what was typed shows that the phone
// has the secret: the last entry is a code of the window, or the last two are
// codes in a row of a phone whose clock is off. The codes are burnt.
//
// A wrong confirmation is no guess, the secret being on the person's screen,
// so it counts nowhere and leaves the account as it was. try is who confirms,
// from where and when; what it holds as typed is not looked at.
func Confirm(a Account, offer Offer, typed []totp.Typed, try Try, next Generation) (Account, Outcome) {
	switch {
	case a.Disabled:
		return a, Outcome{Reason: Disabled}
	case a.IsForeign(try.Owner):
		return a, Outcome{Reason: ForeignUID}
	case try.ClockBehind:
		return a, Outcome{Reason: ClockBehind}
	case offer.By == 0, offer.Secret.IsZero(), len(typed) == 0, next == 0:
		return a, Outcome{}
	}
	if reason := a.void(offer); reason != 0 {
		return a, Outcome{Reason: reason}
	}
	phone := Phone{Secret: offer.Secret, Params: offer.Params}
	seen, reason := phone.confirmed(typed, try.Now)
	if reason != Accepted && reason != AcceptedPair {
		return a, Outcome{Reason: reason}
	}
	if reason == AcceptedPair {
		phone.Drift = phone.driftAt(seen.step, try.Now)
	}
	change := Activated
	if offer.By == ByIssued {
		a.Issued.Spent, change = true, ActivatedByIssued
	}
	a.Phone = phone
	a.Generation = next
	a.WasActive = true
	return a.happen(change, try).acceptStep(try, seen, reason)
}

// confirmed says whether what was typed proves that the phone has the secret.
func (p Phone) confirmed(typed []totp.Typed, now time.Time) (sighting, Reason) {
	last, reason := p.read(typed[len(typed)-1], now)
	switch {
	case reason != Noted:
		return sighting{}, reason
	case last.inWindow:
		return last, Accepted
	case len(typed) < 2:
		return sighting{}, Noted
	}
	before, reason := p.read(typed[len(typed)-2], now)
	if reason == Noted && (Note{Step: before.step}).precedes(last.step, "") {
		return last, AcceptedPair
	}
	return sighting{}, Noted
}

// read finds the step of one typed code; Noted means found.
func (p Phone) read(typed totp.Typed, now time.Time) (sighting, Reason) {
	code, err := totp.ParseCode(typed, p.Params.Digits)
	if err != nil {
		return sighting{}, Malformed
	}
	seen, ok := p.locate(code, now)
	if !ok {
		return sighting{}, Wrong
	}
	return seen, Noted
}

// Reset takes the phone away, as after a loss, and every code and uid with it.
// From now on the password alone activates nothing, whether there was a phone or
// not. The month's failures, the refusals and Disabled stay: whoever
// forces a reset gains nothing by it.
func Reset(a Account, next Generation, by Source, now time.Time) Account {
	a.Phone = Phone{}
	a.Recovery = RecoverySet{}
	a.Issued = IssuedCode{}
	a.Owners = nil
	a.WasActive = true
	a.Failures.Run = 0
	a.Generation = next
	return a.happen(WasReset, Try{Source: by, Now: now})
}

// SetDisabled shuts the account or opens it again; the phone stays.
func SetDisabled(a Account, disabled bool, next Generation) Account {
	a.Disabled = disabled
	a.Generation = next
	return a
}
