// Package policy says who must give a Security Code, where, and from when.
//
// It is pure: it opens nothing and reads no clock. Rules are tried in their
// order and the first that fits decides; the last, unwritten rule requires.
// Where something a rule asks for is not known (the groups of a user whom NSS
// cannot tell of, the address of a peer that gave a name), the strictest of what
// could be decided is.
package policy

import (
	"net/netip"
	"slices"
	"time"
)

// Verdict is what a rule says, from the strictest to the mildest. The zero value
// refuses.
type Verdict uint8

// The verdicts there are.
const (
	Refuse  Verdict = iota // nobody gets in
	Require                // a code; who never was activated is led through it
	Allow                  // who never was activated may still go without
	Exempt                 // nobody is asked
)

// String is the verdict's name in the configuration.
func (v Verdict) String() string {
	switch v {
	case Require:
		return "require"
	case Allow:
		return "allow"
	case Exempt:
		return "exempt"
	default:
		return "refuse"
	}
}

// Rule is one rule. A condition that is empty holds for everybody; of several
// values one must fit.
type Rule struct {
	// Line is where the rule begins in its file.
	Line int

	Realm    string
	Services []string // PAM's names
	Accounts []string // byte for byte
	Groups   []uint32 // gids
	// LostGroup says that the rule names a group that is gone: of nobody it is
	// known whether it fits.
	LostGroup bool
	From      []netip.Prefix

	Verdict Verdict
	// Ends is the moment from which Allow or Exempt is Require. They must have
	// one: the zero value ended long ago.
	Ends time.Time
	// Reason is why somebody is exempt.
	Reason string
}

// Login is who asks, and from where.
type Login struct {
	Realm   string
	Account string
	Service string
	// RHost is PAM_RHOST: empty for a login at the machine itself. Names are
	// not trusted: one is an address that is not known, as UnknownAddress is.
	RHost string
	// Groups are the user's gids, GroupsKnown whether they could be told.
	// UnknownGroups are those of which it is not known whether the user is in them.
	Groups        []uint32
	UnknownGroups []uint32
	GroupsKnown   bool
	Now           time.Time
}

// UnknownAddress is the RHost of a login from somewhere that is not known.
const UnknownAddress = "unknown"

// Decision is what the policy says of a login.
type Decision struct {
	Verdict Verdict
	// Rule is what decided, nil for the unwritten one.
	Rule *Rule
	// Ended says that the rule's date has passed, and so it requires.
	Ended bool
}

// DaysLeft is how many days an Allow or Exempt goes on, the begun one counted.
func (d Decision) DaysLeft(now time.Time) int {
	if d.Rule == nil || d.Verdict != Allow && d.Verdict != Exempt {
		return 0
	}
	const day = 24 * time.Hour
	return int((d.Rule.Ends.Sub(now)-1)/day) + 1
}

// Policy is rules in their order. The zero value requires of everybody.
type Policy struct {
	Rules []Rule
}

// Decide returns what the first fitting rule says.
func (p Policy) Decide(l Login) Decision {
	address := parseAddress(l.RHost)
	var strictest *Decision // of the rules that perhaps fit
	consider := func(d Decision) Decision {
		if strictest == nil || d.Verdict < strictest.Verdict {
			strictest = &d
		}
		return *strictest
	}
	for i := range p.Rules {
		rule := &p.Rules[i]
		switch rule.fits(l, address) {
		case yes:
			return consider(rule.decide(l.Now))
		case perhaps:
			consider(rule.decide(l.Now))
		}
	}
	return consider(Decision{Verdict: Require})
}

// NeededGroups returns the gids that may change the decision, in ascending order:
// it is the same whatever other groups the user is in.
func (p Policy) NeededGroups(l Login) []uint32 {
	address := parseAddress(l.RHost)
	l.GroupsKnown = false
	var gids []uint32
	for i := range p.Rules {
		rule := &p.Rules[i]
		fit := rule.fits(l, address)
		if fit == yes { // whatever the groups, no later rule decides
			break
		}
		if fit == perhaps {
			gids = append(gids, rule.Groups...)
		}
	}
	slices.Sort(gids)
	return slices.Compact(gids)
}

// Over says whether the rule's date has passed, and so it requires.
func (r *Rule) Over(now time.Time) bool {
	milder := r.Verdict == Allow || r.Verdict == Exempt
	return milder && !now.Before(r.Ends)
}

func (r *Rule) decide(now time.Time) Decision {
	if r.Over(now) {
		return Decision{Verdict: Require, Rule: r, Ended: true}
	}
	return Decision{Verdict: r.Verdict, Rule: r}
}

// fit is whether a rule is about a login, from the weakest to the strongest.
type fit uint8

const (
	no fit = iota
	perhaps
	yes
)

func (r *Rule) fits(l Login, from address) fit {
	if r.Realm != "" && r.Realm != l.Realm ||
		len(r.Services) > 0 && !slices.Contains(r.Services, l.Service) ||
		len(r.Accounts) > 0 && !slices.Contains(r.Accounts, l.Account) {
		return no
	}
	groups := r.fitsGroups(l)
	if groups == no {
		return no
	}
	return min(groups, r.fitsFrom(from))
}

func fitIf(fits bool) fit {
	if fits {
		return yes
	}
	return no
}

func (r *Rule) fitsGroups(l Login) fit {
	switch {
	case !r.asksForGroups():
		return yes
	case !l.GroupsKnown:
		return perhaps
	case r.asksForOneOf(l.Groups):
		return yes
	case r.LostGroup, r.asksForOneOf(l.UnknownGroups):
		return perhaps
	}
	return no
}

func (r *Rule) asksForOneOf(gids []uint32) bool {
	return slices.ContainsFunc(gids, func(gid uint32) bool { return slices.Contains(r.Groups, gid) })
}

func (r *Rule) asksForGroups() bool { return len(r.Groups) > 0 || r.LostGroup }

func (r *Rule) fitsFrom(from address) fit {
	switch {
	case len(r.From) == 0:
		return yes
	case from.unknown:
		return perhaps
	}
	// Of a login at the machine itself no network holds the address.
	return fitIf(slices.ContainsFunc(r.From, func(network netip.Prefix) bool { return network.Contains(from.ip) }))
}

// address is where a login comes from: known, unknown, or, with neither, the
// machine itself.
type address struct {
	ip      netip.Addr
	unknown bool
}

func parseAddress(rhost string) address {
	if rhost == "" {
		return address{}
	}
	ip, err := netip.ParseAddr(rhost)
	if err != nil {
		return address{unknown: true}
	}
	return address{ip: ip.Unmap().WithZone("")}
}
