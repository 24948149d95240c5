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
}

// Confirm activates the offered phone if what was typed shows that the phone
// has the secret: the last entry is a code of the window, or the last two are
// codes in a row of a phone whose clock is off. The codes are burnt.
//
// A wrong confirmation is no guess, the secret being on the person's screen,
// so it counts nowhere and leaves the account as it was.
func Confirm(a Account, offer Offer, typed []totp.Typed, now time.Time, next Generation) (Account, Outcome) {
	switch {
	case a.Disabled:
		return a, Outcome{Reason: Disabled}
	case a.Generation != offer.Generation:
		return a, Outcome{Reason: Superseded}
	case offer.Secret.IsZero(), len(typed) == 0, next == 0:
		return a, Outcome{}
	}
	phone := Phone{Secret: offer.Secret, Params: offer.Params}
	seen, reason := phone.confirmed(typed, now)
	if reason != Accepted && reason != AcceptedPair {
		return a, Outcome{Reason: reason}
	}
	if reason == AcceptedPair {
		phone.Drift = phone.driftAt(seen.step, now)
	}
	a.Phone = phone
	a.Generation = next
	a.WasActive = true
	return a.accept(Try{Now: now}, seen, reason)
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

// Reset takes the phone away, as after a loss. The month's failures, the
// refusals, Disabled and WasActive stay: whoever forces a reset gains nothing
// by it.
func Reset(a Account, next Generation) Account {
	a.Phone = Phone{}
	a.Failures.Run = 0
	a.Generation = next
	return a
}

// SetDisabled shuts the account or opens it again; the phone stays.
func SetDisabled(a Account, disabled bool, next Generation) Account {
	a.Disabled = disabled
	a.Generation = next
	return a
}
