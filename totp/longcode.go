package totp

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"strings"
)

// Kind says what a LongCode is. The zero value is none.
type Kind uint8

const (
	// Recovery is a recovery code, kept by the person: 24 letters, 120 bits.
	Recovery Kind = 1
	// Issued is an issued code, read out to the person: 13 letters, 65 bits.
	Issued Kind = 2
)

// letters is how many letters a code of the kind has, of 5 bits each.
var letters = map[Kind]int{Recovery: 24, Issued: 13}

// groups is how a code of the kind is written, in letters. The last group of an
// issued code is no rest of one letter, which is lost when it is read out.
var groups = map[Kind][]int{Recovery: {4, 4, 4, 4, 4, 4}, Issued: {4, 4, 5}}

// crockford is Crockford's base32 (https://www.crockford.com/base32.html): no I,
// L, O or U, which are taken for something else or spell words.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// LongCode is a well-formed recovery code or issued code, right or wrong. Nobody
// guesses one, so it needs no throttling. It prints as REDACTED; Reveal and
// Grouped reveal it. The zero value is no code.
type LongCode struct{ hidden }

// NewLongCode draws a code. An unknown kind is ErrParams; any other error means
// that the system has no randomness to give.
func NewLongCode(kind Kind) (LongCode, error) {
	n, ok := letters[kind]
	if !ok {
		return LongCode{}, ErrParams
	}
	raw := make([]byte, (n*5+7)/8)
	if _, err := rand.Read(raw); err != nil {
		return LongCode{}, fmt.Errorf("making a code: %w", err)
	}
	return LongCode{hide(crockford.EncodeToString(raw)[:n])}, nil
}

// ParseLongCode reads a code as people write one, byte by byte: in any case, O
// for 0, I and L for 1, and hyphens and spaces wherever they like. All else, and
// any other number of letters, is ErrCode.
func ParseLongCode(typed Typed) (LongCode, error) {
	var text strings.Builder
	for _, b := range []byte(typed.Reveal()) {
		switch {
		case b == '-' || b == ' ':
			continue
		case 'a' <= b && b <= 'z':
			b -= 'a' - 'A'
		}
		switch b {
		case 'O':
			b = '0'
		case 'I', 'L':
			b = '1'
		}
		if b == 'U' || !('0' <= b && b <= '9' || 'A' <= b && b <= 'Z') {
			return LongCode{}, ErrCode
		}
		text.WriteByte(b)
	}
	code := LongCode{hide(text.String())}
	if code.Kind() == 0 {
		return LongCode{}, ErrCode
	}
	return code, nil
}

// Kind says what the code is, by its length; 0 for the zero value.
func (c LongCode) Kind() Kind {
	for kind, n := range letters {
		if len(c.reveal()) == n {
			return kind
		}
	}
	return 0
}

// Reveal returns the code's letters in upper case and without hyphens, 24 or 13
// bytes, "" for the zero value.
func (c LongCode) Reveal() string { return c.reveal() }

// Grouped reveals the code as it is shown and read out: in groups with hyphens
// between, "" for the zero value.
func (c LongCode) Grouped() string {
	rest := c.reveal()
	var parts []string
	for _, n := range groups[c.Kind()] {
		parts = append(parts, rest[:n])
		rest = rest[n:]
	}
	return strings.Join(parts, "-")
}
