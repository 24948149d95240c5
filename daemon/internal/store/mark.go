package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"spse-totp/daemon/internal/seal"
)

const (
	purposeMark = "clock-mark"

	// markEvery is how far the clock mark may lag, to save writes.
	markEvery = time.Minute
)

func (s *Store) readMark(ctx context.Context, engine Engine) (time.Time, error) {
	sealed, err := engine.Mark(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the clock mark: %w", err)
	}
	if len(sealed) == 0 {
		return time.Time{}, ErrNoMark
	}
	b, err := s.seal.Open(markLabel, sealed)
	if err != nil || len(b) != 8 {
		return time.Time{}, fmt.Errorf("clock mark: %w", seal.ErrOpen)
	}
	return time.Unix(int64(binary.BigEndian.Uint64(b)), 0).UTC(), nil
}

var markLabel = seal.Label{Purpose: purposeMark}

func (s *Store) sealMark(mark time.Time) ([]byte, error) {
	seconds := int64(0)
	if !mark.IsZero() {
		seconds = mark.Unix()
	}
	sealed, err := s.seal.Seal(markLabel, binary.BigEndian.AppendUint64(nil, uint64(seconds)))
	if err != nil {
		return nil, fmt.Errorf("sealing the clock mark: %w", err)
	}
	return sealed, nil
}

// newMark seals a mark that is worth writing, or returns nothing.
func (s *Store) newMark(mark time.Time) ([]byte, error) {
	s.mu.Lock()
	due := !mark.IsZero() && mark.Sub(s.mark) >= markEvery
	s.mu.Unlock()
	if !due {
		return nil, nil
	}
	return s.sealMark(mark)
}

func (s *Store) committed(mark time.Time, change *Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.failedAt) >= healAfter {
		s.heal()
	}
	if len(change.Mark) > 0 && mark.After(s.mark) {
		s.mark = mark
	}
}
