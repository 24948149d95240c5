package config

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"spse-totp/daemon/internal/policy"
)

// jakarta is the zone of the tests' host, whose /etc/group has one group.
var (
	jakarta = time.FixedZone("WIB", 7*60*60)
	here    = Host{Groups: func(name string) (uint32, bool, error) { return 30000, name == "lpse", nil }, Zone: jakarta}
)

func TestRules(t *testing.T) {
	got, err := Parse("f.toml", []byte(`issuer = "LPSE Kudus"

[[rule]]
realm = "host"
services = ["sshd", "sudo"]
accounts = ["siti"]
groups = ["lpse", 5000]
from = ["203.0.113.0/24", "2001:db8::1"]
verdict = "exempt"
reason = "cadangan tanpa orang"
until = 2027-01-31

# from the letter's date on, everybody
[[rule]]
verdict = "allow"
mandatory_from = 2022-04-11
`), here)
	if err != nil {
		t.Fatal(err)
	}
	want := []policy.Rule{{
		Line: 3, Realm: "host", Services: []string{"sshd", "sudo"}, Accounts: []string{"siti"}, Groups: []uint32{30000, 5000},
		From:    []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::1/128")},
		Verdict: policy.Exempt, Reason: "cadangan tanpa orang", Ends: time.Date(2027, 2, 1, 0, 0, 0, 0, jakarta),
	}, {
		Line: 14, Verdict: policy.Allow, Ends: time.Date(2022, 4, 11, 0, 0, 0, 0, jakarta),
	}}
	if !reflect.DeepEqual(got.Policy.Rules, want) {
		t.Errorf("got %+v, want %+v", got.Policy.Rules, want)
	}
}

