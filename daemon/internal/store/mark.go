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
	// clockSlack is how far the clock may be before the mark: the mark lags, and
	// a clock that is being put right moves a little both ways.
	clockSlack = 2 * time.Minute
)

// ClockBehind says whether the host's clock is so far before the clock mark that
// it cannot be right. Before the store was opened there is no mark. The watch
// hears of it where it was not so before.
func (s *Store) ClockBehind(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lookAtClock(now)
}

// lookAtClock is ClockBehind. s.mu is held.
func (s *Store) lookAtClock(now time.Time) (behind bool) {
	by := s.mark.Sub(now)
	behind = by > clockSlack
	switch {
	case behind && !s.behind:
		s.watch.ClockBehind(by)
	case s.behind && !behind:
		s.watch.ClockRight()
	}
	s.behind = behind
	return behind
}

// ClockMark is the newest time at which a code was accepted on this host, as
// this store knows it; zero where none was yet.
func (s *Store) ClockMark() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mark
}

// AcceptClock sets the mark to the host's clock, which somebody says is right.
func (s *Store) AcceptClock(ctx context.Context, now time.Time) error {
	engine, err := s.engineNow(ctx)
	if err != nil {
		return err
	}
	sealed, err := s.sealMark(now)
	if err != nil {
		return err
	}
	if err := engine.SetMark(ctx, sealed); err != nil {
		return s.failed(engine, fmt.Errorf("writing the clock mark: %w", err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mark = asWritten(now)
	s.lookAtClock(now)
	return nil
}

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
	seconds := int64(binary.BigEndian.Uint64(b))
	if seconds == 0 { // no code was accepted yet
		return time.Time{}, nil
	}
	return time.Unix(seconds, 0).UTC(), nil
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
		s.mark = asWritten(mark)
	}
}

// asWritten is a mark as it is read back: whole seconds of the wall clock. With
// the monotonic reading that time.Now gives, Sub would not see the wall clock go
// back.
func asWritten(mark time.Time) time.Time { return time.Unix(mark.Unix(), 0).UTC() }
