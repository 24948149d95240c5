package login

import (
	"context"
	"errors"
	"fmt"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/internal/text"
	"spse-totp/daemon/protocol"
	"spse-totp/totp"
)

const (
	// fewCodes is when the person is urged to make new recovery codes.
	fewCodes = 3
	// maxProofs is how often a recovery code is asked for.
	maxProofs = 3
)

// withinSession are the services by which somebody who has logged in becomes
// another. Nothing is offered there: sudo refuses whoever left a prompt out,
// whatever PAM says, and where what is typed comes from a pipe, an offer would
// take a line that is the command's.
var withinSession = map[string]bool{"sudo": true, "sudo-i": true, "su": true, "su-l": true}

// letIn lets in who gave a right code: first it tells the owner what happened
// meanwhile, and offers what is due. None of that can keep anybody out who stays
// on the line: whoever walks away from an offer is let in as after Enter, and so
// is whoever sits at one when the daemon stops, since the code is spent.
func (s *Service) letIn(ctx context.Context, c *conversation, j judged) error {
	err := s.tellNews(c, j.news)
	if err == nil {
		err = s.offerWhatIsDue(ctx, c, j)
	}
	if err != nil && !errors.Is(err, ErrLate) && !errors.Is(err, ErrClosing) {
		return err
	}
	return c.end(protocol.Accepted)
}

func (s *Service) tellNews(c *conversation, news account.News) error {
	for _, line := range s.newsLines(news) {
		if err := c.show(line, protocol.StyleInfo); err != nil {
			return err
		}
	}
	return nil
}

// newsLines are one thing a line, and what it means.
func (s *Service) newsLines(news account.News) []string {
	texts := s.texts()
	var lines []string
	var named uint32
	for _, row := range news.Refusals {
		tell := texts.NewsRefused
		if row.Reason == account.Wrong {
			tell, named = texts.NewsWrong, named+row.Count
		}
		lines = append(lines, tell(int(row.Count), row.Source.From(), row.Last))
	}
	if news.Wrong > named {
		lines = append(lines, texts.NewsWrongAll(int(news.Wrong)))
	}
	if len(news.Refusals) > 0 {
		lines = append(lines, texts.NewsGuessed())
	}
	for _, h := range news.Happened {
		lines = append(lines, texts.Changed(text.Change(h.Change.String()), h.Source.From(), h.At))
	}
	if len(news.Happened) > 0 {
		lines = append(lines, texts.NewsChanged())
	}
	return lines
}

func (s *Service) offerWhatIsDue(ctx context.Context, c *conversation, j judged) error {
	switch {
	case j.reason == account.AcceptedOnce:
		return c.show(s.texts().OnceUsed(), protocol.StyleInfo)
	case j.reason == account.AcceptedRecovery:
		return s.offerNewPhone(ctx, c, j.account)
	case j.account.Recovery.Left() == 0 && !withinSession[c.start.Service]:
		return s.offerRecovery(ctx, c, j.account)
	}
	return nil
}

// offerNewPhone is for who is in by a recovery code, and most likely has lost the
// phone. The old one goes on working until a code of the new one was right, which
// none can be while the host's clock is behind: then it is the way in, and no more.
func (s *Service) offerNewPhone(ctx context.Context, c *conversation, a account.Account) error {
	texts := s.texts()
	left := texts.RecoveryLeft(a.Recovery.Left())
	if a.Recovery.Left() < fewCodes {
		left += " " + texts.RecoveryFew()
	}
	if err := c.show(left, protocol.StyleInfo); err != nil || withinSession[c.start.Service] || s.Accounts.ClockBehind(s.Now()) {
		return err
	}
	now, err := c.wants(texts.NewPhoneOffer())
	if err != nil || !now {
		return err
	}
	if err := c.show(texts.NewPhone(totp.DefaultParams().Digits), protocol.StyleInfo); err != nil {
		return err
	}
	how, err := s.activate(ctx, c, account.Offer{Generation: a.Generation, By: account.ByCode})
	if err != nil {
		return err
	}
	said := texts.NotNow()
	switch how {
	case activated:
		said = texts.Activated()
	case superseded:
		said = texts.ActivatedElsewhere()
	}
	return c.show(said, protocol.StyleInfo)
}

// offerRecovery offers recovery codes to who has none left. They are the account's
// once one of them was typed: whoever can has written it down.
func (s *Service) offerRecovery(ctx context.Context, c *conversation, a account.Account) error {
	texts := s.texts()
	now, err := c.wants(texts.RecoveryOffer())
	if err != nil || !now {
		return err
	}
	offer, err := account.OfferRecovery(a)
	if err != nil {
		return fmt.Errorf("offering recovery codes: %w", err)
	}
	lines := []string{texts.RecoveryHead(), texts.RecoveryTime()}
	for i, code := range offer.Codes {
		lines = append(lines, fmt.Sprintf("%d) %s", i+1, code.Grouped()))
	}
	if err := c.showLines(lines); err != nil {
		return err
	}
	kept, err := s.proveRecovery(ctx, c, offer)
	if err != nil {
		return err
	}
	if kept {
		return c.show(texts.RecoveryKept(), protocol.StyleInfo)
	}
	return c.show(texts.RecoveryLater(), protocol.StyleInfo)
}

func (s *Service) proveRecovery(ctx context.Context, c *conversation, offer account.RecoveryOffer) (kept bool, err error) {
	for range maxProofs {
		answer, err := c.offer(s.texts().RecoveryProve(offer.Asked))
		if err != nil {
			return false, err
		}
		if answer.Typed.IsEmpty() {
			return false, nil
		}
		kept, over := s.keepRecovery(ctx, c, offer, answer)
		if over {
			return kept, nil
		}
		if err := c.show(s.texts().RecoveryWrong(offer.Asked), protocol.StyleInfo); err != nil {
			return false, err
		}
	}
	return false, nil
}

// keepRecovery is the one update by which recovery codes become the account's.
// over says that nothing more is to be asked.
func (s *Service) keepRecovery(ctx context.Context, c *conversation, offer account.RecoveryOffer, answer protocol.Answer) (kept, over bool) {
	after, outcome, err := s.Accounts.Update(ctx, c.account(), func(a account.Account) (account.Account, account.Outcome) {
		try := s.try(c)
		try.Typed = totp.NewTyped(answer.Typed.Reveal())
		return account.ConfirmRecovery(a, offer, try)
	})
	event := c.event(outcome.Reason.String())
	event.Kind, event.Accepted, event.Version = audit.Codes, err == nil && outcome.Accepted, after.Version
	if err != nil {
		event.Reason, event.Hint = reasonUnavailable, err.Error()
	}
	s.Events.Record(event)
	retry := outcome.Reason == account.UnknownCode || outcome.Reason == account.Malformed
	return event.Accepted, err != nil || !retry
}
