package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"spse-totp/daemon/internal/control"
	"spse-totp/daemon/internal/host"
)

// roster is a host's users.
type roster struct {
	people []host.User
	gids   map[string][]uint32 // of others NSS cannot tell them
	lost   []uint32            // groups that NSS does not know
	fault  error               // of every question

	asked int // for groups
}

func (r *roster) UID(_ context.Context, name string) (uint32, bool, error) {
	for _, user := range r.people {
		if user.Name == name {
			return user.UID, true, r.fault
		}
	}
	return 0, false, r.fault
}

func (r *roster) GIDs(_ context.Context, name string) ([]uint32, bool, error) {
	r.asked++
	gids, found := r.gids[name]
	return gids, found, r.fault
}

func (r *roster) UnknownGroups(_ context.Context, _ string, gids []uint32) ([]uint32, error) {
	return slices.DeleteFunc(slices.Clone(gids), func(gid uint32) bool { return !slices.Contains(r.lost, gid) }), r.fault
}

func (r *roster) All(context.Context) ([]host.User, error) { return r.people, r.fault }

// people are users of these names with a shell.
func people(names ...string) *roster {
	r := &roster{}
	for i, name := range names {
		r.people = append(r.people, host.User{Name: name, UID: uint32(1000 + i), Shell: "/bin/bash"})
	}
	return r
}

