package control

import (
	"errors"
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
	inBubbleNow(t, test)
}

// inBubbleNow does the same, one after the other.
func inBubbleNow(t *testing.T, test func(*testing.T, *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newDesk(t)) })
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
			"letter of 10,000 bytes": {Reason: "HP hilang", Letter: strings.Repeat("7", 10_000)}, "letter escape": {Reason: "HP hilang", Letter: "\x1b[2J"},
			"letter alone": {Letter: "027/10"}, "name newline": {Reason: "HP hilang", By: "ad\nmin"},
		} {
			for pattern, body := range map[string]any{
				postReset: why, deleteAccount: why, postIssue: IssueRequest{Justification: why, ValidSeconds: 3600},
			} {
				if r := d.call(root, pattern, "budi", body); r.Code != ProblemBadRequest {
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
