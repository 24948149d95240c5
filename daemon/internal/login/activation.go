package login

import (
	"context"
	"strings"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/internal/policy"
	"spse-totp/daemon/internal/qr"
	"spse-totp/daemon/protocol"
	"spse-totp/totp"
)

const (
	// turnOver is typed for another picture.
	turnOver = "?"
	// maxWrong confirmations end an activation: whoever errs so often has a
	// phone that is off. They are no guesses, the secret being on the screen.
	maxWrong = 5
	// maxTurns ends the conversation of a program that turns for ever.
	maxTurns = 12
	// maxShown is what may go out before one prompt, in bytes: dropbear's client
	// dies at 16,000, and there is some before and after.
	maxShown = 3500
)

// ending is how an activation ended: the reason of the login's event.
type ending string

const (
	activated   ending = "activated"
	abandoned   ending = reasonAbandoned      // by Enter
	failed      ending = "not-activated"      // too many wrong codes
	superseded  ending = "superseded"         // another one was faster
	codeWanted  ending = "issued-code-wanted" // the password alone no longer suffices
	barred      ending = reasonRefused        // a rule refuses by now
	disabled    ending = "disabled"           // by an administrator, meanwhile
	foreign     ending = "foreign-uid"        // the name was another's on this host
	clockBehind ending = "clock-behind"       // no code can be judged
	unknown     ending = reasonUnavailable    // the store could not decide
)

// mustActivate leads a person through activation, without which there is no way
// in.
func (s *Service) mustActivate(ctx context.Context, c *conversation, a account.Account) error {
	if err := c.show(s.texts().MustActivate(totp.DefaultParams().Digits), protocol.StyleInfo); err != nil {
		return err
	}
	how, err := s.activate(ctx, c, account.Offer{Generation: a.Generation, By: account.ByPassword})
	if err != nil {
		return err
	}
	return s.endActivation(c, how)
}

// activateByIssued leads through the activation that an issued code is good for.
func (s *Service) activateByIssued(ctx context.Context, c *conversation, a account.Account) error {
	if err := c.show(s.texts().NewPhone(totp.DefaultParams().Digits), protocol.StyleInfo); err != nil {
		return err
	}
	how, err := s.activate(ctx, c, account.Offer{Generation: a.Generation, By: account.ByIssued, Issued: a.Issued.Salt})
	if err != nil {
		return err
	}
	return s.endActivation(c, how)
}

// mayActivate offers activation to who may still go without.
func (s *Service) mayActivate(ctx context.Context, c *conversation, a account.Account, update Update, decision policy.Decision) error {
	if err := c.show(s.texts().MayActivate(decision.DaysLeft(s.Now())), protocol.StyleInfo); err != nil {
		return err
	}
	if !s.Office().PasswordActivates {
		return s.mayTypeIssued(ctx, c, update)
	}
	now, err := c.wants(s.texts().OfferPrompt())
	if err != nil {
		return err
	}
	if !now {
		return s.letGo(ctx, c)
	}
	how, err := s.activate(ctx, c, account.Offer{Generation: a.Generation, By: account.ByPassword})
	switch {
	case err != nil:
		return err
	case how == abandoned || how == failed:
		if err := c.show(s.texts().Abandoned(), protocol.StyleInfo); err != nil {
			return err
		}
		return s.letGo(ctx, c)
	}
	return s.endActivation(c, how)
}

// mayTypeIssued asks who may still go without for an issued code, where nothing
// else activates; Enter is later.
func (s *Service) mayTypeIssued(ctx context.Context, c *conversation, update Update) error {
	if err := c.show(s.texts().AskHelpdesk(), protocol.StyleInfo); err != nil {
		return err
	}
	answer, err := c.offer(s.texts().IssuedOffer())
	if err != nil {
		return err
	}
	if answer.Typed.IsEmpty() {
		return s.letGo(ctx, c)
	}
	return s.judgeCode(ctx, c, answer, update)
}

// letGo lets in without a code who still may. While somebody sat at the offer
// the owner may have activated elsewhere, or an administrator changed the rules:
// then it is judged anew.
func (s *Service) letGo(ctx context.Context, c *conversation) error {
	decision, err := s.decide(c)
	if err != nil {
		return err
	}
	if _, _, begins := s.begins(ctx, c); begins && decision.Verdict == policy.Allow {
		return s.pass(c, reasonAllowed, decision)
	}
	return s.judge(ctx, c)
}

