package control

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
)

// inBubble runs a test on a clock of its own, on which waiting takes no time.
func inBubble(t *testing.T, test func(*testing.T, *desk)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(t, newDesk(t)) })
}

// Every row, as every caller. What a row lets through may still fail.
func TestWhoMayWhat(t *testing.T) {
	type callers struct{ root, owner, other, stranger, clerk bool }
	want := map[string]callers{
		getHost:           {root: true, owner: true, other: true, stranger: true, clerk: true},
		getWhoAmI:         {root: true, owner: true, other: true, stranger: true, clerk: true},
		getClock:          {root: true},
		postClock:         {root: true},
		postRecoveryOffer: {root: true, owner: true},
		postRecovery:      {root: true, owner: true},
		postIssue:         {root: true, clerk: true},
		getAccounts:       {root: true},
		getAccount:        {root: true, owner: true, clerk: true},
		postOffer:         {root: true, owner: true},
		postActivation:    {root: true, owner: true},
		postReset:         {root: true, clerk: true},
		postDisable:       {root: true, clerk: true},
		postEnable:        {root: true},
		deleteAccount:     {root: true},
	}
	if len(table()) != len(want) {
		t.Errorf("the table has %d rows, this test knows %d", len(table()), len(want))
	}
	for _, r := range table() {
		may, known := want[r.pattern]
		if !known {
			t.Errorf("%s: who may?", r.pattern)
		}
		for who, c := range map[string]struct {
			caller *Caller
			may    bool
		}{
			"root": {root, may.root}, "owner": {budi, may.owner}, "another": {siti, may.other},
			"stranger": {stranger, may.stranger}, "no credentials": {nobodyAt, false}, "the helpdesk": {clerk, may.clerk},
		} {
			t.Run(r.pattern+" as "+who, func(t *testing.T) {
				inBubble(t, func(t *testing.T, d *desk) {
					d.activate(root, "budi")
					before, events := d.accounts.accounts[account.Host("budi")], len(d.diary.events)
					got := d.call(c.caller, r.pattern, "budi", "{}")
					if mayNot := got.Code == ProblemNotAllowed; mayNot == c.may {
						t.Fatalf("got %d %s", got.status, got.body)
					}
					if c.may {
						return
					}
					if got.status != http.StatusForbidden || d.accounts.accounts[account.Host("budi")].Version != before.Version {
						t.Errorf("got %d, and the record changed", got.status)
					}
					if told := d.diary.events[events:]; len(told) != 1 || told[0].Kind != audit.Refused || !strings.Contains(told[0].Message, r.pattern) {
						t.Errorf("events %+v", told)
					}
				})
			})
		}
	}
}

// An account is one's own only if NSS says so, by the very name.
func TestOnesOwnAccountIsByNSSAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		for _, name := range []string{"", "Budi", "budi ", "../budi", "bu\ndi", "budi\x00", "1000", strings.Repeat("b", 5000)} {
			for _, r := range []string{getAccount, postOffer, postActivation} {
				d.refuse(budi, r, name, "{}", ProblemNotAllowed)
			}
		}
		d.nss.err = errors.New("directory server away")
		d.refuse(budi, getAccount, "budi", nil, ProblemNotAllowed)
		good[Account](d, root, getAccount, "budi", nil)
		d.refuse(root, postOffer, "budi", OfferRequest{}, ProblemNoAccount)
		// Two names: the one that is judged is the one that is served.
		if r := d.call(budi, getAccount+"?name=siti&name=budi", "", nil); r.Code != ProblemNotAllowed {
			t.Errorf("got %s", r.body)
		}
	})
}

func TestWhatHasNoRowIsNoService(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		for _, pattern := range []string{
			"GET /", "GET /v1/secret", "POST " + PathHost, "PUT " + PathAccount, "GET " + PathOffer, "DELETE " + PathAccounts,
			"PATCH " + PathReset, "GET /v1/account/", "GET /V1/ACCOUNT", "TRACE " + PathAccount,
		} {
			d.refuse(root, pattern, "budi", nil, ProblemNotFound)
		}
	})
}

func TestBodiesAreStrict(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		d.activate(root, "budi")
		before := d.accounts.accounts[account.Host("budi")].Version
		for name, body := range map[string]string{
			"none": "", "text": "hello", "array": "[]", "number": "7", "cut": `{"code":`, "wrong type": `{"code":7,"reason":7,"handle":7}`,
			"unknown field": `{"uid":0}`, "more behind": `{} {}`, "brace behind": `{}}`, "bracket behind": `{}]`,
			"too long": `{"code":"` + strings.Repeat("1", maxBody) + `"}`,
			"deep":     strings.Repeat("[", 5000),
			"canary":   `{"code":"Rahasia-77"`,
		} {
			for _, pattern := range []string{postOffer, postActivation, postReset, deleteAccount} {
				if r := d.call(root, pattern, "budi", body); r.Code != ProblemBadRequest || strings.Contains(r.body, "Rahasia") {
					t.Errorf("%s, %s: got %d %s", pattern, name, r.status, r.body)
				}
			}
		}
		if a := d.accounts.accounts[account.Host("budi")]; a.Version != before {
			t.Error("the record changed")
		}
	})
}

