package account

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"time"

	"spse-totp/totp"
)

const (
	// RecoveryCodes is how many a person is given.
	RecoveryCodes = 8
	// MaxIssuedValid is the longest that an issued code is good.
	MaxIssuedValid = 7 * 24 * time.Hour
)

// Salt is what a long code is kept with, and by which its set is told from any
// other. The zero value is none.
type Salt [16]byte

// NewSalt draws one.
func NewSalt() Salt {
	var s Salt
	_, _ = rand.Read(s[:]) // it never fails: the program would end
	return s
}

// Digest is what is kept of a long code. With 65 bits or more in the code, a
// plain hash is as good as a slow one.
type Digest [sha256.Size]byte

func digest(salt Salt, code totp.LongCode) Digest {
	return sha256.Sum256(append(salt[:], code.Reveal()...))
}

func (d Digest) is(other Digest) bool { return subtle.ConstantTimeCompare(d[:], other[:]) == 1 }

// RecoverySet is the recovery codes, number 1 first. The zero value is none.
type RecoverySet struct {
	Salt  Salt
	Codes []RecoveryCode
}

// RecoveryCode is one of the set.
type RecoveryCode struct {
	Digest Digest
	Spent  bool
}

// IsZero says whether the person has no set.
func (s RecoverySet) IsZero() bool { return len(s.Codes) == 0 }

// Left is how many of the set are good still.
func (s RecoverySet) Left() int {
	left := 0
	for _, code := range s.Codes {
		if !code.Spent {
			left++
		}
	}
	return left
}

// index finds a code of the set, or -1. All are compared, so that how long it
// takes tells nothing.
func (s RecoverySet) index(code totp.LongCode) int {
	wanted := digest(s.Salt, code)
	found := -1
	for i, kept := range s.Codes {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(kept.Digest[:], wanted[:]), i, found)
	}
	return found
}

// IssuedCode is a code that the helpdesk gives. The zero value is none.
type IssuedCode struct {
	Salt   Salt
	Digest Digest
	// At and Valid are when it was given and for how long: till then it is to be
	// typed. The activation that it leads to has the time that each has.
	At    time.Time
	Valid time.Duration
	// Once says that it lets in by itself, just once; else it leads to a new
	// phone.
	Once  bool
	Spent bool
}

// IsZero says whether none was ever given.
func (c IssuedCode) IsZero() bool { return c.Salt == Salt{} }

// Good says whether the code would be taken now.
func (c IssuedCode) Good(now time.Time) bool {
	return !c.IsZero() && !c.Spent && within(now, c.At, c.Valid)
}

// tryLong judges a recovery code or an issued code. Nobody guesses one, so none
// counts; and neither the clock nor a lock stands in its way.
func (a Account) tryLong(try Try, code totp.LongCode) (Account, Outcome) {
	if code.Kind() == totp.Recovery {
		return a.tryRecovery(try, code)
	}
	return a.tryIssued(try, code)
}

func (a Account) tryRecovery(try Try, code totp.LongCode) (Account, Outcome) {
	i := a.Recovery.index(code)
	switch {
	case i < 0:
		return a.refuse(try, UnknownCode)
	case a.Recovery.Codes[i].Spent:
		return a.refuse(try, Replayed)
	}
	a.Recovery.Codes = slices.Clone(a.Recovery.Codes)
	a.Recovery.Codes[i].Spent = true
	return a.happen(RecoveryUsed, try).accept(try, AcceptedRecovery)
}

// tryIssued judges an issued code. One that leads to a new phone stays good until
// that phone has shown a code: Confirm spends it.
func (a Account) tryIssued(try Try, code totp.LongCode) (Account, Outcome) {
	issued := a.Issued
	switch {
	case issued.IsZero() || !issued.Digest.is(digest(issued.Salt, code)):
		return a.refuse(try, UnknownCode)
	case issued.Spent:
		return a.refuse(try, Replayed)
	case !issued.Good(try.Now):
		return a.refuse(try, Expired)
	case issued.Once && !try.Login:
		return a.refuse(try, OnlyOnce)
	case issued.Once:
		a.Issued.Spent = true
		return a.happen(OnceUsed, try).accept(try, AcceptedOnce)
	case try.ClockBehind: // no code of the new phone could be judged
		return a.refuse(try, ClockBehind)
	}
	return a, Outcome{Reason: Entitled}
}

// Issue gives the account a code, which voids the last one. The salt is a new
// one; valid is at most MaxIssuedValid, beyond which the code is good for that
// long.
func Issue(a Account, code totp.LongCode, salt Salt, valid time.Duration, once bool, by Source, now time.Time) Account {
	a.Issued = IssuedCode{
		Salt: salt, Digest: digest(salt, code),
		At: now, Valid: min(valid, MaxIssuedValid), Once: once,
	}
	change := CodeIssued
	if once {
		change = OnceIssued
	}
	return a.happen(change, Try{Source: by, Now: now})
}

// RecoveryOffer is new recovery codes that are being shown to a person. They are
// no part of the account until one of them has been typed.
type RecoveryOffer struct {
	Codes []totp.LongCode // number 1 first
	Salt  Salt

	// Asked is the number of the code that is asked for, from 1.
	Asked int

	// Generation is the account's, and Replaces is its set, at the time of the
	// offer, which is void once either changed.
	Generation Generation
	Replaces   Salt
}

// OfferRecovery draws new recovery codes. An error means that the system has no
// randomness to give.
func OfferRecovery(a Account) (RecoveryOffer, error) {
	offer := RecoveryOffer{Salt: NewSalt(), Generation: a.Generation, Replaces: a.Recovery.Salt}
	for range RecoveryCodes {
		code, err := totp.NewLongCode(totp.Recovery)
		if err != nil {
			return RecoveryOffer{}, err
		}
		offer.Codes = append(offer.Codes, code)
	}
	offer.Asked = 1 + int(offer.Salt[0])%RecoveryCodes
	return offer, nil
}

// ConfirmRecovery makes the offered codes the account's, in place of those it
// had, if the code that was asked for was typed: whoever can type it has written
// it down. That code stays good. Anything else is no guess, the codes being on
// the person's screen.
func ConfirmRecovery(a Account, offer RecoveryOffer, try Try) (Account, Outcome) {
	switch {
	case a.Disabled:
		return a, Outcome{Reason: Disabled}
	case !a.Active(), a.Generation != offer.Generation, a.Recovery.Salt != offer.Replaces:
		return a, Outcome{Reason: Superseded}
	case offer.Asked < 1 || offer.Asked > len(offer.Codes) || offer.Salt == Salt{}:
		return a, Outcome{}
	}
	code, err := totp.ParseLongCode(try.Typed)
	if err != nil {
		return a, Outcome{Reason: Malformed}
	}
	if !digest(offer.Salt, code).is(digest(offer.Salt, offer.Codes[offer.Asked-1])) {
		return a, Outcome{Reason: UnknownCode}
	}
	a.Recovery = RecoverySet{Salt: offer.Salt}
	for _, code := range offer.Codes {
		a.Recovery.Codes = append(a.Recovery.Codes, RecoveryCode{Digest: digest(offer.Salt, code)})
	}
	return a.happen(RecoveryMade, try), Outcome{Accepted: true, Reason: Accepted}
}
