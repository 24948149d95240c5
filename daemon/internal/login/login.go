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
	// ClockBehind says whether the host's clock is so far behind its mark that
	// it cannot be right. It is known once the store is open, as in an Update.
	ClockBehind(now time.Time) bool
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
	Host     account.HostID
	Office   func() Office // as the configuration says now
	Now      func() time.Time
}

// Office is what the configuration says to a login.
type Office struct {
	Texts  text.Texts
	Policy policy.Policy
	Limits account.Limits
	// PasswordActivates says that an account that never was active needs no code
	// for its first phone.
	PasswordActivates bool
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
// is not yet a must, offered it. Whom the helpdesk gave a code is asked for that
// one: it may be for this one login.
func (s *Service) ask(ctx context.Context, c *conversation, decision policy.Decision) error {
	a, update, begins := s.begins(ctx, c)
	switch {
	case begins && decision.Verdict == policy.Allow:
		return s.mayActivate(ctx, c, a, update, decision)
	case begins && s.Office().PasswordActivates && !a.Issued.Good(s.Now()):
		return s.mustActivate(ctx, c, a)
	case begins:
		if err := c.show(s.texts().AskHelpdesk(), protocol.StyleInfo); err != nil {
			return err
		}
	}
	return s.askForCode(ctx, c, update)
}

func (s *Service) askForCode(ctx context.Context, c *conversation, update Update) error {
	answer, err := c.askCode(s.texts().CodePrompt(totp.DefaultParams().Digits))
	if err != nil {
		return err
	}
	return s.judgeCode(ctx, c, answer, update)
}

// judgeCode judges what was typed, and goes on as it deserves.
func (s *Service) judgeCode(ctx context.Context, c *conversation, answer protocol.Answer, update Update) error {
	if s.refusedMeanwhile(c) {
		s.Events.Record(c.event(reasonRefused))
		return s.turnAway(c)
	}
	j := s.attempt(ctx, c, answer, update)
	s.Events.Record(j.event)
	switch {
	case j.verdict == protocol.Accepted:
		return s.letIn(ctx, c, j)
	case j.reason == account.Entitled:
		return s.activateByIssued(ctx, c, j.account)
	default:
		return s.conclude(c, j.verdict)
	}
}

// judged is what came of a code.
type judged struct {
	event   audit.Event
	verdict protocol.Verdict
	reason  account.Reason
	account account.Account // afterwards
	news    account.News    // for the owner
}

func (s *Service) texts() text.Texts { return s.Office().Texts }

// attempt judges what was typed. What NSS does not know is asked like anybody
// else and refused without a look at the store.
func (s *Service) attempt(ctx context.Context, c *conversation, answer protocol.Answer, update Update) judged {
	if answer.Typed.IsEmpty() && !answer.Withheld {
		return judged{event: c.event(reasonAbandoned)}
	}
	if c.start.NSS == nil {
		return judged{event: c.event(reasonUnknownUser)}
	}
	limits := s.Office().Limits
	var news account.News
	after, outcome, err := update(ctx, func(a account.Account) (account.Account, account.Outcome) {
		news = account.News{} // of this decision alone
		try := s.try(c)
		try.Typed, try.Withheld, try.Login = totp.NewTyped(answer.Typed.Reveal()), answer.Withheld, true
		// What this login itself did is told at the next one: a recovery code may
		// be in another's hands.
		told, untold := account.Tell(a, try.Source)
		if after, outcome := account.Attempt(told, try, limits); outcome.Accepted {
			news = untold
			return after, outcome
		}
		return account.Attempt(a, try, limits)
	})
	if err != nil {
		event := c.event(reasonUnavailable)
		event.Hint = err.Error()
		return judged{event: event, verdict: protocol.Unavailable}
	}
	j := judged{event: c.event(outcome.Reason.String()), reason: outcome.Reason, account: after, news: news}
	j.event.Accepted, j.event.Version, j.event.Hint = outcome.Accepted, after.Version, hints[outcome.Reason]
	j.event.BreakGlass = outcome.Reason == account.AcceptedOnce
	if outcome.Accepted {
		j.verdict = protocol.Accepted
	}
	return j
}

// hints are what an administrator is told of some outcomes.
var hints = map[account.Reason]string{
	account.ClockBehind:  "the host's clock is before the last accepted code: set it right (timedatectl); if it is right now: spse-totp clock accept",
	account.ForeignUID:   "the name had another uid here: if it is the same person, spse-totp reset",
	account.Locked:       "too many wrong codes: a recovery code or spse-totp issue opens it",
	account.AcceptedOnce: "by a break-glass code, which is spent now",
}

// try is what is known of a try when it is judged, however long its turn took.
func (s *Service) try(c *conversation) account.Try {
	now := s.Now()
	return account.Try{
		Source:      account.LoginSource(c.start.Service, c.start.RHost, c.start.TTY),
		Owner:       account.Owner{Host: s.Host, UID: c.start.NSS.UID},
		Now:         now,
		ClockBehind: s.Accounts.ClockBehind(now),
	}
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
