package totp

import (
	"crypto/subtle"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// MaxWindow is the widest window that Match takes: 20 steps either side, 10
// minutes of 30 s steps. At 6 digits a guess hits one of these 41 codes once in
// 24,000 times, so that width is for recognising one code of a pair, and never
// for letting anyone in by a single code.
const MaxWindow = 20

// Typed is what a person typed at a prompt for a code, unjudged: a code, a
// recovery code, or a password in the wrong place. It prints as REDACTED; Reveal
// reveals it. The zero value is what NewTyped("") returns: nothing was typed.
type Typed struct{ hidden }

// NewTyped wraps text as it was typed, byte for byte.
func NewTyped(text string) Typed { return Typed{hide(text)} }

// Reveal returns the text as it was typed.
func (t Typed) Reveal() string { return t.reveal() }

// IsEmpty reports whether nothing was typed.
func (t Typed) IsEmpty() bool { return t.reveal() == "" }

// Code is a well-formed code: 6 or 8 ASCII digits, right or wrong. It prints as
// REDACTED; Reveal reveals it. The zero value is no code, and matches nothing.
type Code struct{ hidden }

// ParseCode reads a code of exactly digits (6 or 8) ASCII digits. One space
// before, one after and one exactly in the middle are dropped, since apps show
// "123 456"; nothing else is made to fit, so that a code has no spelling that one
// check sees and another misses. All else is ErrCode; other digits, ErrParams.
func ParseCode(typed Typed, digits int) (Code, error) {
	if digits != 6 && digits != 8 {
		return Code{}, ErrParams
	}
	text := typed.Reveal()
	text = strings.TrimPrefix(text, " ")
	text = strings.TrimSuffix(text, " ")
	if middle := digits / 2; len(text) == digits+1 && text[middle] == ' ' {
		text = text[:middle] + text[middle+1:]
	}
	if len(text) != digits || !allDigits(text) {
		return Code{}, ErrCode
	}
	return Code{hide(text)}, nil
}

// allDigits goes by bytes: other scripts' digits are several bytes, none of them
// ASCII.
func allDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// Reveal returns the code's digits, "" for the zero value.
func (c Code) Reveal() string { return c.reveal() }

// IsZero reports whether c is the zero value, which is no code.
func (c Code) IsZero() bool { return c.reveal() == "" }

// CodeAt returns the code of one step (RFC 6238 §4.2). The errors are ErrSecret,
// ErrParams and, for a step before 1970, ErrStep.
func CodeAt(secret Secret, params Params, step Step) (Code, error) {
	// All is checked here: the library makes a code of an empty secret, panics
	// on an unknown algorithm and takes 0 digits for 6.
	if secret.IsZero() {
		return Code{}, ErrSecret
	}
	if err := params.Validate(); err != nil {
		return Code{}, err
	}
	if step < 0 {
		return Code{}, ErrStep
	}
	text, err := hotp.GenerateCodeCustom(secret.Base32(), uint64(step), hotp.ValidateOpts{
		Digits:    otp.Digits(params.Digits),
		Algorithm: algorithms[params.Algorithm].hash,
	})
	if err != nil {
		return Code{}, ErrSecret // the library fails on nothing but a secret's text
	}
	return Code{hide(text)}, nil
}

// Match looks for code among the steps from StepAt(now)+drift-window to
// StepAt(now)+drift+window, both included (RFC 6238 §5.2), and returns the step
// it belongs to. drift is the authenticator's clock less the host's, in steps.
//
// Two steps of a window may share a code. Match returns the greatest: its caller
// takes that step for the last accepted one, and were it the older, the same code
// could be replayed as the newer.
//
// False means refused: no such step, a zero secret or code, invalid parameters,
// or a window below 0 or above MaxWindow. Match knows nothing of single use;
// that a step was not accepted before is for its caller to see to.
func Match(secret Secret, params Params, code Code, now time.Time, drift, window int) (Step, bool) {
	if secret.IsZero() || params.Validate() != nil || code.IsZero() || window < 0 || window > MaxWindow {
		return 0, false
	}
	first := params.StepAt(now) + Step(drift) - Step(window)
	found := -1 // offset from first
	// Every step is compared, in constant time: neither how long this takes nor
	// where it would have stopped tells of a code.
	for offset := range 2*window + 1 {
		expected, err := CodeAt(secret, params, first+Step(offset))
		if err != nil {
			continue // a step before 1970
		}
		equal := subtle.ConstantTimeCompare([]byte(expected.Reveal()), []byte(code.Reveal()))
		found = subtle.ConstantTimeSelect(equal, offset, found)
	}
	if found < 0 {
		return 0, false
	}
	return first + Step(found), true
}
