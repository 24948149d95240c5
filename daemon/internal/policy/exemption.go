package policy

import (
	"net/netip"
	"slices"
	"time"
)

// Person is somebody who logs in to the host.
type Person struct {
	Account string
	Groups  []uint32 // gids
}

// stranger is in no list: who exempts him exempts everybody.
var stranger = []Person{{}}

// exemptions are the rules that exempt at a moment, while one looks for whom.
type exemptions struct {
	rules []Rule // all, in their order
	now   time.Time
}

// exempts says whether the rules of these indices let each of the people in to
// the service without a code, from more than an office's networks. Where a
// stricter rule before them fits a person from everywhere, they do not.
func (e exemptions) exempts(people []Person, service string, indices []int) bool {
	return len(people) > 0 && !slices.ContainsFunc(people, func(p Person) bool { return !e.exemptsOne(p, service, indices) })
}

func (e exemptions) exemptsOne(p Person, service string, indices []int) bool {
	var networks []netip.Prefix
	for i := range e.rules {
		rule := &e.rules[i]
		if !rule.fitsCell(cell{service, p.Account, p.Groups}) {
			continue
		}
		switch {
		case slices.Contains(indices, i) && len(rule.From) == 0:
			return true
		case slices.Contains(indices, i):
			networks = append(networks, rule.From...)
		case len(rule.From) == 0 && !rule.exempt(e.now):
			return wide(networks)
		}
	}
	return wide(networks)
}

func (r *Rule) exempt(now time.Time) bool { return r.Verdict == Exempt && !r.Over(now) }

// together are the exemptions before the one of that index by which, and with
// which, all of the people are exempt in some service. ok is false where they are
// not, or are so without it.
func (e exemptions) together(people []Person, index int) (others []int, ok bool) {
	before, services := e.before(index), e.services()
	if slices.ContainsFunc(services, func(service string) bool { return e.exempts(people, service, []int{index}) }) {
		return nil, true
	}
	for _, service := range services {
		if e.exempts(people, service, before) || !e.exempts(people, service, append(slices.Clone(before), index)) {
			continue
		}
		for _, i := range before { // those it needs
			fewer := slices.DeleteFunc(slices.Clone(before), func(o int) bool { return o == i })
			if e.exempts(people, service, append(slices.Clone(fewer), index)) {
				before = fewer
			}
		}
		return before, true
	}
	return nil, false
}

func (e exemptions) before(index int) []int {
	var all []int
	for i := range index {
		if e.rules[i].exempt(e.now) {
			all = append(all, i)
		}
	}
	return all
}

// services are those that exemptions name, and one that none does.
func (e exemptions) services() []string {
	all := []string{""}
	for i := range e.rules {
		if e.rules[i].exempt(e.now) {
			all = append(all, e.rules[i].Services...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
