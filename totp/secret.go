package totp

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
)

const (
	// newSecretSize is what RFC 4226 §4 R6 recommends: 160 bits.
	newSecretSize = 20

	// minSecretSize is what RFC 4226 §4 R6 demands: 128 bits.
	minSecretSize = 16

	// maxSecretSize is the longest seed of RFC 6238 (Appendix B, SHA-512).
	maxSecretSize = 64
)

// encoding is how authenticator apps write a secret (RFC 4648 §6, no padding).
var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// Secret is the key that a host and an authenticator share (K in RFC 4226): 16
// to 64 bytes. It cannot be changed, may be copied, and prints as REDACTED;
// Bytes, Base32 and Grouped reveal it. The zero value is no secret, and is
// refused wherever a secret is wanted.
type Secret struct{ hidden }

// NewSecret returns a fresh secret of 160 random bits. An error means that the
// system has no randomness to give.
func NewSecret() (Secret, error) {
	raw := make([]byte, newSecretSize)
	if _, err := rand.Read(raw); err != nil {
		return Secret{}, fmt.Errorf("making a secret: %w", err)
	}
	return SecretFromBytes(raw)
}

// SecretFromBytes returns a secret that holds a copy of raw, 16 to 64 bytes. Any
// other length is ErrSecret.
func SecretFromBytes(raw []byte) (Secret, error) {
	if len(raw) < minSecretSize || len(raw) > maxSecretSize {
		return Secret{}, ErrSecret
	}
	return Secret{hide(string(raw))}, nil
}

// secretFromBase32 reads what Base32 writes, and no other spelling of it.
func secretFromBase32(text string) (Secret, error) {
	raw, err := encoding.DecodeString(text)
	if err != nil {
		return Secret{}, ErrSecret // err would tell of the text
	}
	// The decoder skips line breaks and drops the bits left over at the end.
	if encoding.EncodeToString(raw) != text {
		return Secret{}, ErrSecret
	}
	return SecretFromBytes(raw)
}

// IsZero reports whether s is the zero value, which is no secret.
func (s Secret) IsZero() bool { return s.reveal() == "" }

// Bytes reveals the secret: a copy, 16 to 64 bytes, none for the zero value.
func (s Secret) Bytes() []byte { return []byte(s.reveal()) }

// Base32 reveals the secret as apps and people enter it: upper case, without
// padding, 26 to 103 characters, "" for the zero value.
func (s Secret) Base32() string { return encoding.EncodeToString(s.Bytes()) }

// Grouped reveals the secret to be typed off a screen: Base32 in groups of four
// characters with one space between them.
func (s Secret) Grouped() string {
	var groups []string
	for group := range slices.Chunk([]byte(s.Base32()), 4) {
		groups = append(groups, string(group))
	}
	return strings.Join(groups, " ")
}
