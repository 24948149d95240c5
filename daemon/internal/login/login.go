// Package login judges one login: from the module's start message to the
// result, in straight-line code.
package login

import (
	"context"
	"errors"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/internal/text"
	"spse-totp/daemon/protocol"
	"spse-totp/totp"
)

// Accounts is the store as a login needs it.
type Accounts interface {
	// Update reads the account, decides, and has committed what was decided
	// when it returns. After an error nothing may be let in.
	Update(ctx context.Context, id account.ID, decide func(account.Account) (account.Account, account.Outcome)) (account.Account, account.Outcome, error)
}

// Events takes what happened.
type Events interface {
	Record(audit.Event)
}

// Service judges logins. All fields are wanted.
type Service struct {
	Accounts Accounts
	Events   Events
	Texts    func() text.Texts // as the configuration says now
	Now      func() time.Time
}

// Reasons of logins that came to no attempt.
const (
	reasonAbandoned   = "abandoned"     // hung up, or an empty answer
	reasonLate        = "late"          // nothing came in time
	reasonGarbled     = "garbled"       // no message of the protocol, or out of turn
	reasonUnavailable = "unavailable"   // the store could not decide
	reasonUnknownUser = "unknown-user"  // NSS has no such user
	reasonCodeNotSeen = "code-not-seen" // the account phase, with no code given before
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
	case errors.Is(err, ErrLate) && c.spoken: // somebody is at the prompt still
		_ = s.conclude(c, protocol.Refused)
	default:
		_ = c.end(protocol.Refused) // nobody may be left to read it
	}
}

// judge says and asks what the phase wants and ends the conversation. An error
// means that the conversation broke: nothing was let in.
func (s *Service) judge(ctx context.Context, c *conversation) error {
	if c.start.Phase == protocol.PhaseAccount {
		return s.codeNotSeen(c)
	}
	answer, err := c.askCode(s.Texts().CodePrompt(totp.DefaultParams().Digits))
	if err != nil {
		return err
	}
	event, verdict := s.attempt(ctx, c, answer)
	s.Events.Record(event)
	return s.conclude(c, verdict)
}

// codeNotSeen refuses a login that reached the account phase with no code
// given: by publickey alone, sshd never asks the auth phase.
func (s *Service) codeNotSeen(c *conversation) error {
	event := c.event(reasonCodeNotSeen)
	event.Hint = "a login by key alone? set AuthenticationMethods publickey,keyboard-interactive in sshd_config, " +
		"or take the service out of account= in /etc/pam.d"
	s.Events.Record(event)
	if err := c.show(s.Texts().CodeNotSeen(), protocol.StyleError); err != nil {
		return err
	}
	return c.end(protocol.Refused)
}

// attempt judges what was typed. What NSS does not know is asked like anybody
// else and refused without a look at the store.
func (s *Service) attempt(ctx context.Context, c *conversation, answer protocol.Answer) (audit.Event, protocol.Verdict) {
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
	after, outcome, err := s.Accounts.Update(ctx, c.account(), func(a account.Account) (account.Account, account.Outcome) {
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
		said = s.Texts().Refused()
	case protocol.Unavailable:
		said = s.Texts().Unavailable()
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
