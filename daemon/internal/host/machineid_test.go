package host

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func TestHostsAreToldApart(t *testing.T) {
	one, other := strings.Repeat("a1", 16), strings.Repeat("b2", 16)
	a, err := idOf(one + "\n")
	if err != nil {
		t.Fatal(err)
	}
	again, err := idOf(one)
	if err != nil || again != a {
		t.Errorf("not the same twice, %v", err)
	}
	b, err := idOf(other)
	if err != nil || b == a || b == [16]byte{} {
		t.Errorf("two hosts are one, or none, %v", err)
	}
	raw, err := hex.DecodeString(one)
	if err != nil || bytes.Equal(raw, a[:]) {
		t.Error("the machine-id itself is passed on")
	}
}

func TestAHostWithoutAnIDIsToldSo(t *testing.T) {
	for _, text := range []string{"", "uninitialized\n", strings.Repeat("0", 32), "A1" + strings.Repeat("a1", 15), strings.Repeat("a", 33)} {
		if _, err := idOf(text); err == nil || !strings.Contains(err.Error(), "systemd-machine-id-setup") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
