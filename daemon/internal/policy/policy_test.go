package policy

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	noon     = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	tomorrow = noon.Add(24 * time.Hour)
	nets     = func(texts ...string) (all []netip.Prefix) {
		for _, text := range texts {
			all = append(all, netip.MustParsePrefix(text))
		}
		return all
	}
)

// office is a policy with one rule of each kind.
var office = Policy{Rules: []Rule{
	{Line: 1, Accounts: []string{"admin"}, From: nets("203.0.113.0/24", "2001:db8::/32"), Verdict: Refuse},
	{Line: 2, Services: []string{"sshd"}, Accounts: []string{"siti"}, Verdict: Exempt, Ends: tomorrow, Reason: "cadangan"},
	{Line: 3, Groups: []uint32{30000}, Verdict: Require},
	{Line: 4, Services: []string{"sshd", "sudo"}, Verdict: Allow, Ends: tomorrow},
}}

func TestDecide(t *testing.T) {
	for name, c := range map[string]struct {
		login Login
		want  Verdict
		line  int // 0: the unwritten rule
	}{
		"the zero login":                               {Login{}, Require, 3},
		"an account":                                   {Login{Account: "siti", Service: "sshd"}, Exempt, 2},
		"another service":                              {Login{Account: "siti", Service: "login", GroupsKnown: true}, Require, 0},
		"names are not folded":                         {Login{Account: "Siti", Service: "sshd", GroupsKnown: true}, Allow, 4},
		"the moment it ends":                           {Login{Account: "siti", Service: "sshd", Now: tomorrow}, Require, 2},
		"a network":                                    {Login{Account: "admin", RHost: "203.0.113.7", GroupsKnown: true}, Refuse, 1},
		"a network of IPv6":                            {Login{Account: "admin", RHost: "2001:db8::7%eth0", GroupsKnown: true}, Refuse, 1},
		"an IPv4 address in IPv6":                      {Login{Account: "admin", RHost: "::ffff:203.0.113.7", GroupsKnown: true}, Refuse, 1},
		"another network":                              {Login{Account: "admin", Service: "sudo", RHost: "198.51.100.7", GroupsKnown: true}, Allow, 4},
		"at the machine itself":                        {Login{Account: "admin", Service: "sudo", GroupsKnown: true}, Allow, 4},
		"a name could be of the network":               {Login{Account: "admin", Service: "sudo", RHost: "203.0.113.7.example", GroupsKnown: true}, Refuse, 1},
		"an address that is not known":                 {Login{Account: "admin", Service: "sudo", RHost: UnknownAddress, GroupsKnown: true}, Refuse, 1},
		"a group":                                      {Login{Account: "budi", Service: "sudo", Groups: []uint32{4, 30000}, GroupsKnown: true}, Require, 3},
		"no such group":                                {Login{Account: "budi", Service: "sudo", Groups: []uint32{4}, GroupsKnown: true}, Allow, 4},
		"a group that is not known":                    {Login{Account: "budi", Service: "sudo", Groups: []uint32{4}, UnknownGroups: []uint32{30000}, GroupsKnown: true}, Require, 3},
		"another group that is not known":              {Login{Account: "budi", Service: "sudo", Groups: []uint32{4}, UnknownGroups: []uint32{27}, GroupsKnown: true}, Allow, 4},
		"groups that are not known":                    {Login{Account: "budi", Service: "sudo"}, Require, 3},
		"groups that are not known, but not asked for": {Login{Account: "siti", Service: "sshd", Now: noon}, Exempt, 2},
		"allow is over":                                {Login{Account: "budi", Service: "sudo", Now: tomorrow.Add(time.Hour), GroupsKnown: true}, Require, 4},
	} {
		t.Run(name, func(t *testing.T) {
			if c.login.Now.IsZero() {
				c.login.Now = noon
			}
			got := office.Decide(c.login)
			line := 0
			if got.Rule != nil {
				line = got.Rule.Line
			}
			if got.Verdict != c.want || line != c.line {
				t.Errorf("got %v by line %d, want %v by line %d", got.Verdict, line, c.want, c.line)
			}
		})
	}
}

func TestTheZeroValueIsStrict(t *testing.T) {
	if got := (Policy{}).Decide(Login{Now: noon}); got.Verdict != Require {
		t.Errorf("no rules: %v", got.Verdict)
	}
	if got := (Policy{Rules: []Rule{{}}}).Decide(Login{Now: noon}); got.Verdict != Refuse {
		t.Errorf("a zero rule: %v", got.Verdict)
	}
	for _, milder := range []Verdict{Allow, Exempt} {
		if got := (Policy{Rules: []Rule{{Verdict: milder}}}).Decide(Login{Now: noon}); got.Verdict != Require || !got.Ended {
			t.Errorf("%v without an end: %v", milder, got.Verdict)
		}
	}
}

