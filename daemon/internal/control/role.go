package control

import (
	"context"
	"slices"

	"spse-totp/daemon/internal/account"
)

// role is as whom a caller asks about an account.
type role int

const (
	asStranger role = iota // with no word in it
	asOwner                // of the account
	asHelpdesk             // for another
	asRoot
)

// trusted says whether the role reads true reasons: from them a guess can be
// told right or wrong.
func (r role) trusted() bool { return r == asRoot || r == asHelpdesk }

// roleOf is as whom the caller asks about the account of that name.
func (s *Service) roleOf(ctx context.Context, caller Caller, name string) role {
	if caller.UID == 0 {
		return asRoot
	}
	uid, found, err := s.Users.UID(ctx, name)
	switch {
	case err != nil:
		return asStranger
	case found && uid == caller.UID:
		return asOwner
	case s.isHelpdesk(caller) && s.inReach(ctx, name, uid, found):
		return asHelpdesk
	default:
		return asStranger
	}
}

func (s *Service) isHelpdesk(caller Caller) bool {
	group := s.Office().Helpdesk
	return group != nil && slices.Contains(caller.GIDs, *group)
}

// inReach says whether the helpdesk may help that user: never root, nor an
// administrator, by whom it would become one itself, also one whom NSS does not
// return at the moment. Any other name that is no user's is in reach, so that a
// typing error is called one.
func (s *Service) inReach(ctx context.Context, name string, uid uint32, isUser bool) bool {
	administers, err := s.Users.InAny(ctx, name, s.Office().Administrators)
	return err == nil && !administers && name != "" && !(isUser && uid == 0)
}

// isAnothers says whether the account is bound, on this host, to another uid than
// the one given.
func (s *Service) isAnothers(a account.Account, uid uint32) bool {
	return a.IsForeign(account.Owner{Host: s.ThisHost, UID: uid})
}

// view is the account that is asked about. Who has its name by now, and not the uid
// that it is bound to, learns nothing of it.
func (s *Service) view(ctx context.Context, r request) (account.Account, error) {
	a, err := s.Accounts.View(ctx, account.Host(r.name))
	switch {
	case err != nil:
		return account.Account{}, err
	case r.as == asOwner && s.isAnothers(a, r.caller.UID):
		return account.Account{}, anothers("the helpdesk: spse-totp reset " + r.name)
	}
	return a, nil
}

// may is the one place that decides who may what.
func may(who audience, as role) bool {
	switch who {
	case everyone:
		return true
	case owner:
		return as == asRoot || as == asOwner
	case deskOnly:
		return as == asRoot || as == asHelpdesk
	case anyParty:
		return as != asStranger
	case rootOnly:
		return as == asRoot
	default:
		return false
	}
}

// whoAmI tells a caller what he may.
func (s *Service) whoAmI(_ context.Context, r request) (any, error) {
	me := WhoAmI{UID: r.caller.UID, Root: r.caller.UID == 0, Helpdesk: s.isHelpdesk(r.caller), Own: []string{}, Others: []string{}}
	other := asStranger
	switch {
	case me.Root:
		other = asRoot
	case me.Helpdesk:
		other = asHelpdesk
	}
	for _, row := range table() {
		if row.verb == "" || row.who == everyone {
			continue
		}
		if may(row.who, asOwner) {
			me.Own = append(me.Own, row.verb)
		}
		if may(row.who, other) {
			me.Others = append(me.Others, row.verb)
		}
	}
	return me, nil
}
