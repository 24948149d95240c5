package account

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"spse-totp/totp"
)

func full(t *testing.T) Account {
	t.Helper()
	a := activated(t)
	a.Version = 7
	a.Disabled = true
	a.Phone.Drift = -8
	a.Phone.Noted = Note{Step: a.Phone.Spent, Source: office}
	for _, text := range []string{"000000", "hunter2"} {
		a.Disabled = false
		a, _ = Attempt(a, Try{Typed: totp.NewTyped(text), Source: abroad, Now: noon})
		a.Disabled = true
	}
	return a
}

func TestRecordHoldsEverything(t *testing.T) {
	for name, a := range map[string]Account{
		"full": full(t), "activated": activated(t), "reset": Reset(full(t), 9), "only disabled": SetDisabled(Account{Version: 1}, true, 2),
	} {
		b, err := a.MarshalRecord()
		if err != nil {
			t.Fatal(err)
		}
		back, err := UnmarshalRecord(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if again, err := back.MarshalRecord(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s: not the same after reading, %v", name, err)
		}
		if back.Phone.Spent != a.Phone.Spent || back.Phone.Noted != a.Phone.Noted || back.Failures != a.Failures || back.Generation != a.Generation {
			t.Errorf("%s: %+v, want %+v", name, back, a)
		}
	}
}

func TestUnmarshalRecordRefuses(t *testing.T) {
	b, err := full(t).MarshalRecord()
	if err != nil {
		t.Fatal(err)
	}
	for name, spoilt := range map[string][]byte{
		"empty": nil, "cut": b[:len(b)-1], "longer": append(bytes.Clone(b), 0), "text": []byte("record"),
		"no format": encode(t, map[int]any{1: 1}), "format 0": encode(t, map[int]any{0: 0}),
		"unknown field": encode(t, map[int]any{0: 1, 1: 1, 2: 1, 99: 1}),
		"short secret":  encode(t, map[int]any{0: 1, 1: 1, 2: 1, 9: map[int]any{0: []byte("short"), 1: 1, 2: 6, 3: 30, 5: 1}}),
		"seven digits":  encode(t, map[int]any{0: 1, 1: 1, 2: 1, 9: map[int]any{0: make([]byte, 20), 1: 1, 2: 7, 3: 30, 5: 1}}),
	} {
		if _, err := UnmarshalRecord(spoilt); !errors.Is(err, ErrRecord) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := UnmarshalRecord(encode(t, map[int]any{0: 2, 50: "of the future"})); !errors.Is(err, ErrNewerRecord) {
		t.Errorf("newer format: got %v", err)
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := encoding.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The first format, as it was first written: it must be read for ever.
func TestFirstFormatIsStillRead(t *testing.T) {
	const path = "testdata/record-1.cbor"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a, err := UnmarshalRecord(b)
	if err != nil {
		t.Fatal(err)
	}
	if a.Version != 3 || a.Generation != 5 || !a.WasActive || a.Phone.Spent != 59666666 || a.Failures.Run != 1 || len(a.Refusals) != 1 {
		t.Errorf("read %+v", a)
	}
}

func FuzzUnmarshalRecord(f *testing.F) {
	b, err := Account{Version: 1, Generation: 2, Refusals: []Refusal{{Reason: Wrong, Source: office, Count: 1, Last: noon}}}.MarshalRecord()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	if first, err := os.ReadFile("testdata/record-1.cbor"); err == nil {
		f.Add(first)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := UnmarshalRecord(b)
		if err != nil {
			return
		}
		again, err := a.MarshalRecord()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("what was read is written otherwise: %v", err)
		}
		if _, outcome := Attempt(a, Try{Typed: totp.NewTyped("hunter2"), Now: time.Unix(1.79e9, 0)}); outcome.Accepted {
			t.Fatal("let in by no code")
		}
	})
}

func TestCBORNeverShowsASecret(t *testing.T) {
	a := activated(t)
	b, err := cbor.Marshal(a.Phone.Secret)
	if err == nil && bytes.Contains(b, a.Phone.Secret.Bytes()) {
		t.Error("a secret encodes itself: only the record may hold it")
	}
}