func TestDaysLeft(t *testing.T) {
	if days := (Decision{Verdict: Allow, Rule: &Rule{Ends: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}}).DaysLeft(noon); days < 100_000 {
		t.Errorf("till the year 9999 there are %d days", days)
	}
	for _, c := range []struct {
		ends time.Duration
		want int
	}{{time.Second, 1}, {24 * time.Hour, 1}, {24*time.Hour + time.Second, 2}, {31 * 24 * time.Hour, 31}, {0, 0}, {-time.Hour, 0}} {
		p := Policy{Rules: []Rule{{Verdict: Allow, Ends: noon.Add(c.ends)}}}
		if got := p.Decide(Login{Now: noon}).DaysLeft(noon); got != c.want {
			t.Errorf("%v before the end: %d days, want %d", c.ends, got, c.want)
		}
	}
}

// --- properties

var (
	someService = rapid.SampledFrom([]string{"sshd", "sudo", "login"})
	someAccount = rapid.SampledFrom([]string{"budi", "siti", "admin"})
	someGroup   = rapid.SampledFrom([]uint32{4, 27, 30000})
	someNetwork = rapid.SampledFrom(nets("203.0.113.0/24", "203.0.113.0/25", "203.0.113.128/25", "0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "2001:db8::/32", "::/0"))
	someRHost   = rapid.SampledFrom([]string{"", "203.0.113.7", "203.0.113.200", "198.51.100.7", "2001:db8::7"})
	someEnd     = rapid.SampledFrom([]time.Time{noon.Add(-time.Hour), noon, tomorrow})
)

func drawPolicy(t *rapid.T) Policy {
	return Policy{Rules: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Rule {
		return Rule{
			Services:  rapid.SliceOfN(someService, 0, 2).Draw(t, "services"),
			Accounts:  rapid.SliceOfN(someAccount, 0, 2).Draw(t, "accounts"),
			Groups:    rapid.SliceOfN(someGroup, 0, 2).Draw(t, "groups"),
			From:      rapid.SliceOfN(someNetwork, 0, 2).Draw(t, "from"),
			LostGroup: rapid.IntRange(0, 9).Draw(t, "lost") == 0,
			Verdict:   Verdict(rapid.IntRange(0, 3).Draw(t, "verdict")),
			Ends:      someEnd.Draw(t, "ends"),
		}
	}), 0, 6).Draw(t, "rules")}
}

func drawLogin(t *rapid.T) Login {
	return Login{
		Account: someAccount.Draw(t, "account"), Service: someService.Draw(t, "service"), RHost: someRHost.Draw(t, "rhost"),
		Groups: rapid.SliceOfN(someGroup, 0, 3).Draw(t, "gids"), GroupsKnown: true, Now: noon,
	}
}

// A group that is gone never makes a decision milder than any it could have had.
func TestALostGroupIsNeverMilder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		there, login := drawPolicy(t), drawLogin(t)
		lost := Policy{Rules: slices.Clone(there.Rules)}
		for i := range lost.Rules {
			if groups := lost.Rules[i].Groups; len(groups) > 0 && rapid.Bool().Draw(t, "gone") {
				lost.Rules[i].Groups, lost.Rules[i].LostGroup = groups[1:], true
			}
		}
		if got, could := lost.Decide(login).Verdict, there.Decide(login).Verdict; got > could {
			t.Fatalf("with groups gone: %v, and it could be %v", got, could)
		}
	})
}

// What is not known never makes a decision milder than any it could have been.
func TestTheUnknownIsNeverMilder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, known := drawPolicy(t), drawLogin(t)
		unknown := known
		unknown.Groups, unknown.GroupsKnown = nil, false
		if got, could := p.Decide(unknown).Verdict, p.Decide(known).Verdict; got > could {
			t.Fatalf("groups unknown: %v, and it could be %v", got, could)
		}
		unknown = known
		unknown.Groups, unknown.UnknownGroups = nil, known.Groups
		if got, could := p.Decide(unknown).Verdict, p.Decide(known).Verdict; got > could {
			t.Fatalf("a directory is down: %v, and it could be %v", got, could)
		}
		unknown = known
		unknown.RHost = "host.example"
		if got, could := p.Decide(unknown).Verdict, p.Decide(known).Verdict; got > could {
			t.Fatalf("address unknown: %v, and it could be %v", got, could)
		}
	})
}

