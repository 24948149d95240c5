package totp

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// The canaries are what must not be seen. None is a piece of anything else that
// the tests print.
const (
	canarySecret = "canary-secret-of-budi"
	canaryTyped  = "canary-typed-by-siti"
	canaryCode   = "80241759"
	canaryLong   = "CANARYF0RS1T1"
)

func hiddenValues(t *testing.T) map[string]struct{ value, pointer any } {
	t.Helper()
	secret, err := SecretFromBytes([]byte(canarySecret))
	if err != nil {
		t.Fatal(err)
	}
	typed := NewTyped(canaryTyped)
	code, err := ParseCode(NewTyped(canaryCode), 8)
	if err != nil {
		t.Fatal(err)
	}
	long, err := ParseLongCode(NewTyped(canaryLong))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]struct{ value, pointer any }{
		"LongCode": {long, &long},
		"Secret":   {secret, &secret},
		"Typed":    {typed, &typed},
		"Code":     {code, &code},
	}
}

// wantHidden fails if any spelling of a canary is in text.
func wantHidden(t *testing.T, where, text string) {
	t.Helper()
	for _, canary := range []string{canarySecret, canaryTyped, canaryCode, canaryLong} {
		for _, spelling := range []string{
			canary,
			encoding.EncodeToString([]byte(canary)),
			hex.EncodeToString([]byte(canary)),
			strings.Trim(fmt.Sprint([]byte(canary)), "[]"),
			strings.Trim(fmt.Sprintf("%#v", []byte(canary)), "[]byte{}"),
		} {
			if strings.Contains(strings.ToLower(text), strings.ToLower(spelling)) {
				t.Errorf("%s shows a canary: %s", where, text)
			}
		}
	}
}

var verbs = []string{
	"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%# x", "%d", "%o", "%b", "%c", "%U", "%e", "%t", "%z", "%60.3s", "%-60v",
}

func TestEveryVerbPrintsRedacted(t *testing.T) {
	for name, hidden := range hiddenValues(t) {
		for _, verb := range verbs {
			for _, operand := range []any{hidden.value, hidden.pointer} {
				if got := fmt.Sprintf(verb, operand); got != redacted {
					t.Errorf("%s of a %s prints %q", verb, name, got)
				}
			}
		}
		if got := fmt.Sprint(hidden.value) + fmt.Sprintln(hidden.value); got != redacted+redacted+"\n" {
			t.Errorf("Print of a %s prints %q", name, got)
		}
		if got := hidden.value.(fmt.Stringer).String(); got != redacted {
			t.Errorf("String of a %s is %q", name, got)
		}
		if got := hidden.value.(fmt.GoStringer).GoString(); got != redacted {
			t.Errorf("GoString of a %s is %q", name, got)
		}
	}
}

// fmt calls no method where it prints an unexported field, or names the operand of
// a wrong verb: it shows what lies in memory.
func TestReflectionShowsNothing(t *testing.T) {
	for name, hidden := range hiddenValues(t) {
		for _, verb := range append(verbs, "%p", "%T", "%!", "%[5]d", "no verb") {
			wantHidden(t, verb+" of a "+name, fmt.Sprintf(verb, hidden.value))
		}
		wantHidden(t, "%w of a "+name, fmt.Errorf(verbOf('w'), hidden.value).Error())
	}

	secret, _ := SecretFromBytes([]byte(canarySecret))
	code, _ := ParseCode(NewTyped(canaryCode), 8)
	account := struct {
		name   string
		secret Secret
		typed  []Typed
		code   *Code
	}{"budi", secret, []Typed{NewTyped(canaryTyped)}, &code}
	for _, verb := range append(verbs, "%p") {
		wantHidden(t, verb+" of a struct", fmt.Sprintf(verb, account))
		wantHidden(t, verb+" of a struct's address", fmt.Sprintf(verb, &account))
	}
}

// verbOf hides a verb from go vet, which is right to dislike it.
func verbOf(verb rune) string { return "%" + string(verb) }

func TestMarshalledRedacted(t *testing.T) {
	for name, hidden := range hiddenValues(t) {
		got, err := json.Marshal(map[string]any{"value": hidden.value, "pointer": hidden.pointer})
		if err != nil {
			t.Fatalf("marshalling a %s: %v", name, err)
		}
		if want := `{"pointer":"REDACTED","value":"REDACTED"}`; string(got) != want {
			t.Errorf("JSON of a %s is %s", name, got)
		}
		text, err := hidden.value.(interface{ MarshalText() ([]byte, error) }).MarshalText()
		if err != nil || string(text) != redacted {
			t.Errorf("text of a %s is %q, %v", name, text, err)
		}
	}
}

func TestLoggedRedacted(t *testing.T) {
	for name, hidden := range hiddenValues(t) {
		var out bytes.Buffer
		options := &slog.HandlerOptions{Level: slog.LevelDebug}
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, options), slog.NewJSONHandler(&out, options)} {
			slog.New(handler).Debug("attempt", "value", hidden.value, "pointer", hidden.pointer,
				"nested", struct{ Value any }{hidden.value}, "unexported", struct{ value any }{hidden.value})
		}
		wantHidden(t, "the log of a "+name, out.String())
		// Three attributes that the text handler and the JSON handler both show.
		if got := strings.Count(out.String(), redacted); got < 6 {
			t.Errorf("the log of a %s says REDACTED %d times: %s", name, got, out.String())
		}
	}
}

func TestKeyPrintsNoSecret(t *testing.T) {
	secret, _ := SecretFromBytes([]byte(canarySecret))
	key := Key{Issuer: "LPSE", Account: "budi", Secret: secret, Params: DefaultParams()}
	for _, verb := range verbs {
		wantHidden(t, verb+" of a Key", fmt.Sprintf(verb, key))
	}
	got, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	wantHidden(t, "JSON of a Key", string(got))
	if !strings.Contains(string(got), redacted) {
		t.Errorf("JSON of a Key: %s", got)
	}
}

func TestZeroValuesPrintRedactedToo(t *testing.T) {
	got := fmt.Sprintf("%v %s %d", Secret{}, Typed{}, Code{})
	if want := "REDACTED REDACTED REDACTED"; got != want {
		t.Errorf("zero values print %q", got)
	}
	if (Typed{}).Reveal() != "" || !(Typed{}).IsEmpty() || !NewTyped("").IsEmpty() || NewTyped(" ").IsEmpty() {
		t.Error("only nothing typed is empty")
	}
	if !(Code{}).IsZero() || (Code{}).Reveal() != "" {
		t.Error("the zero Code is no code")
	}
}

// Nothing comes back from a redacted text, least of all a secret named REDACTED.
func TestRedactedIsNotReadBack(t *testing.T) {
	var secret Secret
	var mismatch *json.UnmarshalTypeError
	if err := json.Unmarshal([]byte(`"REDACTED"`), &secret); !errors.As(err, &mismatch) || !secret.IsZero() {
		t.Errorf("unmarshalling a secret: %v, zero %t", err, secret.IsZero())
	}
}
