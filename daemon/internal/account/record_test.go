package account

import (
	"bytes"
	"errors"
	"os"
	"slices"
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
	a.Owners = []Owner{{Host: HostID{1}, UID: 1000}}
	a.Recovery.Salt = Salt{7}
	for i := range byte(RecoveryCodes) {
		a.Recovery.Codes = append(a.Recovery.Codes, RecoveryCode{Digest: Digest{i, 1}, Spent: i == 2})
	}
	a.Issued = IssuedCode{Salt: Salt{8}, Digest: Digest{8}, At: noon, Valid: 24 * time.Hour, Once: true, Spent: true}
	for _, change := range []Change{CodeIssued, OnceUsed, RecoveryMade} {
		a = a.happen(change, Try{Source: office, Now: noon})
	}
	a.Happened[0].Told = true
	a.Phone.Noted = Note{Step: a.Phone.Spent, Source: office}
	for _, text := range []string{"000000", "hunter2"} {
		a.Disabled = false
		a, _ = Attempt(a, Try{Typed: totp.NewTyped(text), Source: abroad, Now: noon}, Limits{})
		a.Disabled = true
	}
	return a
}

func TestRecordHoldsEverything(t *testing.T) {
	for name, a := range map[string]Account{
		"full": full(t), "activated": activated(t), "reset": Reset(full(t), 9, root, noon), "only disabled": SetDisabled(Account{Version: 1}, true, 2),
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
		if back.Recovery.Left() != a.Recovery.Left() || back.Issued != a.Issued || !slices.Equal(back.Owners, a.Owners) || !slices.Equal(back.Happened, a.Happened) {
			t.Errorf("%s: %+v, want %+v", name, back, a)
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
		"new in old":    encode(t, map[int]any{0: 1, 1: 1, 2: 1, 13: []any{map[int]any{0: make([]byte, 16), 1: 1000}}}),
		"short salt":    encode(t, map[int]any{0: 2, 1: 1, 2: 1, 11: map[int]any{0: []byte("short"), 1: make([]byte, 32)}}),
		"half a digest": encode(t, map[int]any{0: 2, 1: 1, 2: 1, 11: map[int]any{0: make([]byte, 16), 1: make([]byte, 48)}}),
		"nine codes":    encode(t, map[int]any{0: 2, 1: 1, 2: 1, 11: map[int]any{0: make([]byte, 16), 1: make([]byte, 9*32)}}),
		"spent beyond":  encode(t, map[int]any{0: 2, 1: 1, 2: 1, 11: map[int]any{0: make([]byte, 16), 1: make([]byte, 32), 2: 2}}),
		"a long month":  encode(t, map[int]any{0: 2, 1: 1, 2: 1, 12: map[int]any{0: append(make([]byte, 15), 1), 1: make([]byte, 32), 2: 1, 3: 1 << 40}}),
		"told too much": encode(t, map[int]any{0: 2, 1: 1, 2: 1, 10: []any{map[int]any{0: 3, 1: "sshd", 2: 1, 3: 1, 4: 2}}}),
		"short host":    encode(t, map[int]any{0: 2, 1: 1, 2: 1, 13: []any{map[int]any{0: []byte("host"), 1: 1000}}}),
		"seven digits":  encode(t, map[int]any{0: 1, 1: 1, 2: 1, 9: map[int]any{0: make([]byte, 20), 1: 1, 2: 7, 3: 30, 5: 1}}),
	} {
		if _, err := UnmarshalRecord(spoilt); !errors.Is(err, ErrRecord) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := UnmarshalRecord(encode(t, map[int]any{0: 3, 50: "of the future"})); !errors.Is(err, ErrNewerRecord) {
		t.Errorf("newer format: got %v", err)
	}
}

// The formats that were written once, as they were written: they must be read for
// ever.
func TestSecondFormatIsStillRead(t *testing.T) {
	b, err := os.ReadFile("testdata/record-2.cbor")
	if err != nil {
		t.Fatal(err)
	}
	a, err := UnmarshalRecord(b)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case a.Recovery.Left() != RecoveryCodes-1, !a.Issued.Once, a.Issued.Valid != 24*time.Hour,
		!slices.Equal(a.Owners, []Owner{{Host: HostID{1}, UID: 1000}}),
		len(a.Happened) != 4 || !a.Happened[0].Told || a.Happened[3].Told:
		t.Errorf("read %+v", a)
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
	for _, path := range []string{"testdata/record-1.cbor", "testdata/record-2.cbor"} {
		kept, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(kept)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := UnmarshalRecord(b)
		if err != nil {
			return
		}
		var format struct {
			Format uint64 `cbor:"0,keyasint"`
		}
		if err := cbor.Unmarshal(b, &format); err != nil {
			t.Fatal(err)
		}
		again, err := a.marshal(format.Format)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("what was read is written otherwise: %v", err)
		}
		if _, outcome := Attempt(a, Try{Typed: totp.NewTyped("hunter2"), Now: time.Unix(1.79e9, 0)}, Limits{}); outcome.Accepted {
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