// endActivation tells how it ended, and ends the conversation.
func (s *Service) endActivation(c *conversation, how ending) error {
	said, style, verdict := "", protocol.StyleError, protocol.Refused
	event := c.event(string(how))
	switch how {
	case activated:
		said, style, verdict, event.Accepted = s.texts().Activated(), protocol.StyleInfo, protocol.Accepted, true
	case abandoned:
		said = s.texts().Abandoned()
	case failed:
		said = s.texts().StillNot()
	case superseded:
		said = s.texts().ActivatedElsewhere()
	case barred:
		said = s.texts().RefusedByRule()
	case codeWanted:
		said = s.texts().AskHelpdesk()
	case disabled, foreign, clockBehind:
		said = s.texts().Refused()
	default:
		said, verdict = s.texts().Unavailable(), protocol.Unavailable
	}
	s.Events.Record(event)
	if err := c.show(said, style); err != nil {
		return err
	}
	return c.end(verdict)
}

// activate shows a new secret and asks for its codes, till one is right. A phone
// whose clock is off is known by two codes in a row, so the last two count.
func (s *Service) activate(ctx context.Context, c *conversation, offer account.Offer) (ending, error) {
	offer, sheet, err := s.newPhone(c, offer)
	if err != nil {
		return unknown, err
	}
	c.offered = true
	if err := c.showLines(sheet.side()); err != nil {
		return unknown, err
	}
	ask := c.ask
	if offer.By == account.ByCode { // who is in already may leave it
		ask = c.offer
	}
	var typed []totp.Typed
	for wrong, turns := 0, 0; wrong < maxWrong && turns < maxTurns; {
		answer, err := ask(s.texts().ConfirmPrompt(offer.Params.Digits))
		switch {
		case err != nil:
			return unknown, err
		case answer.Typed.IsEmpty() && !answer.Withheld:
			return abandoned, nil
		case strings.TrimSpace(answer.Typed.Reveal()) == turnOver:
			sheet.turn()
			turns++
			if err := c.showLines(sheet.side()); err != nil {
				return unknown, err
			}
			continue
		}
		typed = append(typed, totp.NewTyped(answer.Typed.Reveal()))
		how, over := s.confirm(ctx, c, offer, typed[max(0, len(typed)-2):])
		if over {
			return how, nil
		}
		if wrong++; wrong < maxWrong {
			if err := c.show(s.texts().NotConfirmed(), protocol.StyleInfo); err != nil {
				return unknown, err
			}
		}
	}
	return failed, nil
}

// newPhone draws a secret, and what the person is shown of it.
func (s *Service) newPhone(c *conversation, offer account.Offer) (account.Offer, *sheet, error) {
	secret, err := totp.NewSecret()
	if err != nil {
		return account.Offer{}, nil, err
	}
	offer.Secret, offer.Params = secret, totp.DefaultParams()
	office := s.Office()
	uri, err := totp.Key{Issuer: office.Issuer, Account: c.account().Name, Secret: secret, Params: offer.Params}.URI()
	if err != nil { // a name that no app can show: it is typed by hand, under another
		return offer, newSheet(office.Texts, qr.Code{}, secret), nil
	}
	code, err := qr.Encode(uri)
	if err != nil {
		code = qr.Code{}
	}
	return offer, newSheet(office.Texts, code, secret), nil
}

// confirm is the one update of an activation. over says that nothing more is to
// be asked.
func (s *Service) confirm(ctx context.Context, c *conversation, offer account.Offer, typed []totp.Typed) (how ending, over bool) {
	switch { // as the rules are by now
	case s.refusedMeanwhile(c):
		return barred, true
	case offer.By == account.ByPassword && !s.Office().PasswordActivates:
		return codeWanted, true
	}
	next := account.NewGeneration()
	after, outcome, err := s.Accounts.Update(ctx, c.account(), func(a account.Account) (account.Account, account.Outcome) {
		return account.Confirm(a, offer, typed, s.try(c), next)
	})
	event := c.event(outcome.Reason.String())
	event.Kind, event.Accepted, event.Version = audit.Activation, err == nil && outcome.Accepted, after.Version
	if err != nil {
		event.Reason, event.Hint = reasonUnavailable, err.Error()
	}
	s.Events.Record(event)
	switch {
	case err != nil:
		return unknown, true
	case outcome.Accepted:
		return activated, true
	case outcome.Reason == account.Superseded, offer.By == account.ByIssued && outcome.Reason == account.Replayed:
		return superseded, true
	case outcome.Reason == account.Disabled:
		return disabled, true
	case outcome.Reason == account.ForeignUID:
		return foreign, true
	case outcome.Reason == account.ClockBehind:
		return clockBehind, true
	default:
		return failed, false
	}
}
