// Package totp makes and recognises time-based one-time codes (RFC 6238): the
// secret, its parameters, time steps, the match of a code within a window, and
// the key URI that hands all of it to an authenticator app.
//
// It is pure. It opens nothing, reads no clock and keeps no state, so single use,
// drift and throttling are its caller's (daemon/internal/account). The HMAC and
// the truncation are those of github.com/pquerna/otp; every check is made here.
//
// What must not be seen (Secret, Typed, Code, LongCode) prints as REDACTED, and no error of
// this package holds any part of its input.
package totp

import "errors"

var (
	// ErrSecret is returned for a secret that is missing, is not 16 to 64 bytes,
	// or, in a key URI, is not written in unpadded upper-case base32.
	ErrSecret = errors.New("invalid secret")

	// ErrParams is returned for an unknown algorithm, or for digits or a period
	// other than those that Params allows.
	ErrParams = errors.New("invalid parameters")

	// ErrStep is returned for a step before 1970.
	ErrStep = errors.New("time step before 1970")

	// ErrCode is returned for typed text that is not a well-formed code.
	ErrCode = errors.New("malformed code")

	// ErrName is returned for an issuer or an account that Key does not allow.
	ErrName = errors.New("invalid name")

	// ErrURI is returned for a text that is not the URI of a TOTP key, or that
	// says a thing twice, in two ways, or that this package does not know.
	ErrURI = errors.New("malformed")
)
