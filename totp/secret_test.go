package totp

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawSecret draws a secret of any allowed length.
func drawSecret(t *rapid.T) Secret {
	raw := rapid.SliceOfN(rapid.Byte(), minSecretSize, maxSecretSize).Draw(t, "secret")
	secret, err := SecretFromBytes(raw)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func mustSecret(t testing.TB, raw string) Secret {
	t.Helper()
	secret, err := SecretFromBytes([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestSecretFromBytesLength(t *testing.T) {
	for size := range 100 {
		secret, err := SecretFromBytes(make([]byte, size))
		if wantOK := size >= 16 && size <= 64; wantOK {
			if err != nil || secret.IsZero() || len(secret.Bytes()) != size {
				t.Errorf("%d bytes: %v, zero %t", size, err, secret.IsZero())
			}
		} else if !errors.Is(err, ErrSecret) || !secret.IsZero() {
			t.Errorf("%d bytes: %v, zero %t; want ErrSecret", size, err, secret.IsZero())
		}
	}
}

func TestSecretIsCopiedInAndOut(t *testing.T) {
	raw := []byte("12345678901234567890")
	secret, err := SecretFromBytes(raw)
	if err != nil {
		t.Fatal(err)
	}
	clear(raw)
	clear(secret.Bytes())
	if got := string(secret.Bytes()); got != "12345678901234567890" {
		t.Errorf("the secret changed to %q", got)
	}
}

func TestSecretSpellings(t *testing.T) {
	secret := mustSecret(t, "12345678901234567890")
	if got, want := secret.Base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"; got != want {
		t.Errorf("Base32 is %q, want %q", got, want)
	}
	if got, want := secret.Grouped(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"; got != want {
		t.Errorf("Grouped is %q, want %q", got, want)
	}
	// 17 bytes end in half a group, and would want padding.
	odd := mustSecret(t, "12345678901234567")
	if got, want := odd.Grouped(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3Q"; got != want {
		t.Errorf("Grouped is %q, want %q", got, want)
	}
	if zero := (Secret{}); len(zero.Bytes()) != 0 || zero.Base32() != "" || zero.Grouped() != "" {
		t.Error("the zero secret has contents")
	}
}

func TestSecretSpellingsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := drawSecret(t)
		got, err := secretFromBase32(secret.Base32())
		if err != nil || !bytes.Equal(got.Bytes(), secret.Bytes()) {
			t.Fatalf("%s comes back as %s, %v", secret.Base32(), got.Base32(), err)
		}
		if strings.ReplaceAll(secret.Grouped(), " ", "") != secret.Base32() {
			t.Fatalf("Grouped is %q", secret.Grouped())
		}
	})
}

func TestNewSecret(t *testing.T) {
	seen := map[string]bool{}
	var union [newSecretSize]byte
	for range 200 {
		secret, err := NewSecret()
		if err != nil {
			t.Fatal(err)
		}
		raw := secret.Bytes()
		if len(raw)*8 != 160 {
			t.Fatalf("a new secret has %d bits", len(raw)*8)
		}
		seen[string(raw)] = true
		for i := range raw {
			union[i] |= raw[i]
		}
	}
	if len(seen) != 200 {
		t.Errorf("%d different secrets of 200", len(seen))
	}
	// A bit that never was set in 200 secrets is not random (once in 10^58).
	for i, bits := range union {
		if bits != 0xff {
			t.Errorf("byte %d of 200 secrets has fixed bits: %08b", i, bits)
		}
	}
}
