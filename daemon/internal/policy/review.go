package policy

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
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
	return fmt.Sprintf("%q %q %q %v %v", r.realm(), ordered(r.Services, strings.Compare), ordered(r.Accounts, strings.Compare),
		ordered(r.Groups, cmp.Compare), ordered(r.From, netip.Prefix.Compare))
}

func ordered[T comparable](values []T, compare func(a, b T) int) []T {
	return slices.Compact(slices.SortedFunc(slices.Values(values), compare))
}

// Review finds rules that never decide, exemptions that could be everybody's,
// and those whose date has passed. An allow whose date has passed has done its
// work: from then on it requires, as it says. The people are the host's, where it
// is known who they are: exemptions that name them all are found then.
func (p Policy) Review(now time.Time, people ...Person) []Finding {
	var findings []Finding
	for j := range p.Rules {
		rule := &p.Rules[j]
		by := coveredBy(p.Rules[:j], rule)
		switch {
		case rule.LostGroup:
			findings = append(findings, Finding{rule.Line,
				"this rule names a group that is gone: of nobody it is known whether it fits, and the strictest holds",
				"make the group again, or take it out of the rule"})
		case len(by) > 0:
			does := "fits all of its logins, and comes first"
			if len(by) > 1 {
				does = "together fit all of its logins, and come first"
			}
			findings = append(findings, Finding{rule.Line,
				fmt.Sprintf("this rule never decides: %s %s", rulesOf(by), does),
				fmt.Sprintf("take it out, or put it before line %d", by[0])})
		case rule.Verdict != Exempt:
		case rule.Over(now):
			findings = append(findings, Finding{rule.Line,
				"this exemption is over: who it fits has to give a code",
				"take it out, or give it a new date"})
		default:
			findings = append(findings, p.exemptsEveryone(j, now, people)...)
		}
	}
	return findings
}

// exemptsEveryone says whether the rule of that index does, alone or with others.
func (p Policy) exemptsEveryone(index int, now time.Time, people []Person) []Finding {
	e := exemptions{p.Rules, now}
	who, hint := "it names neither accounts nor groups, nor a network that is not nearly all there are",
		"add accounts, groups or from; where everyone is meant, leave it, and look at its date"
	others, ok := e.together(stranger, index)
	if ok && len(others) > 0 {
		who = "together they name neither accounts nor groups, and nearly all networks there are"
	}
	if !ok && len(people) > 1 { // of one alone it is his own exemption
		who, hint = fmt.Sprintf("all %d people of this host are in its accounts and groups", len(people)),
			"take out the group that holds everybody; where everyone is meant, leave it, and look at its date"
		if others, ok = e.together(people, index); len(others) > 0 {
			who = fmt.Sprintf("all %d people of this host are in their accounts and groups", len(people))
		}
	}
	if !ok {
		return nil
	}
	rule := &p.Rules[index]
	if len(others) == 0 {
		return []Finding{{rule.Line, "this rule could exempt everyone: " + who, hint}}
	}
	var lines []int
	for _, i := range others {
		lines = append(lines, p.Rules[i].Line)
	}
	return []Finding{{rule.Line, fmt.Sprintf("this rule could exempt everyone, with %s: %s", rulesOf(lines), who), hint}}
}

// maxListed is how many lines are named; of more, how many there are.
const maxListed = 6

// rulesOf are the rules of these lines, of which there is one at least.
func rulesOf(lines []int) string {
	last := len(lines) - 1
	switch {
	case last == 0:
		return fmt.Sprintf("the one of line %d", lines[0])
	case len(lines) > maxListed:
		return fmt.Sprintf("those of lines %s and %d more", joined(lines[:maxListed]), len(lines)-maxListed)
	default:
		return fmt.Sprintf("those of lines %s and %d", joined(lines[:last]), lines[last])
	}
}

func joined(numbers []int) string {
	var texts []string
	for _, n := range numbers {
		texts = append(texts, strconv.Itoa(n))
	}
	return strings.Join(texts, ", ")
}