// Each fault is told by its own line, and nothing of the file is taken.
func TestRulesNameTheLineAndWhatToDo(t *testing.T) {
	const exempt = "verdict = 'exempt'\nreason = 'x'\nuntil = 2027-01-31\n"
	for name, c := range map[string]struct{ rule, want string }{
		"unknown key":             {"verdikt = 'allow'\n", `3: unknown key "rule.verdikt"`},
		"a capital":               {"Verdict = 'allow'\n", `3: unknown key "Verdict"`},
		"no verdict":              {"services = ['sshd']\n", "2: verdict is missing"},
		"unknown verdict":         {"verdict = 'permit'\n", "3: verdict is"},
		"exempt without a reason": {"verdict = 'exempt'\nuntil = 2027-01-31\n", "2: reason is missing"},
		"exempt without an end":   {"verdict = 'exempt'\nreason = 'x'\n", "2: until is missing"},
		"allow without a date":    {"verdict = 'allow'\n", "2: mandatory_from is missing"},
		"a date of another":       {"verdict = 'require'\nuntil = 2027-01-31\n", "4: until belongs to exempt alone"},
		"a reason of another":     {"verdict = 'refuse'\nreason = 'x'\n", "4: reason belongs to exempt alone"},
		"a date that is none":     {"verdict = 'allow'\nmandatory_from = 2027-02-30\n", "4: impossible date"},
		"a date in quotes":        {"verdict = 'allow'\nmandatory_from = '1 Januari'\n", "4: rule.mandatory_from wants a date"},
		"a time":                  {"verdict = 'allow'\nmandatory_from = 2027-02-10T00:00:00Z\n", "4: rule.mandatory_from wants a date"},
		"unknown realm":           {"realm = 'spse'\n" + exempt, `3: realm "spse" is unknown`},
		"unknown group":           {"groups = ['lpse', 'pokja']\n" + exempt, `3: groups has "pokja", which /etc/group does not`},
		"a gid that is none":      {"groups = [-1]\n" + exempt, "3: groups has -1"},
		"a group that is neither": {"groups = [1.5]\n" + exempt, "3: groups wants names"},
		"host bits":               {"from = ['203.0.113.5/24']\n" + exempt, "3: from has 203.0.113.5/24, which is an address in a network: did you mean 203.0.113.0/24?"},
		"a host name":             {"from = ['host.example']\n" + exempt, `3: from has "host.example", which is no network`},
		"IPv4 in IPv6":            {"from = ['::ffff:203.0.113.0/120']\n" + exempt, "3: from has ::ffff:203.0.113.0/120"},
		"nothing in brackets":     {"services = []\n" + exempt, "3: services is empty, and would fit nobody"},
		"a capital in a service":  {"services = ['SSHD']\n" + exempt, `3: services has "SSHD", which fits nobody`},
		"a space in a service":    {"services = ['sshd ']\n" + exempt, `3: services has "sshd "`},
		"a colon in an account":   {"accounts = ['a:b']\n" + exempt, `3: accounts has "a:b"`},
		"a zone":                  {"from = ['fe80::1%eth0']\n" + exempt, `3: from has "fe80::1%eth0"`},
		"a reason of blanks":      {"verdict = 'exempt'\nuntil = 2027-01-31\nreason = '  '\n", "5: reason is missing"},
		"an empty name":           {"accounts = ['']\n" + exempt, "3: accounts has"},
		"no brackets":             {"services = 'sshd'\n" + exempt, "3: rule.services wants texts in quotes, in brackets"},
		"the same twice":          {exempt + "[[rule]]\nverdict = 'require'\n", "6: this rule is about the same logins as the one of line 2"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse("f.toml", []byte("contact = '1'\n[[rule]]\n"+c.rule), here)
			if err == nil || !strings.HasPrefix(err.Error(), "f.toml:"+c.want) {
				t.Errorf("got %v, want f.toml:%s...", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "struct") {
				t.Errorf("the error names the program's own types: %v", err)
			}
			if !reflect.DeepEqual(got, Config{}) {
				t.Error("a configuration came with an error")
			}
		})
	}
	for name, content := range map[string]string{
		"inline": "rule = [{verdict = 'require'}]\n", "dotted": "rule.verdict = 'require'\n", "a number": "rule = 3\n",
	} {
		if _, err := Parse("f.toml", []byte(content), here); err == nil || !strings.Contains(err.Error(), "each rule under a line [[rule]]") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An exemption that is over is a fault in a file to be taken over, and none in one
// that was in force. Its last day ends at the host's midnight. An allow whose date
// has passed is as it should be.
func TestAnExemptionThatIsOverIsNotTakenOver(t *testing.T) {
	const file = `[[rule]]
accounts = ["siti"]
verdict = "exempt"
reason = "cadangan"
until = 2027-01-31

[[rule]]
verdict = "allow"
mandatory_from = 2022-04-11
`
	midnight := time.Date(2027, 2, 1, 0, 0, 0, 0, jakarta)
	for name, c := range map[string]struct {
		at   time.Time
		want string
	}{
		"in force":                   {time.Time{}, ""},
		"a second before its end":    {midnight.Add(-time.Second), ""},
		"at its end":                 {midnight, "f.toml:5: until is over, 2027-01-31 was the last day: take the rule out, or give it a new date"},
		"in UTC it is not yet at it": {midnight.Add(time.Hour).UTC(), "f.toml:5: until is over"},
	} {
		on := here
		on.New = c.at
		got, err := Parse("f.toml", []byte(file), on)
		if c.want == "" && (err != nil || len(got.Policy.Rules) != 2) || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// With one date wrong in 1,000 rules, that line alone is told.
func TestOneWrongDateInAThousandRules(t *testing.T) {
	var b strings.Builder
	for i := range 1000 {
		day := "10"
		if i == 700 {
			day = "31"
		}
		b.WriteString("[[rule]]\naccounts = ['user" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + time.Duration(i).String() + "']\nverdict = 'allow'\nmandatory_from = 2027-02-" + day + "\n")
	}
	_, err := Parse("f.toml", []byte(b.String()), here)
	if err == nil || err.Error() != "f.toml:2804: impossible date" {
		t.Errorf("got %v", err)
	}
}