// records is a daemon that has these accounts, and knows of everybody else that
// there is none.
func records(t *testing.T, accounts ...control.Account) *fakeDaemon {
	t.Helper()
	folder, err := os.MkdirTemp("", "spse") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	d, err := startDaemon(filepath.Join(folder, "s"), t.Cleanup, func(request string, _ []byte) (int, any) {
		if request == "GET /v1/account" && len(accounts) > 0 {
			return http.StatusOK, accounts[0]
		}
		return http.StatusOK, accounts
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var (
	yes      = true
	active   = control.Account{Name: "budi", Active: true, WasActive: true}
	never    = control.Account{Name: "budi"}
	reset    = control.Account{Name: "budi", WasActive: true}
	disabled = control.Account{Name: "budi", Active: true, Disabled: &yes}
	faulty   = control.Account{Name: "budi", Fault: "edited"}
)

func of(name string, a control.Account) control.Account {
	a.Name = name
	return a
}

// asRoot runs a policy verb as root on a host with these users and rules. The
// configuration's path is FILE in what it printed.
func asRoot(t *testing.T, socket string, asJSON bool, rules string, verb func(*app) error) (status int, stdout, stderr string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "spse-totp.toml")
	if err := os.WriteFile(path, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs := tempFile(t), tempFile(t)
	a := &app{stdout: out, stderr: errs, configPath: path, socket: socket, json: asJSON}
	if err := verb(a); err != nil {
		status = a.tell(err)
	}
	return status, strings.ReplaceAll(content(t, out), path, "FILE"), strings.ReplaceAll(content(t, errs), path, "FILE")
}

func explainTo(t *testing.T, users users, name string, q question) func(*app) error {
	return func(a *app) error { return a.policyExplain(t.Context(), users, name, &q) }
}

func forecastTo(t *testing.T, users users, q question) func(*app) error {
	return func(a *app) error { return a.policyWhatif(t.Context(), users, &q) }
}

// january is sshd from the office in January 2027.
var january = question{service: sshd, from: "203.0.113.5", fromGiven: true, at: "2027-01-30T15:04", atGiven: true}

const officeRules = `[[rule]]
accounts = ["joko"]
verdict = "refuse"

[[rule]]
accounts = ["agus", "eka"]
from = ["203.0.113.0/24"]
verdict = "exempt"
until = 2027-01-31
reason = "cadangan tanpa HP"

[[rule]]
groups = [30000]
verdict = "require"

[[rule]]
verdict = "allow"
mandatory_from = 2027-02-01
`

// expectRows fails unless these rows stand in what explain printed.
func expectRows(t *testing.T, stdout string, rows map[string]string) {
	t.Helper()
	for key, want := range rows {
		found := false
		for line := range strings.Lines(stdout) {
			name, value, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
			found = found || name == key && strings.TrimLeft(value, " ") == want
		}
		if !found {
			t.Errorf("no row %s %q in\n%s", key, want, stdout)
		}
	}
}

func TestExplain(t *testing.T) {
	staff := people("budi", "joko", "agus")
	staff.gids = map[string][]uint32{"budi": {1000, 27}, "joko": {1000, 30000}, "agus": {1000, 30000}}
	in := func(edit func(*question)) question {
		q := january
		edit(&q)
		return q
	}
	at := func(date string) question { return in(func(q *question) { q.at = date }) }
	elsewhere := in(func(q *question) { q.from = "198.51.100.7" })
	nowhere := in(func(q *question) { q.from, q.fromGiven = "", false })
	for what, c := range map[string]struct {
		name    string
		account control.Account
		q       question
		rules   string
		rows    map[string]string
	}{
		"refused": {"joko", active, january, officeRules, map[string]string{
			"rule": "FILE:1", "verdict": "refuse", "state": "active", "means": "could not log in: refused by the rule FILE:1"}},
		"exempt": {"agus", never, january, officeRules, map[string]string{
			"rule": "FILE:5", "verdict": "exempt", "means": "exempt, and asked for nothing, until 2027-01-31: cadangan tanpa HP"}},
		"exempt, though disabled": {"agus", disabled, january, officeRules, map[string]string{
			"state": "disabled by an administrator", "means": "exempt, and asked for nothing, until 2027-01-31: cadangan tanpa HP"}},
		"the last minute of the last day":                {"agus", never, at("2027-01-31T23:59"), officeRules, map[string]string{"verdict": "exempt"}},
		"the day after":                                  {"agus", never, at("2027-02-01"), officeRules, map[string]string{"rule": "FILE:5", "verdict": "require", "means": "is led through activation in this login, and gets in by the first code"}},
		"over, in a file that was taken when it was not": {"agus", active, january, "[[rule]]\nverdict = 'exempt'\nreason = 'x'\nuntil = 2022-01-31\n", map[string]string{"rule": "FILE:1", "verdict": "require"}},
		"exempt elsewhere only":                          {"agus", active, elsewhere, officeRules, map[string]string{"rule": "FILE:12", "groups": "1000, 30000", "means": "is asked for a Security Code"}},
		"from where is not known": {"agus", active, nowhere, officeRules, map[string]string{
			"login": "sshd, from an address that is not known: what is shown is the strictest (--from ADDRESS)", "rule": "FILE:12", "verdict": "require"}},
		"from where is not known, and one might be refused": {"budi", active, nowhere, "[[rule]]\nfrom = ['203.0.113.0/24']\nverdict = 'refuse'\n", map[string]string{
			"rule": "FILE:1", "verdict": "refuse"}},
		"may go without": {"budi", never, january, officeRules, map[string]string{
			"groups": "1000, 27", "rule": "FILE:16", "verdict": "allow", "state": "never activated",
			"means": "may go without a Security Code until 2027-01-31, 2 days, and is offered activation"}},
		"may go without, the last day": {"budi", never, at("2027-01-31"), officeRules, map[string]string{
			"means": "may go without a Security Code until 2027-01-31, 1 day, and is offered activation"}},
		"might, but is active":   {"budi", active, january, officeRules, map[string]string{"verdict": "allow", "means": "is asked for a Security Code"}},
		"might, but was reset":   {"budi", reset, january, officeRules, map[string]string{"means": "could not log in: was reset, and has no activation code: spse-totp issue budi"}},
		"might, but is disabled": {"budi", disabled, january, officeRules, map[string]string{"means": "could not log in: disabled: spse-totp enable budi"}},
		"unreadable":             {"budi", faulty, january, officeRules, map[string]string{"state": "its record cannot be read", "means": "could not log in: the record cannot be read: spse-totp status budi"}},
		"no rule":                {"budi", active, january, "", map[string]string{"rule": "none fits: the last, unwritten one requires a code of everybody", "verdict": "require"}},
		"at the machine itself":  {"budi", active, in(func(q *question) { q.service, q.from, q.fromGiven = "sudo", "", false }), "", map[string]string{"login": "sudo, at the machine itself"}},
	} {
		t.Run(what, func(t *testing.T) {
			d := records(t, of(c.name, c.account))
			status, stdout, stderr := asRoot(t, d.socket, false, c.rules, explainTo(t, staff, c.name, c.q))
			if status != exitDone || stderr != "" {
				t.Fatalf("status %d\n%s", status, stderr)
			}
			expectRows(t, stdout, map[string]string{"account": c.name})
			expectRows(t, stdout, c.rows)
			d.expectRequests(t, "GET /v1/account?name="+c.name)
		})
	}
}

func TestExplainAsksForGroupsOnlyWhereTheyMatter(t *testing.T) {
	staff := people("joko", "budi")
	staff.gids = map[string][]uint32{"budi": {1000}}
	d := records(t, never)
	asRoot(t, d.socket, false, officeRules, explainTo(t, staff, "joko", january))
	if staff.asked != 0 {
		t.Errorf("groups were asked for %d times, where a rule before that of groups decides", staff.asked)
	}
	asRoot(t, d.socket, false, officeRules, explainTo(t, staff, "budi", january))
	if staff.asked != 1 {
		t.Errorf("groups were asked for %d times, want once", staff.asked)
	}
}

// Of groups that NSS cannot tell the strictest is shown, which here is not that
// budi may go without.
func TestExplainIsStrictWhereNSSDoesNotKnow(t *testing.T) {
	staff := people("budi")
	status, stdout, stderr := asRoot(t, records(t, never).socket, false, officeRules, explainTo(t, staff, "budi", january))
	if status != exitDone {
		t.Fatalf("status %d\n%s", status, stderr)
	}
	expectRows(t, stdout, map[string]string{"groups": "NSS cannot tell them: what is shown is the strictest", "rule": "FILE:12", "verdict": "require"})

	staff.gids, staff.lost = map[string][]uint32{"budi": {1000}}, []uint32{30000}
	_, stdout, _ = asRoot(t, records(t, never).socket, false, officeRules, explainTo(t, staff, "budi", january))
	expectRows(t, stdout, map[string]string{"groups": "1000", "rule": "FILE:12", "verdict": "require"})
	if !strings.Contains(stdout, " NSS cannot tell of 30000: what is shown is the strictest") {
		t.Errorf("it does not say which group is not known\n%s", stdout)
	}
	_, stdout, stderr = asRoot(t, records(t).socket, false, officeRules, forecastTo(t, staff, january))
	if !strings.Contains(stdout, "asked to activate: 1\n") || !strings.HasPrefix(stderr, "warning: NSS cannot tell of the groups 30000: what is shown is the strictest\n") {
		t.Errorf("of all\n%s\n%s", stdout, stderr)
	}

	staff.fault = errors.New("asking NSS for a user: context deadline exceeded")
	for _, verb := range []func(*app) error{explainTo(t, staff, "budi", january), forecastTo(t, staff, january)} {
		status, stdout, stderr = asRoot(t, records(t, never).socket, false, officeRules, verb)
		if status != exitFailed || stdout != "" || !strings.HasPrefix(stderr, "error: "+staff.fault.Error()+"\nhint: is the directory server there? getent passwd") {
			t.Errorf("NSS does not answer: status %d\n%s\n%s", status, stdout, stderr)
		}
	}
}

func TestExplainWithoutADaemon(t *testing.T) {
	staff := people("budi", "joko", "agus")
	staff.gids = map[string][]uint32{"budi": {}}
	for name, means := range map[string]string{
		"budi": "who never was activated may go without until 2027-01-31, 2 days; everybody else is asked for a Security Code",
		"joko": "could not log in: refused by the rule FILE:1",
		"agus": "exempt, and asked for nothing, until 2027-01-31: cadangan tanpa HP",
	} {
		status, stdout, stderr := asRoot(t, "/nonexistent/control.sock", false, officeRules, explainTo(t, staff, name, january))
		if status != exitDone || stderr != "warning: the account's state is not known: the daemon cannot be reached at /nonexistent/control.sock: no such file or directory\n"+
			"hint: is it running? systemctl status spse-totpd" {
			t.Errorf("status %d\n%s", status, stderr)
		}
		expectRows(t, stdout, map[string]string{"state": "not known", "means": means})
	}
	_, stdout, _ := asRoot(t, "/nonexistent/control.sock", false, "", explainTo(t, staff, "budi", january))
	expectRows(t, stdout, map[string]string{"means": "is asked for a Security Code, or led through activation if there never was one"})
}

func TestExplainKnowsNobodyElse(t *testing.T) {
	d := records(t, never)
	status, stdout, stderr := asRoot(t, d.socket, true, "", explainTo(t, people("budi"), "Budi\x1b", january))
	if status != exitFailed || !strings.Contains(stdout, `"error": "this host has no user Budi\u001b"`) ||
		stderr != "error: this host has no user Budi\\x1b\nhint: names are exact: getent passwd lists them" {
		t.Errorf("status %d\n%s\n%s", status, stdout, stderr)
	}
	d.expectRequests(t)
}

func TestExplainInJSON(t *testing.T) {
	status, stdout, stderr := asRoot(t, records(t, of("agus", never)).socket, true, officeRules, explainTo(t, people("agus"), "agus", january))
	var got map[string]any
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || status != exitDone || stderr != "" {
		t.Fatalf("status %d, %v\n%s\n%s", status, err, stdout, stderr)
	}
	got["at"] = strings.HasPrefix(got["at"].(string), "2027-01-30T15:04:00")
	want := map[string]any{
		"account": "agus", "service": "sshd", "from": "203.0.113.5", "at": true, "groups": nil, "unknown_groups": nil, "verdict": "exempt",
		"state": "never-activated", "ending": "exempt", "means": "exempt, and asked for nothing, until 2027-01-31: cadangan tanpa HP",
		"rule": map[string]any{
			"line": "FILE:5", "verdict": "exempt", "accounts": []any{"agus", "eka"}, "from": []any{"203.0.113.0/24"},
			"until": "2027-01-31", "reason": "cadangan tanpa HP",
		},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	_, stdout, _ = asRoot(t, records(t, never).socket, true, "", explainTo(t, people("budi"), "budi", january))
	if !strings.Contains(stdout, `"rule": null`) {
		t.Errorf("no rule fits\n%s", stdout)
	}
}

// The groups of whatif, by every verdict and state.
func TestWhatif(t *testing.T) {
	staff := people("siti", "budi", "joko", "agus", "dewi", "eka", "rudi", "wati")
	staff.people = append(staff.people,
		host.User{Name: "www-data", UID: 33, Shell: "/usr/sbin/nologin"}, host.User{Name: "root", UID: 0, Shell: "/usr/sbin/nologin"})
	staff.gids = map[string][]uint32{"siti": {30000}, "budi": {30000}, "dewi": {}, "rudi": {}, "wati": {}, "root": {0}}
	d := records(t, of("budi", active), of("joko", active), of("dewi", reset), of("eka", disabled), of("rudi", disabled),
		of("wati", active), of("www-data", active), of("tono", active))
	status, stdout, stderr := asRoot(t, d.socket, false, officeRules, forecastTo(t, staff, january))
	want := "sshd from 203.0.113.5\nat " + here(mustRead(t, january.at)) + `

could not log in: 3
  dewi  was reset, and has no activation code: spse-totp issue dewi
  joko  refused by the rule FILE:1
  rudi  disabled: spse-totp enable rudi

would be asked to activate: 1
  siti

may go without: 1
  root  until 2027-01-31

is exempt: 2
  agus  until 2027-01-31: cadangan tanpa HP
  eka   until 2027-01-31: cadangan tanpa HP

is asked for a code: 2
  budi
  wati`
	if status != exitDone || stdout != want {
		t.Errorf("status %d\n%s\nwant\n%s", status, stdout, want)
	}
	if want := "warning: these have a record, and are not among the users that getent passwd lists: tono\n" +
		"hint: who left: spse-totp remove; who is of a directory server that does not list its own: spse-totp policy explain USER"; stderr != want {
		t.Errorf("stderr is\n%s\nwant\n%s", stderr, want)
	}
	d.expectRequests(t, "GET /v1/accounts")

	later := january
	later.at = "2027-02-01"
	_, stdout, _ = asRoot(t, d.socket, false, officeRules, forecastTo(t, staff, later))
	for _, want := range []string{"\nmay go without: 0\n", "\nis exempt: 0\n", "\nwould be asked to activate: 3\n  agus\n  root\n  siti\n", "\n  eka   disabled: spse-totp enable eka\n"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the day after: no %q in\n%s", want, stdout)
		}
	}
}

func mustRead(t *testing.T, date string) (at time.Time) {
	t.Helper()
	at, err := readDate(date)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestWhatifInJSON(t *testing.T) {
	_, stdout, _ := asRoot(t, records(t, of("joko", active)).socket, true, officeRules, forecastTo(t, people("joko"), january))
	var got forecast
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || len(got.Accounts) != 1 {
		t.Fatalf("%v\n%s", err, stdout)
	}
	if want := (outlook{"joko", endRefused, "refused by the rule FILE:1", "FILE:1", "refuse", stateActive}); got.Accounts[0] != want || got.Service != sshd || got.From != january.from {
		t.Errorf("got %+v, want %+v", got, want)
	}
	_, stdout, _ = asRoot(t, records(t).socket, true, "", forecastTo(t, people(), january))
	if !strings.Contains(stdout, `"accounts": []`) || !strings.Contains(stdout, `"unlisted": []`) {
		t.Errorf("of nobody\n%s", stdout)
	}
}

func TestWhatifOfAThousandAsksForGroupsOnlyWhereTheyMatter(t *testing.T) {
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf("user%d", i))
	}
	staff := people(names...)
	d := records(t)
	_, stdout, _ := asRoot(t, d.socket, false, "[[rule]]\naccounts = ['user7']\nverdict = 'refuse'\n", forecastTo(t, staff, january))
	if staff.asked != 0 || !strings.Contains(stdout, "\nwould be asked to activate: 999\n") {
		t.Errorf("groups were asked for %d times\n%.300s", staff.asked, stdout)
	}
	d.expectRequests(t, "GET /v1/accounts")
	asRoot(t, d.socket, false, "[[rule]]\naccounts = ['user7', 'user8']\ngroups = [4]\nverdict = 'refuse'\n", forecastTo(t, staff, january))
	if staff.asked != 2 {
		t.Errorf("groups were asked for %d times, where they matter for two", staff.asked)
	}
}

// The groups of one are never another's.
func TestWhatifTakesEachPersonsOwnGroups(t *testing.T) {
	staff := people("agus", "budi", "siti")
	staff.gids = map[string][]uint32{"agus": {30000}, "siti": {27}} // budi's cannot be told
	const rules = "[[rule]]\ngroups = [30000]\nverdict = 'exempt'\nuntil = 2027-01-31\nreason = 'x'\n"
	_, stdout, _ := asRoot(t, records(t).socket, false, rules, forecastTo(t, staff, january))
	if !strings.Contains(stdout, "asked to activate: 2\n  budi\n  siti\n") || !strings.Contains(stdout, "is exempt: 1\n  agus  until") {
		t.Errorf("it says\n%s", stdout)
	}
}

func TestNamesDoNotMoveTheCursor(t *testing.T) {
	const name, shown = "bu\x1b[2Jdi", `bu\x1b[2Jdi`
	d := records(t, of(name, disabled))
	for _, verb := range []func(*app) error{forecastTo(t, people(name), january), explainTo(t, people(name), name, january)} {
		status, stdout, stderr := asRoot(t, d.socket, false, "", verb)
		if status != exitDone || !strings.Contains(stdout, "disabled: spse-totp enable "+shown) || strings.Contains(stdout+stderr, "\x1b") {
			t.Errorf("status %d\n%q\n%q", status, stdout, stderr)
		}
	}
}

// Without the daemon nobody's state is known, and so nothing is said.
func TestWhatifNeedsTheDaemon(t *testing.T) {
	status, stdout, stderr := asRoot(t, "/nonexistent/control.sock", false, officeRules, forecastTo(t, people("budi"), january))
	if status != exitUnreachable || stdout != "" || !strings.HasPrefix(stderr, "error: the daemon cannot be reached") {
		t.Errorf("status %d\n%s\n%s", status, stdout, stderr)
	}
}

func TestPolicyIsRoots(t *testing.T) {
	for _, verb := range []string{"explain budi", "whatif"} {
		d := records(t, active)
		status, stdout, stderr := runAs(t, 1000, strings.Fields("--socket "+d.socket+" policy "+verb+" --config /nonexistent")...)
		if status != exitFailed || stdout != "" || stderr != "error: only root may ask what the rules say of people\nhint: as root: sudo spse-totp policy "+verb {
			t.Errorf("%s: status %d\n%s\n%s", verb, status, stdout, stderr)
		}
		d.expectRequests(t)
	}
}
