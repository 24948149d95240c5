package policy

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Finding is what an administrator should look at: the line of a rule, what is
// the matter with it, and what to do.
type Finding struct {
	Line int
	Text string
	Hint string
}

// Twins finds the first rule with the very conditions of an earlier one, which
// is a slip: the second would never decide. ok is false where there is none.
func (p Policy) Twins() (first, second Rule, ok bool) {
	seen := make(map[string]Rule, len(p.Rules))
	for _, rule := range p.Rules {
		key := rule.conditions()
		if twin, there := seen[key]; there {
			return twin, rule, true
		}
		seen[key] = rule
	}
	return Rule{}, Rule{}, false
}

// conditions writes what the rule asks for, whatever its order.
func (r *Rule) conditions() string {
	if r.LostGroup { // which one is not known any more
		return fmt.Sprint("line ", r.Line)
	}
	return fmt.Sprintf("%q %q %q %v %v", r.Realm, ordered(r.Services, strings.Compare), ordered(r.Accounts, strings.Compare),
		ordered(r.Groups, cmp.Compare), ordered(r.From, netip.Prefix.Compare))
}

func ordered[T comparable](values []T, compare func(a, b T) int) []T {
	return slices.Compact(slices.SortedFunc(slices.Values(values), compare))
}

// Review finds rules that never decide, exemptions that could be everybody's,
// and those whose date has passed. An allow whose date has passed has done its
// work: from then on it requires, as it says.
func (p Policy) Review(now time.Time) []Finding {
	var findings []Finding
	for j := range p.Rules {
		rule := &p.Rules[j]
		i := slices.IndexFunc(p.Rules[:j], func(earlier Rule) bool { return earlier.covers(rule) })
		switch {
		case rule.LostGroup:
			findings = append(findings, Finding{rule.Line,
				"this rule names a group that is gone: of nobody it is known whether it fits, and the strictest holds",
				"make the group again, or take it out of the rule"})
		case i >= 0:
			findings = append(findings, Finding{rule.Line,
				fmt.Sprintf("this rule never decides: the one of line %d fits all of its logins, and comes first", p.Rules[i].Line),
				fmt.Sprintf("take it out, or put it before line %d", p.Rules[i].Line)})
		case rule.Verdict != Exempt:
		case rule.Over(now):
			findings = append(findings, Finding{rule.Line,
				"this exemption is over: who it fits has to give a code",
				"take it out, or give it a new date"})
		case !rule.narrow():
			findings = append(findings, Finding{rule.Line,
				"this rule could exempt everyone: it names neither accounts nor groups, nor a network that is not nearly all there are",
				"add accounts, groups or from; where everyone is meant, leave it, and look at its date"})
		}
	}
	return findings
}

// narrow says whether the rule is about some people alone.
func (r *Rule) narrow() bool {
	return len(r.Accounts) > 0 || r.asksForGroups() || len(r.From) > 0 && !slices.ContainsFunc(r.From, wide)
}

// wide says whether a network is more than anybody's own: shorter than the /8 and
// /16 that are the largest given to one owner. Two halves are all addresses too.
func wide(network netip.Prefix) bool {
	if network.Addr().Is4() {
		return network.Bits() < 8
	}
	return network.Bits() < 16
}

// covers says whether every login that fits other fits r.
func (r *Rule) covers(other *Rule) bool {
	return (r.Realm == "" || r.Realm == other.Realm) &&
		holdsAll(r.Services, other.Services) &&
		holdsAll(r.Accounts, other.Accounts) &&
		!r.LostGroup && !other.LostGroup && holdsAll(r.Groups, other.Groups) &&
		networksHold(r.From, other.From)
}

// holdsAll says whether the values of one condition hold all of the other's; no
// value at all holds everything.
func holdsAll[T comparable](some, others []T) bool {
	if len(some) == 0 {
		return true
	}
	return len(others) > 0 && !slices.ContainsFunc(others, func(v T) bool { return !slices.Contains(some, v) })
}

func networksHold(some, others []netip.Prefix) bool {
	if len(some) == 0 {
		return true
	}
	return len(others) > 0 && !slices.ContainsFunc(others, func(inner netip.Prefix) bool {
		return !slices.ContainsFunc(some, func(outer netip.Prefix) bool {
			return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
		})
	})
}
