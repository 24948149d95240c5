package control

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
)

// How much an administrator may say, in bytes.
const (
	maxReason = 200
	maxLetter = 64
)

func (s *Service) reset(ctx context.Context, r request) (any, error) {
	return s.change(ctx, r, audit.Reset, account.Reset)
}

func (s *Service) disable(ctx context.Context, r request) (any, error) {
	return s.change(ctx, r, audit.Disable, func(a account.Account, next account.Generation) account.Account {
		return account.SetDisabled(a, true, next)
	})
}

func (s *Service) enable(ctx context.Context, r request) (any, error) {
	return s.change(ctx, r, audit.Enable, func(a account.Account, next account.Generation) account.Account {
		return account.SetDisabled(a, false, next)
	})
}

// change is an administrator's change of an account. Only a disable makes a
// record where there is none, and only for a user there is.
func (s *Service) change(ctx context.Context, r request, kind audit.Kind, apply func(account.Account, account.Generation) account.Account) (any, error) {
	why, err := justification(r, kind == audit.Reset)
	if err != nil {
		return nil, err
	}
	next := account.NewGeneration()
	_, isUser, err := s.Users.UID(ctx, r.name)
	mayBegin := kind == audit.Disable && isUser && err == nil
	id := account.Host(r.name)
	missing := false
	a, _, err := s.Accounts.Update(ctx, id, func(a account.Account) (account.Account, account.Outcome) {
		if missing = a.Version == 0 && !mayBegin; missing {
			return a, account.Outcome{}
		}
		return apply(a, next), account.Outcome{}
	})
	if err != nil {
		return nil, err
	}
	if missing {
		return nil, noAccount()
	}
	s.Events.Record(audit.Event{
		Kind: kind, Account: id, Version: a.Version, Caller: r.caller.String(), By: why.By, Why: why.Reason, Letter: why.Letter,
	})
	return s.describe(r.name, a, r.caller.root()), nil
}

// remove deletes the record of a person who left, or one that cannot be read.
func (s *Service) remove(ctx context.Context, r request) (any, error) {
	why, err := justification(r, true)
	if err != nil {
		return nil, err
	}
	id := account.Host(r.name)
	a, err := s.Accounts.Remove(ctx, id)
	if err != nil {
		return nil, err
	}
	if a.Version == 0 {
		return nil, noAccount()
	}
	s.Events.Record(audit.Event{
		Kind: audit.Remove, Account: id, Version: a.Version, Caller: r.caller.String(), By: why.By, Why: why.Reason, Letter: why.Letter,
	})
	removed := s.describe(r.name, account.Account{}, r.caller.root())
	removed.Advice = []string{} // who left is not to activate anew
	return removed, nil
}

func justification(r request, reasonWanted bool) (Justification, error) {
	var why Justification
	if err := r.body(&why); err != nil {
		return Justification{}, err
	}
	why.Reason, why.Letter = strings.TrimSpace(why.Reason), strings.TrimSpace(why.Letter)
	switch {
	case why.Reason == "" && reasonWanted:
		return Justification{}, badRequest("a reason is wanted")
	case !line(why.Reason, maxReason):
		return Justification{}, badRequest("the reason is one line of at most 200 bytes")
	case !line(why.By, maxReason):
		return Justification{}, badRequest("the administrator's name is one line")
	case !line(why.Letter, maxLetter):
		return Justification{}, badRequest("the letter's number is one line of at most 64 bytes")
	}
	return why, nil
}

// line says whether s is one line of printable text.
func line(s string, limit int) bool {
	return len(s) <= limit && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
