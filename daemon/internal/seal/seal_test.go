package seal

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func sealer(t *testing.T) *Sealer {
	t.Helper()
	keyset, err := NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(keyset)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOpensOnlyWhatWasSealedAsThat(t *testing.T) {
	s := sealer(t)
	label := Label{Purpose: "record", Realm: "host", Name: "budi"}
	sealed, err := s.Seal(label, []byte("the record"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("record")) {
		t.Error("readable at rest")
	}
	if clear, err := s.Open(label, sealed); err != nil || string(clear) != "the record" {
		t.Errorf("got %q, %v", clear, err)
	}
	for name, other := range map[string]Label{
		"another account": {"record", "host", "siti"},
		"another realm":   {"record", "spse", "budi"},
		"another purpose": {"offer", "host", "budi"},
		"parts shifted":   {"record", "hostb", "udi"},
		"no label":        {},
	} {
		if _, err := s.Open(other, sealed); !errors.Is(err, ErrOpen) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := sealer(t).Open(label, sealed); !errors.Is(err, ErrOpen) {
		t.Errorf("another keyset: got %v", err)
	}
	for i := range sealed {
		edited := bytes.Clone(sealed)
		edited[i] ^= 1
		if _, err := s.Open(label, edited); !errors.Is(err, ErrOpen) {
			t.Errorf("byte %d edited: got %v", i, err)
		}
	}
}

func TestNewRefusesWhatIsNoKeyset(t *testing.T) {
	keyset, err := NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"empty": nil, "text": []byte("hello"), "cut": keyset[:len(keyset)/2], "no keys": []byte(`{"primaryKeyId":1,"key":[]}`),
	} {
		if _, err := New(b); !errors.Is(err, ErrKeyset) || strings.Contains(err.Error(), "hello") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
