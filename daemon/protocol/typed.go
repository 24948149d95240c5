package protocol

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "REDACTED"

// Typed is what a person typed: a code, most of the time. Whatever prints,
// logs or encodes it gets the word REDACTED; only Reveal gives the text. The
// zero value is the empty text.
type Typed struct {
	// A pointer, since fmt reaches an unexported field of somebody else's struct
	// by reflection and calls no method there: all it can print is the address.
	text *string
}

var (
	_ fmt.Formatter  = Typed{}
	_ fmt.GoStringer = Typed{}
	_ fmt.Stringer   = Typed{}
	_ json.Marshaler = Typed{}
	_ slog.LogValuer = Typed{}
)

// NewTyped wraps the text.
func NewTyped(text string) Typed { return Typed{&text} }

// Reveal returns the text, for judging it and for the wire.
func (t Typed) Reveal() string {
	if t.text == nil {
		return ""
	}
	return *t.text
}

// IsEmpty says whether nothing but Enter was typed.
func (t Typed) IsEmpty() bool { return t.Reveal() == "" }

// String returns REDACTED.
func (Typed) String() string { return redacted }

// GoString returns REDACTED.
func (Typed) GoString() string { return redacted }

// Format writes REDACTED, whatever the verb.
func (Typed) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, redacted) }

// MarshalJSON returns "REDACTED".
func (Typed) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue returns REDACTED.
func (Typed) LogValue() slog.Value { return slog.StringValue(redacted) }
