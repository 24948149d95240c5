package control

import (
	"context"

	"spse-totp/daemon/internal/audit"
)

func (s *Service) clock(ctx context.Context, r request) (any, error) {
	now := s.Now().UTC()
	shown := Clock{Now: now, Behind: s.Accounts.ClockBehind(now), Advice: []string{}}
	if shown.Behind {
		shown.Advice = append(shown.Advice, s.Office().Texts.ClockBehind())
	}
	if mark := s.Accounts.ClockMark(); !mark.IsZero() {
		shown.Mark = &mark
	}
	return shown, nil
}

// acceptClock sets the clock mark back to the host's clock, which an
// administrator says is right.
func (s *Service) acceptClock(ctx context.Context, r request) (any, error) {
	why, err := justification(r, false)
	if err != nil {
		return nil, err
	}
	before := s.Accounts.ClockMark()
	if err := s.Accounts.AcceptClock(ctx, s.Now()); err != nil {
		return nil, err
	}
	s.Events.Record(audit.Event{
		Kind: audit.Clock, Caller: r.caller.String(), By: why.By, Why: why.Reason,
		Message: "the host's clock was accepted as right; codes had been accepted up to " + before.UTC().Format("2006-01-02 15:04:05Z"),
	})
	return s.clock(ctx, r)
}
