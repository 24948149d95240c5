package totp

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted is all that is ever seen of a hidden value.
const redacted = "REDACTED"

// hidden keeps a text out of logs, errors and answers. Secret, Typed, Code and LongCode
// embed it; each says by which method it is revealed on purpose.
type hidden struct {
	// No ==: it would compare addresses, and contents not in constant time.
	_ [0]func()

	// A pointer, since fmt reaches an unexported field of somebody else's
	// struct, and the operand of a wrong verb (%p, %w), by reflection and calls
	// no method there. All it can print of a nested pointer is the address.
	text *string
}

func hide(text string) hidden { return hidden{text: &text} }

// reveal returns the text, "" for the zero value.
func (h hidden) reveal() string {
	if h.text == nil {
		return ""
	}
	return *h.text
}

// String returns "REDACTED".
func (hidden) String() string { return redacted }

// GoString returns "REDACTED".
func (hidden) GoString() string { return redacted }

// Format prints "REDACTED", whatever the verb, flags, width and precision.
func (hidden) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, redacted) }

// MarshalText returns "REDACTED". There is no way back: nothing unmarshals it.
func (hidden) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns the JSON string "REDACTED".
func (hidden) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue returns "REDACTED" to log/slog.
func (hidden) LogValue() slog.Value { return slog.StringValue(redacted) }
