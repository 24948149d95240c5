package totp

import (
	"time"

	"github.com/pquerna/otp"
)

// Algorithm is the hash below the HMAC of a code (RFC 6238 §1.2). The zero value
// is invalid.
type Algorithm uint8

// The numbers are fixed: records hold them.
const (
	SHA1   Algorithm = 1 // what every authenticator app knows
	SHA256 Algorithm = 2
	SHA512 Algorithm = 3
)

// algorithms gives for each algorithm its name in a key URI and in the library.
var algorithms = [...]struct {
	name string
	hash otp.Algorithm
}{
	SHA1:   {"SHA1", otp.AlgorithmSHA1},
	SHA256: {"SHA256", otp.AlgorithmSHA256},
	SHA512: {"SHA512", otp.AlgorithmSHA512},
}

func (a Algorithm) known() bool { return a >= SHA1 && a <= SHA512 }

// String returns the name as in a key URI, "invalid" for one that is not known.
func (a Algorithm) String() string {
	if !a.known() {
		return "invalid"
	}
	return algorithms[a].name
}

// Params is what a host and an authenticator agree on besides the secret. The
// zero value is invalid, and is refused wherever parameters are wanted.
type Params struct {
	Algorithm Algorithm
	Digits    int           // length of a code: 6 or 8
	Period    time.Duration // time step X of RFC 6238 §4.1: 30 s or 60 s
}

// DefaultParams returns SHA1, 6 digits, 30 s: the only ones that every
// authenticator app honours. Some ignore others without a word.
func DefaultParams() Params {
	return Params{Algorithm: SHA1, Digits: 6, Period: 30 * time.Second}
}

// Validate returns ErrParams unless p is a known algorithm with 6 or 8 digits and
// a period of 30 s or 60 s.
func (p Params) Validate() error {
	digits := p.Digits == 6 || p.Digits == 8
	period := p.Period == 30*time.Second || p.Period == 60*time.Second
	if !p.Algorithm.known() || !digits || !period {
		return ErrParams
	}
	return nil
}

// Step is a count of periods since 1970 (T of RFC 6238 §4.2, with T0 = 0). It is
// negative before 1970, where no code exists.
type Step int64

// StepAt returns the step that t lies in. For invalid parameters it is -1, a step
// without a code.
func (p Params) StepAt(t time.Time) Step {
	if p.Validate() != nil {
		return -1
	}
	period := p.seconds()
	step := t.Unix() / period
	if t.Unix()%period < 0 {
		step-- // Go divides towards zero, and a step begins at its earlier end
	}
	return Step(step)
}

// TimeOf returns the begin of a step, in UTC. For invalid parameters it is the
// zero time.
func (p Params) TimeOf(step Step) time.Time {
	if p.Validate() != nil {
		return time.Time{}
	}
	return time.Unix(int64(step)*p.seconds(), 0).UTC()
}

func (p Params) seconds() int64 { return int64(p.Period / time.Second) }
