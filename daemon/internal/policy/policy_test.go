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
	someNetwork = rapid.SampledFrom(nets("203.0.113.0/24", "203.0.113.128/25", "0.0.0.0/0", "2001:db8::/32", "::/0"))
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

// A rule that is said never to decide never does.
func TestWhatIsCoveredNeverDecides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, login := drawPolicy(t), drawLogin(t)
		decided := p.Decide(login).Rule
		for j := range p.Rules {
			covered := slices.ContainsFunc(p.Rules[:j], func(earlier Rule) bool { return earlier.covers(&p.Rules[j]) })
			if covered && decided == &p.Rules[j] {
				t.Fatalf("rule %d decides", j)
			}
		}
	})
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
	if want := (map[int]string{2: "never", 3: "is", 4: "could", 5: "could", 7: "could", 10: "never", 11: "names"}); !maps.Equal(got, want) {
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
