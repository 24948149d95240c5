package policy

import (
	"net/netip"
	"slices"
)

// onlyRealm is the realm of all logins as long as there is no other: a rule that
// names it and one that names none are about the same people.
const onlyRealm = "host"

func (r *Rule) realm() string {
	if r.Realm == "" {
		return onlyRealm
	}
	return r.Realm
}

// maxCells bounds the looking at one rule. A rule with more is said to be covered
// by none.
const maxCells = 10_000

// cell is logins that are alike to all rules but for where they come from.
type cell struct {
	service, account string   // empty: one that no rule names
	groups           []uint32 // one, or none
}

// cells are the logins that the rule leaves to be decided by those before it or
// by itself. Whoever it does not name stands for all: a rule that fits him fits
// everybody. And who is in one of its groups stands for who is in several, since
// no rule asks for somebody not to be in a group.
func (r *Rule) cells() []cell {
	groups := [][]uint32{nil}
	if len(r.Groups) > 0 {
		groups = nil
		for _, gid := range r.Groups {
			groups = append(groups, []uint32{gid})
		}
	}
	services, accounts := orAnother(r.Services), orAnother(r.Accounts)
	if len(services)*len(accounts)*len(groups) > maxCells {
		return nil
	}
	var all []cell
	for _, service := range services {
		for _, account := range accounts {
			for _, group := range groups {
				all = append(all, cell{service, account, group})
			}
		}
	}
	return all
}

// orAnother are the names, or one that nobody has.
func orAnother(names []string) []string {
	if len(names) == 0 {
		return []string{""}
	}
	return names
}

// fitsCell says whether the rule fits the cell's logins from everywhere that it
// is about.
func (r *Rule) fitsCell(c cell) bool {
	login := Login{Realm: onlyRealm, Account: c.account, Service: c.service, Groups: c.groups, GroupsKnown: true}
	everywhere := *r
	everywhere.Realm, everywhere.From = r.realm(), nil
	return everywhere.fits(login, address{}) == yes
}

// coveredBy finds the rules before one that together fit all its logins, by their
// lines: it never decides. None where some login is left to it. It is so for
// logins whose groups and address are known; of others the strictest rule that
// may fit holds, which may be this one.
//
// Not found are rules that could fit nobody for another reason: because there is
// no such account, or because a group's people are all named before.
func coveredBy(earlier []Rule, rule *Rule) []int {
	cells := rule.cells()
	if rule.LostGroup || len(cells) == 0 {
		return nil
	}
	lines := covering(earlier, rule.From, cells)
	if len(lines) < 2 {
		return lines
	}
	for i := range earlier { // one that does it alone says more
		if alone := covering(earlier[i:i+1], rule.From, cells); alone != nil {
			return alone
		}
	}
	return lines
}

// covering finds the rules that together fit the logins of all cells.
func covering(rules []Rule, from []netip.Prefix, cells []cell) (lines []int) {
	for _, c := range cells {
		by := coveringCell(rules, from, c)
		if by == nil {
			return nil
		}
		lines = append(lines, by...)
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// coveringCell finds the rules that together fit the cell's logins from these
// networks, or, of none, from everywhere.
func coveringCell(rules []Rule, from []netip.Prefix, c cell) (lines []int) {
	var networks []netip.Prefix
	for i := range rules {
		rule := &rules[i]
		if !rule.fitsCell(c) {
			continue
		}
		if len(rule.From) == 0 || len(from) > 0 && hold(rule.From, from) {
			return []int{rule.Line} // one is enough
		}
		if slices.ContainsFunc(rule.From, func(n netip.Prefix) bool { return slices.ContainsFunc(from, n.Overlaps) }) {
			networks, lines = append(networks, rule.From...), append(lines, rule.Line)
		}
	}
	if len(from) == 0 || !hold(networks, from) { // the machine itself is in no network
		return nil
	}
	return lines
}

// hold says whether networks together hold all of the others.
func hold(networks, others []netip.Prefix) bool {
	return !slices.ContainsFunc(others, func(n netip.Prefix) bool { return !holds(networks, n) })
}