// Groups that are not asked for change nothing, known or not.
func TestGroupsThatAreNotNeededChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, login := drawPolicy(t), drawLogin(t)
		needed := p.NeededGroups(login)
		other := login
		other.Groups = slices.DeleteFunc(slices.Clone(login.Groups), func(gid uint32) bool { return !slices.Contains(needed, gid) })
		other.UnknownGroups = slices.DeleteFunc([]uint32{4, 27, 30000}, func(gid uint32) bool { return slices.Contains(needed, gid) })
		if len(needed) == 0 {
			other.GroupsKnown = rapid.Bool().Draw(t, "known")
		}
		if p.Decide(login).Rule != p.Decide(other).Rule {
			t.Fatalf("the groups changed the decision, and only %v were asked for", needed)
		}
	})
}

// A rule that takes everybody hides the groups below it, and one that is about
// others asks for none.
func TestNeededGroups(t *testing.T) {
	p := Policy{Rules: []Rule{
		{Services: []string{"login"}, Groups: []uint32{1}},
		{Groups: []uint32{30000, 4}, LostGroup: true},
		{LostGroup: true},
		{Groups: []uint32{4, 27}, From: nets("203.0.113.0/24")},
		{Services: []string{"sshd"}},
		{Groups: []uint32{2}},
	}}
	for name, c := range map[string]struct {
		login Login
		want  []uint32
	}{
		"hidden":                    {Login{Service: "sshd"}, []uint32{4, 30000}},
		"from there":                {Login{Service: "sshd", RHost: "203.0.113.7"}, []uint32{4, 27, 30000}},
		"from where is not known":   {Login{Service: "sshd", RHost: UnknownAddress}, []uint32{4, 27, 30000}},
		"not hidden":                {Login{Service: "sudo"}, []uint32{2, 4, 30000}},
		"whatever is known of them": {Login{Service: "sshd", Groups: []uint32{30000}, GroupsKnown: true}, []uint32{4, 30000}},
		"the first rule's service":  {Login{Service: "login"}, []uint32{1, 2, 4, 30000}},
	} {
		if got := p.NeededGroups(c.login); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// A rule is said never to decide where none of all logins there are is decided by
// it, and only there.
func TestWhatNeverDecidesIsFound(t *testing.T) {
	var logins []Login
	for _, service := range []string{"sshd", "sudo", "login", "other"} {
		for _, account := range []string{"budi", "siti", "admin", "other"} {
			for _, groups := range [][]uint32{nil, {4}, {27}, {30000}} {
				for _, rhost := range []string{"", "203.0.113.7", "203.0.113.200", "10.0.0.1", "198.51.100.7", "2001:db8::7", "2001:db9::7"} {
					logins = append(logins, Login{Realm: onlyRealm, Service: service, Account: account, Groups: groups, GroupsKnown: true, RHost: rhost, Now: noon})
				}
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		for i := range p.Rules {
			p.Rules[i].Realm = rapid.SampledFrom([]string{"", onlyRealm}).Draw(t, "realm")
		}
		decides := make(map[*Rule]bool)
		for _, login := range logins {
			decides[p.Decide(login).Rule] = true
		}
		for j := range p.Rules {
			rule := &p.Rules[j]
			if rule.LostGroup || slices.ContainsFunc(p.Rules[:j], func(r Rule) bool { return r.LostGroup }) {
				continue // fits perhaps, and may decide by being the strictest
			}
			if covered := coveredBy(p.Rules[:j], rule) != nil; covered == decides[rule] {
				t.Fatalf("rule %d of %+v: covered %v, decides %v", j, p.Rules, covered, decides[rule])
			}
		}
	})
}

// The lines that are named are those it takes.
func TestCoveredBy(t *testing.T) {
	for name, c := range map[string]struct {
		rules []Rule // the last one is looked at
		want  []int
	}{
		"two halves":               {[]Rule{{From: nets("10.0.0.0/9")}, {From: nets("198.51.100.0/24")}, {From: nets("10.128.0.0/9")}, {From: nets("10.0.0.0/8")}}, []int{1, 3}},
		"a quarter is missing":     {[]Rule{{From: nets("10.0.0.0/9")}, {From: nets("10.192.0.0/10")}, {From: nets("10.0.0.0/8")}}, nil},
		"one is enough":            {[]Rule{{From: nets("10.0.0.0/9", "10.128.0.0/9")}, {From: nets("10.0.0.0/8", "2001:db8::/32")}, {From: nets("10.0.0.0/8")}}, []int{1}},
		"one does it alone":        {[]Rule{{Accounts: []string{"budi"}}, {Services: []string{"sshd"}}, {Services: []string{"sshd"}, Accounts: []string{"budi", "siti"}}}, []int{2}},
		"accounts of two rules":    {[]Rule{{Accounts: []string{"budi"}}, {Accounts: []string{"siti", "admin"}}, {Accounts: []string{"budi", "siti"}}}, []int{1, 2}},
		"groups of two rules":      {[]Rule{{Groups: []uint32{4}}, {Groups: []uint32{27}}, {Groups: []uint32{27, 4}}}, []int{1, 2}},
		"by service and by person": {[]Rule{{Services: []string{"sudo"}}, {Services: []string{"sshd"}, Accounts: []string{"budi"}}, {Accounts: []string{"siti"}}, {Services: []string{"sudo", "sshd"}, Accounts: []string{"budi", "siti"}}}, []int{1, 2, 3}},
		"not at the machine":       {[]Rule{{From: nets("0.0.0.0/0", "::/0")}, {}}, nil},
		"the only realm":           {[]Rule{{Realm: "host"}, {Accounts: []string{"budi"}}}, []int{1}},
		"and the other way round":  {[]Rule{{}, {Realm: "host"}}, []int{1}},
		"a group that is gone":     {[]Rule{{}, {LostGroup: true}}, nil},
		"by one that is gone":      {[]Rule{{LostGroup: true}, {Groups: []uint32{4}}}, nil},
		"too many to look at":      {[]Rule{{}, {Accounts: slices.Repeat([]string{"budi"}, maxCells+1)}}, nil},
	} {
		for i := range c.rules {
			c.rules[i].Line = i + 1
		}
		last := len(c.rules) - 1
		if got := coveredBy(c.rules[:last], &c.rules[last]); !slices.Equal(got, c.want) {
			t.Errorf("%s: by lines %v, want %v", name, got, c.want)
		}
	}
}

func TestRulesOf(t *testing.T) {
	for want, lines := range map[string][]int{
		"the one of line 3":                          {3},
		"those of lines 3 and 5":                     {3, 5},
		"those of lines 1, 2, 3, 4, 5 and 6":         {1, 2, 3, 4, 5, 6},
		"those of lines 1, 2, 3, 4, 5, 6 and 2 more": {1, 2, 3, 4, 5, 6, 7, 8},
	} {
		if got := rulesOf(lines); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Exemptions that are everybody's, alone or together.
func TestWhatCouldExemptEveryone(t *testing.T) {
	var slash8 []netip.Prefix
	for i := range 16 {
		slash8 = append(slash8, netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(20 + 2*i)}), 8))
	}
	exempt := func(r Rule) Rule {
		r.Verdict, r.Ends = Exempt, tomorrow
		return r
	}
	host := []Person{{"budi", []uint32{4, 100}}, {"siti", []uint32{27, 100}}}
	for name, c := range map[string]struct {
		rules []Rule
		want  map[int]string // by line: what the text says after "everyone"
	}{
		"halves of two rules":           {[]Rule{exempt(Rule{From: slash8[:8]}), exempt(Rule{From: slash8[8:]})}, map[int]string{2: ", with the one of line 1: together"}},
		"many networks":                 {[]Rule{exempt(Rule{From: slash8})}, map[int]string{1: ": it names neither"}},
		"an office's":                   {[]Rule{exempt(Rule{From: nets("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "2001:db8::/32")})}, nil},
		"two of different services":     {[]Rule{exempt(Rule{From: slash8[:8], Services: []string{"sudo"}}), exempt(Rule{From: slash8[8:], Services: []string{"sshd"}})}, nil},
		"a group that holds everybody":  {[]Rule{exempt(Rule{Groups: []uint32{100}})}, map[int]string{1: ": all 2 people of this host are in its accounts and groups"}},
		"in one service":                {[]Rule{exempt(Rule{Groups: []uint32{100}, Services: []string{"su"}})}, map[int]string{1: ": all 2 people"}},
		"from an office":                {[]Rule{exempt(Rule{Groups: []uint32{100}, From: nets("203.0.113.0/24")})}, nil},
		"by name":                       {[]Rule{exempt(Rule{Accounts: []string{"budi", "siti"}})}, map[int]string{1: ": all 2 people"}},
		"one of them":                   {[]Rule{exempt(Rule{Accounts: []string{"budi"}})}, nil},
		"both, by two rules":            {[]Rule{exempt(Rule{Groups: []uint32{4}}), exempt(Rule{Groups: []uint32{9}}), exempt(Rule{Accounts: []string{"siti"}})}, map[int]string{3: ", with the one of line 1: all 2 people of this host are in their accounts and groups"}},
		"one of them has to before":     {[]Rule{{Accounts: []string{"siti"}, Verdict: Require}, exempt(Rule{Groups: []uint32{100}})}, nil},
		"one of them has to, somewhere": {[]Rule{{Accounts: []string{"siti"}, From: nets("203.0.113.0/24"), Verdict: Require}, exempt(Rule{Groups: []uint32{100}})}, map[int]string{2: ": all 2 people"}},
	} {
		p := Policy{Rules: c.rules}
		for i := range p.Rules {
			p.Rules[i].Line = i + 1
		}
		got := p.Review(noon, host...)
		if len(got) != len(c.want) {
			t.Errorf("%s: %+v, want %v", name, got, c.want)
			continue
		}
		for _, f := range got {
			if want := "this rule could exempt everyone" + c.want[f.Line]; !strings.HasPrefix(f.Text, want) {
				t.Errorf("%s: line %d: %q, want %q", name, f.Line, f.Text, want)
			}
		}
	}
	lone := Policy{Rules: []Rule{exempt(Rule{Accounts: []string{"budi"}})}}
	if got := lone.Review(noon, host[0]); len(got) > 0 {
		t.Errorf("who is alone on his host: %v", got)
	}
}

func TestReview(t *testing.T) {
	p := Policy{Rules: []Rule{
		{Line: 1, Services: []string{"sshd", "sudo"}, From: nets("203.0.113.0/24"), Verdict: Require},
		{Line: 2, Services: []string{"sudo"}, From: nets("203.0.113.128/25"), Verdict: Refuse},
		{Line: 3, Accounts: []string{"siti"}, Verdict: Exempt, Ends: noon},
		{Line: 4, Services: []string{"sshd"}, Verdict: Exempt, Ends: tomorrow},
		{Line: 5, From: nets("::/0"), Verdict: Exempt, Ends: tomorrow},
		{Line: 6, Groups: []uint32{4}, Verdict: Exempt, Ends: tomorrow},
		{Line: 11, LostGroup: true, Verdict: Require},
		{Line: 7, From: nets("0.0.0.0/1", "128.0.0.0/1"), Verdict: Exempt, Ends: tomorrow},
		{Line: 8, From: nets("10.0.0.0/8", "2001:db8::/32"), Verdict: Exempt, Ends: tomorrow},
		{Line: 9, Verdict: Allow, Ends: noon},
		{Line: 10, Services: []string{"su"}, Verdict: Exempt, Ends: tomorrow}, // nobody comes so far
	}}
	got := make(map[int]string)
	for _, f := range p.Review(noon) {
		got[f.Line] += strings.Fields(f.Text)[2] // never, is, could or names
		if f.Hint == "" {
			t.Errorf("line %d: nothing to do about it", f.Line)
		}
	}
	if want := (map[int]string{2: "never", 3: "is", 4: "could", 5: "could", 7: "could", 8: "never", 10: "never", 11: "names"}); !maps.Equal(got, want) {
		t.Errorf("findings %v, want %v", got, want)
	}
}

func TestTwins(t *testing.T) {
	twins := Policy{Rules: []Rule{
		{Line: 1, Services: []string{"sshd", "sudo"}},
		{Line: 2, Services: []string{"sshd"}},
		{Line: 3, Services: []string{"sudo", "sshd"}, Verdict: Require},
	}}
	if first, second, ok := twins.Twins(); !ok || first.Line != 1 || second.Line != 3 {
		t.Errorf("got lines %d and %d, %v", first.Line, second.Line, ok)
	}
	if _, _, ok := (Policy{Rules: []Rule{{Line: 1, Realm: "host"}, {Line: 2}}}).Twins(); !ok {
		t.Error("the only realm is another than all")
	}
	if _, _, ok := (Policy{Rules: []Rule{{Line: 1, LostGroup: true}, {Line: 2, LostGroup: true}}}).Twins(); ok {
		t.Error("two groups that are gone are one")
	}
	if _, _, ok := office.Twins(); ok {
		t.Error("twins where there are none")
	}
}

func BenchmarkDecide(b *testing.B) {
	var p Policy
	for i := range 500 {
		p.Rules = append(p.Rules,
			Rule{Services: []string{"sshd"}, Accounts: []string{"user" + strconv.Itoa(i)}},
			Rule{Services: []string{"sshd"}, Groups: []uint32{uint32(i)}, From: nets("203.0.113.0/24")})
	}
	login := Login{Account: "budi", Service: "sshd", RHost: "203.0.113.7", Groups: []uint32{30000, 30001, 30002}, GroupsKnown: true, Now: noon}
	var times []time.Duration
	for b.Loop() {
		begin := time.Now()
		p.Decide(login)
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-us")
}
