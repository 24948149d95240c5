// Package login judges one login: from the module's start message to the
// result, in straight-line code.
package login

import (
	"context"
	"errors"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/internal/policy"
	"spse-totp/daemon/internal/text"
	"spse-totp/daemon/protocol"
	"spse-totp/totp"
)

// Accounts is the store as a login needs it.
type Accounts interface {
	// Update reads the account, decides, and has committed what was decided
	// when it returns. After an error nothing may be let in.
	Update(ctx context.Context, id account.ID, decide func(account.Account) (account.Account, account.Outcome)) (account.Account, account.Outcome, error)
	// ReadAhead reads the account for what is to be said before the answer, and
	// returns the update that the answer comes to, good also after an error. It
	// is Update in all but that it may spare a read: what it decides on is what
	// is there when it commits.
	ReadAhead(ctx context.Context, id account.ID) (account.Account, Update, error)
}

// Update is Accounts.Update of one account.
type Update = func(ctx context.Context, decide func(account.Account) (account.Account, account.Outcome)) (account.Account, account.Outcome, error)

// Events takes what happened.
type Events interface {
	Record(audit.Event)
}

// Service judges logins. All fields are wanted.
type Service struct {
	Accounts Accounts
	Events   Events
	Office   func() Office // as the configuration says now
	Now      func() time.Time
}

// Office is what the configuration says to a login.
type Office struct {
	Texts  text.Texts
	Policy policy.Policy
	// Issuer names the entry in the phone.
	Issuer string
}

// Reasons of logins that came to no attempt.
const (
	reasonAbandoned   = "abandoned"     // hung up, or an empty answer
	reasonLate        = "late"          // nothing came in time
	reasonGarbled     = "garbled"       // no message of the protocol, or out of turn
	reasonUnavailable = "unavailable"   // the store could not decide
	reasonUnknownUser = "unknown-user"  // NSS has no such user
	reasonCodeNotSeen = "code-not-seen" // the account phase, with no code given before
	reasonExempt      = "exempt"        // by policy
	reasonAllowed     = "allowed"       // by policy: never activated, and not yet a must
	reasonRefused     = "refused"       // by policy
)

// Serve holds one conversation and sends its result. Where it was cut short
// because the daemon stops, it sends none, so that the module comes again.
func (s *Service) Serve(ctx context.Context, packets Packets) {
	c, err := open(packets)
	if err == nil {
		err = s.judge(ctx, c)
	}
	if err == nil || errors.Is(err, ErrClosing) { // nothing was decided
		return
	}
	event := c.event(reasonOf(err))
	if event.Reason == reasonGarbled {
		event.Hint = err.Error() + "; are the module and the daemon of one version?"
	}
	s.Events.Record(event)
	switch {
	case errors.Is(err, ErrGone):
	case errors.Is(err, ErrLate) && c.offered: // somebody is at the prompt still
		_ = c.show(s.texts().Abandoned(), protocol.StyleError)
		_ = c.end(protocol.Refused)
	case errors.Is(err, ErrLate) && c.spoken:
		_ = s.conclude(c, protocol.Refused)
	default:
		_ = c.end(protocol.Refused) // nobody may be left to read it
	}
}

// judge says and asks what the policy and the phase want, and ends the
// conversation. An error means that the conversation broke: nothing was let in.
func (s *Service) judge(ctx context.Context, c *conversation) error {
	decision, err := s.decide(c)
	if err != nil {
		return err
	}
	switch decision.Verdict {
	case policy.Exempt:
		return s.pass(c, reasonExempt, decision)
	case policy.Require, policy.Allow:
		if c.start.Phase == protocol.PhaseAccount {
			return s.checkPhase(ctx, c, decision)
		}
		return s.ask(ctx, c, decision)
	default:
		s.record(c, reasonRefused, decision)
		return s.turnAway(c)
	}
}

// ask asks for a code; who never was activated is led through it, or, where it
// is not yet a must, offered it.
func (s *Service) ask(ctx context.Context, c *conversation, decision policy.Decision) error {
	a, update, begins := s.begins(ctx, c)
	switch {
	case begins && decision.Verdict == policy.Require:
		return s.mustActivate(ctx, c, a)
	case begins:
		return s.mayActivate(ctx, c, a, decision)
	default:
		return s.askForCode(ctx, c, update)
	}
}

func (s *Service) askForCode(ctx context.Context, c *conversation, update Update) error {
	answer, err := c.askCode(s.texts().CodePrompt(totp.DefaultParams().Digits))
	if err != nil {
		return err
	}
	if s.refusedMeanwhile(c) {
		s.Events.Record(c.event(reasonRefused))
		return s.turnAway(c)
	}
	event, verdict := s.attempt(ctx, c, answer, update)
	s.Events.Record(event)
	return s.conclude(c, verdict)
}

func (s *Service) texts() text.Texts { return s.Office().Texts }

// attempt judges what was typed. What NSS does not know is asked like anybody
// else and refused without a look at the store.
func (s *Service) attempt(ctx context.Context, c *conversation, answer protocol.Answer, update Update) (audit.Event, protocol.Verdict) {
	if answer.Typed.IsEmpty() && !answer.Withheld {
		return c.event(reasonAbandoned), protocol.Refused
	}
	if c.start.NSS == nil {
		return c.event(reasonUnknownUser), protocol.Refused
	}
	try := account.Try{
		Typed:    totp.NewTyped(answer.Typed.Reveal()),
		Withheld: answer.Withheld,
		Source:   account.LoginSource(c.start.Service, c.start.RHost, c.start.TTY),
	}
	after, outcome, err := update(ctx, func(a account.Account) (account.Account, account.Outcome) {
		try.Now = s.Now() // of the decision, however long the turn took
		return account.Attempt(a, try)
	})
	if err != nil {
		event := c.event(reasonUnavailable)
		event.Hint = err.Error()
		return event, protocol.Unavailable
	}
	event := c.event(outcome.Reason.String())
	event.Accepted, event.Version = outcome.Accepted, after.Version
	if outcome.Accepted {
		return event, protocol.Accepted
	}
	return event, protocol.Refused
}

// conclude shows the one text there is for the verdict, and ends.
func (s *Service) conclude(c *conversation, verdict protocol.Verdict) error {
	said := ""
	switch verdict {
	case protocol.Refused:
		said = s.texts().Refused()
	case protocol.Unavailable:
		said = s.texts().Unavailable()
	}
	if said != "" {
		if err := c.show(said, protocol.StyleError); err != nil {
			return err
		}
	}
	return c.end(verdict)
}

func reasonOf(err error) string {
	switch {
	case errors.Is(err, ErrGone):
		return reasonAbandoned
	case errors.Is(err, ErrLate):
		return reasonLate
	default:
		return reasonGarbled
	}
}