func TestReasonsAreOneLine(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		d.activate(root, "budi")
		before := d.accounts.accounts[account.Host("budi")].Version
		for name, why := range map[string]Justification{
			"none": {}, "blank": {Reason: " \t\n "}, "newline": {Reason: "HP\nhilang"}, "escape": {Reason: "HP \x1b[2J hilang"},
			"NUL": {Reason: "HP\x00hilang"}, "tab": {Reason: "HP\thilang"}, "line separator": {Reason: "HP\u2028hilang"},
			"right to left": {Reason: "HP\u202ehilang"}, "201 bytes": {Reason: strings.Repeat("h", 201)},
			"10,000 bytes":   {Reason: strings.Repeat("h", 10_000)},
			"letter newline": {Reason: "HP hilang", Letter: "027\n10"}, "long letter": {Reason: "HP hilang", Letter: strings.Repeat("7", 65)},
			"letter alone": {Letter: "027/10"},
		} {
			for _, pattern := range []string{postReset, deleteAccount} {
				if r := d.call(root, pattern, "budi", why); r.Code != ProblemBadRequest {
					t.Errorf("%s, %s: got %d %s", pattern, name, r.status, r.body)
				}
			}
		}
		if a := d.accounts.accounts[account.Host("budi")]; a.Version != before {
			t.Error("the record changed")
		}
		good[Issued](d, root, postReset, "budi", Justification{Reason: " " + strings.Repeat("h", 200), Letter: "027.10/2026"})
		told := d.diary.events[len(d.diary.events)-1]
		if told.Kind != audit.Reset || len(told.Why) != 200 || told.Letter != "027.10/2026" || told.Caller != root.String() || told.Version == 0 {
			t.Errorf("event %+v", told)
		}
	})
}

// What an administrator does to an account, and to one that is not there.
func TestAdministration(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		why := Justification{Reason: "HP hilang"}
		for _, pattern := range []string{postReset, postEnable, deleteAccount} {
			d.refuse(root, pattern, "budi", why, ProblemNoAccount)
		}
		for _, name := range []string{"nobody", "", "bu\ndi"} {
			d.refuse(root, postDisable, name, Justification{}, ProblemNoAccount)
		}
		d.refuse(root, getAccount, "", nil, ProblemBadRequest)
		if len(d.accounts.accounts) > 0 {
			t.Error("a record was made")
		}
		d.activate(root, "budi")
		if a := good[Issued](d, root, postReset, "budi", why).Account; a.Active || !a.WasActive {
			t.Errorf("after the reset: %+v", a)
		}
		if a := good[Account](d, root, postDisable, "siti", Justification{}); !*a.Disabled || a.Active {
			t.Errorf("after the disable: %+v", a)
		}
		if a := good[Account](d, root, postEnable, "siti", Justification{}); *a.Disabled {
			t.Errorf("after the enable: %+v", a)
		}
		if a := good[Account](d, root, deleteAccount, "budi", why); a.Active || a.WasActive || a.Version != 0 {
			t.Errorf("after the remove: %+v", a)
		}
		var kinds []audit.Kind
		for _, e := range d.diary.events {
			kinds = append(kinds, e.Kind)
		}
		if want := []audit.Kind{audit.Activation, audit.Reset, audit.Disable, audit.Enable, audit.Remove}; !slices.Equal(kinds, want) {
			t.Errorf("events %v, want %v", kinds, want)
		}
	})
}

// Anybody can be refused a hundred thousand times in a few seconds: the journal
// is told once a minute.
func TestRefusedRequestsDoNotFloodTheJournal(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		for range 1000 {
			d.refuse(budi, getAccounts, "", nil, ProblemNotAllowed)
		}
		if n := len(d.diary.events); n != 1 {
			t.Errorf("%d events", n)
		}
		time.Sleep(tellEvery)
		d.refuse(budi, getAccounts, "", nil, ProblemNotAllowed)
		if n := len(d.diary.events); n != 2 {
			t.Errorf("%d events after a minute", n)
		}
	})
}

func refusedFor(reason account.Reason, count uint32) func(*account.Account) {
	return func(a *account.Account) {
		a.Refusals = append(a.Refusals,
			account.Refusal{Reason: account.Wrong, Source: "sshd 198.51.100.1", Count: 1, Last: time.Unix(1, 0)},
			account.Refusal{Reason: reason, Source: "sshd 203.0.113.9", Count: count, Last: time.Unix(1e9, 0)})
	}
}
