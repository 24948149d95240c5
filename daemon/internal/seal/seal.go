// Package seal keeps records unreadable and unforgeable at rest.
//
// A sealed record is XChaCha20-Poly1305 under a keyset that the store never
// sees. Every login seals once, so the 192-bit random nonce is what lets a key
// last. What the record is (its purpose, realm and name) is authenticated with
// it, so a record moved to another row does not open.
package seal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

var (
	// ErrKeyset: the bytes are no keyset.
	ErrKeyset = errors.New("not a keyset")
	// ErrOpen: the sealed bytes were made under another key, for another
	// record, or were changed since.
	ErrOpen = errors.New("sealed record does not open: edited, moved, or sealed by another keyset")
)

// Label says what a sealed text is. It is authenticated, not hidden.
type Label struct {
	Purpose string
	Realm   string
	Name    string
}

// bytes puts each part behind its length, so that no two labels read alike.
func (l Label) bytes() []byte {
	var b []byte
	for _, part := range []string{l.Purpose, l.Realm, l.Name} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	return b
}

// Sealer seals and opens under one keyset. It is safe for concurrent use.
type Sealer struct {
	aead tink.AEAD
}

// NewKeyset draws a keyset and returns it in clear, as JSON, for the one file
// or credential that keeps it.
func NewKeyset() ([]byte, error) {
	handle, err := keyset.NewHandle(aead.XChaCha20Poly1305KeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("drawing a keyset: %w", err)
	}
	var clear bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&clear)); err != nil {
		return nil, fmt.Errorf("writing the keyset: %w", err)
	}
	return clear.Bytes(), nil
}

// New reads a keyset in clear. Its errors never quote what they read.
func New(clear []byte) (*Sealer, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(clear)))
	if err != nil {
		return nil, ErrKeyset
	}
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, ErrKeyset
	}
	return &Sealer{aead: primitive}, nil
}

// Seal encrypts and authenticates clear as what the label says.
func (s *Sealer) Seal(label Label, clear []byte) ([]byte, error) {
	return s.aead.Encrypt(clear, label.bytes())
}

// Open undoes Seal, or fails with ErrOpen.
func (s *Sealer) Open(label Label, sealed []byte) ([]byte, error) {
	clear, err := s.aead.Decrypt(sealed, label.bytes())
	if err != nil {
		return nil, ErrOpen
	}
	return clear, nil
}
