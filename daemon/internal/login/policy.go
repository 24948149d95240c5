package login

import (
	"context"
	"fmt"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/policy"
	"spse-totp/daemon/protocol"
)

// decide applies the policy. It knows nothing of a user whom NSS does not, who
// is asked like anybody else.
func (s *Service) decide(c *conversation) (policy.Decision, error) {
	if c.start.NSS == nil {
		return policy.Decision{Verdict: policy.Require}, nil
	}
	who := policy.Login{
		Realm: c.account().Realm, Account: c.account().Name,
		Service: c.start.Service, RHost: c.start.RHost, Now: s.Now(),
	}
	rules := s.Office().Policy
	if needed := rules.NeededGroups(who); len(needed) > 0 {
		groups, err := c.groups(needed)
		if err != nil {
			return policy.Decision{}, err
		}
		who.Groups, who.UnknownGroups, who.GroupsKnown = groups.GIDs, groups.Unknown, true
	}
	return rules.Decide(who), nil
}

// refusedMeanwhile says whether the policy refuses by now: a person may sit at a
// prompt for minutes, and a reload must not wait for them. What cannot be said is
// refused.
func (s *Service) refusedMeanwhile(c *conversation) bool {
	decision, err := s.decide(c)
	return err != nil || decision.Verdict == policy.Refuse
}

// begins says whether the account may activate by what came before this login,
// and returns it with its update. One that was active once may not, after a
// reset; and of one that cannot be read it is not known. What NSS does not know
// has no account, and no update.
func (s *Service) begins(ctx context.Context, c *conversation) (a account.Account, update Update, begins bool) {
	if c.start.NSS == nil {
		return account.Account{}, nil, false
	}
	a, update, err := s.Accounts.ReadAhead(ctx, c.account())
	return a, update, err == nil && a.MayBegin()
}

// checkPhase is the account phase of a login that gave no code: by publickey
// alone, sshd never asks the auth phase. Only who may still go without gets in.
func (s *Service) checkPhase(ctx context.Context, c *conversation, decision policy.Decision) error {
	if _, _, begins := s.begins(ctx, c); begins && decision.Verdict == policy.Allow {
		if err := c.show(s.texts().MayActivate(decision.DaysLeft(s.Now())), protocol.StyleInfo); err != nil {
			return err
		}
		return s.pass(c, reasonAllowed, decision)
	}
	event := c.event(reasonCodeNotSeen)
	event.Hint = "a login by key alone? set AuthenticationMethods publickey,keyboard-interactive in sshd_config, " +
		"or take the service out of account= in /etc/pam.d"
	s.Events.Record(event)
	if err := c.show(s.texts().CodeNotSeen(), protocol.StyleError); err != nil {
		return err
	}
	return c.end(protocol.Refused)
}

// pass lets in without a code, by policy.
func (s *Service) pass(c *conversation, reason string, decision policy.Decision) error {
	s.record(c, reason, decision)
	return c.end(protocol.NotAsked)
}

// turnAway ends a login that a rule refuses. Who read the text about a wrong code
// would wait for the next one, for ever. It tells a guesser no more than that he
// is not asked for one.
func (s *Service) turnAway(c *conversation) error {
	if err := c.show(s.texts().RefusedByRule(), protocol.StyleError); err != nil {
		return err
	}
	return c.end(protocol.Refused)
}

// record tells what the policy decided, and by which rule.
func (s *Service) record(c *conversation, reason string, decision policy.Decision) {
	event := c.event(reason)
	event.Accepted = decision.Verdict > policy.Require
	if decision.Rule != nil {
		event.Why = fmt.Sprintf("the rule of line %d: %s", decision.Rule.Line, decision.Verdict)
		if decision.Rule.Reason != "" {
			event.Why += ", " + decision.Rule.Reason
		}
	}
	if unknown := c.known.Unknown; len(unknown) > 0 {
		event.Hint = fmt.Sprintf("NSS could not tell of group %d: is the directory server there, and the group? getent group %[1]d", unknown[0])
	}
	s.Events.Record(event)
}
