package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/internal/control"
	"spse-totp/daemon/internal/login"
	"spse-totp/daemon/internal/policy"
	"spse-totp/daemon/protocol"
	"spse-totp/totp"
)

// oneAccount is a store that holds budi's account, which may be unreadable. It
// serves a login and control.sock alike.
type oneAccount struct {
	account account.Account
	fault   error

	issued     string // the code that the helpdesk gave, and that is open
	issuedOnly bool   // first_activation = "issued-code"
}

func (o oneAccount) View(context.Context, account.ID) (account.Account, error) {
	return o.account, o.fault
}

func (o oneAccount) Update(_ context.Context, _ account.ID, decide func(account.Account) (account.Account, account.Outcome)) (account.Account, account.Outcome, error) {
	if o.fault != nil {
		return account.Account{}, account.Outcome{}, o.fault
	}
	after, outcome := decide(o.account)
	return after, outcome, nil
}

func (o oneAccount) ReadAhead(_ context.Context, id account.ID) (account.Account, login.Update, error) {
	return o.account, func(ctx context.Context, decide func(account.Account) (account.Account, account.Outcome)) (account.Account, account.Outcome, error) {
		return o.Update(ctx, id, decide)
	}, o.fault
}

func (o oneAccount) Each(_ context.Context, visit func(account.ID, account.Account, error) error) error {
	return visit(account.Host("budi"), o.account, o.fault)
}

func (o oneAccount) Remove(context.Context, account.ID) (account.Account, error) {
	return account.Account{}, errors.New("nobody removes budi")
}

func (oneAccount) ClockBehind(time.Time) bool { return false }

func (oneAccount) ClockMark() time.Time { return time.Time{} }

func (oneAccount) AcceptClock(context.Context, time.Time) error {
	return errors.New("nobody sets the clock")
}

// What the daemon and the CLI know alike.
var (
	thisHost = account.HostID{1}
	limits   = account.Limits{LockAfter: 50}
)

// deaf takes events.
type deaf struct{}

func (deaf) Record(audit.Event) {}

// state is how the CLI sees the account, by the daemon's own answer to root.
func (o oneAccount) state(t *testing.T, now time.Time, passwordActivates bool) state {
	t.Helper()
	service := control.Service{
		Accounts: o, Events: deaf{}, Now: func() time.Time { return now },
		ThisHost: thisHost, Office: func() control.Office {
			return control.Office{Texts: texts, PasswordActivates: passwordActivates, Limits: limits}
		},
	}
	request := httptest.NewRequest(http.MethodGet, control.PathAccounts, nil)
	answer := httptest.NewRecorder()
	service.Handler().ServeHTTP(answer, request.WithContext(control.WithCaller(t.Context(), control.Caller{})))
	var accounts []control.Account
	if err := json.Unmarshal(answer.Body.Bytes(), &accounts); err != nil || len(accounts) != 1 {
		t.Fatalf("the daemon's list is %s: %v", answer.Body, err)
	}
	return stateOf(accounts[0], 1000, passwordActivates)
}

// owner is the module with budi before it, who types the right code where one is
// asked for, and Enter where something is offered.
type owner struct {
	t       *testing.T
	secret  totp.Secret
	now     time.Time
	next    protocol.Request
	prompt  string // the last one
	offer   string // likewise
	issued  string // his code of the helpdesk
	verdict *protocol.Verdict
}

func (o *owner) Send(packet []byte) error {
	reply, err := protocol.ParseReply(packet)
	if err != nil {
		o.t.Fatal(err)
	}
	switch reply := reply.(type) {
	case protocol.Offer:
		o.offer, o.next = reply.Text, protocol.Answer{}
	case protocol.Prompt:
		o.prompt, o.next = reply.Text, protocol.Answer{Typed: protocol.NewTyped(o.types(reply.Text))}
	case protocol.Result:
		o.verdict = &reply.Verdict
	}
	return nil
}

func (o *owner) types(prompt string) string {
	if prompt == texts.ConfirmPrompt(6) {
		return ""
	}
	if o.issued != "" {
		return o.issued
	}
	if o.secret.IsZero() {
		return "000000"
	}
	params := totp.DefaultParams()
	code, err := totp.CodeAt(o.secret, params, params.StepAt(o.now))
	if err != nil {
		o.t.Fatal(err)
	}
	return code.Reveal()
}

func (o *owner) Receive(time.Duration) ([]byte, error) {
	if o.next == nil {
		return nil, login.ErrGone
	}
	packet, err := protocol.Marshal(o.next)
	o.next = nil
	return packet, err
}

// ending is how the login ended, by what budi saw.
func (o *owner) ending() ending {
	switch {
	case o.verdict == nil:
		return "broken"
	case o.prompt == texts.ConfirmPrompt(6):
		return endActivate
	case o.offer != "" && o.prompt == "" && *o.verdict == protocol.NotAsked:
		return endWithout
	case o.offer == "" && o.prompt == "" && *o.verdict == protocol.NotAsked:
		return endExempt
	case o.prompt == texts.CodePrompt(6) && *o.verdict == protocol.Accepted:
		return endAsked
	case *o.verdict == protocol.Refused, *o.verdict == protocol.Unavailable:
		return endRefused
	}
	return "let in somehow"
}

// What explain and whatif say of a login is what the daemon does.
func TestLoginsEndAsSaid(t *testing.T) {
	now := time.Unix(1.79e9, 0)
	secret, err := totp.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	active := account.Account{Version: 1, Generation: 1, WasActive: true, Phone: account.Phone{Secret: secret, Params: totp.DefaultParams()}}
	disabled, neverAndDisabled := active, account.Account{Version: 1, Disabled: true}
	disabled.Disabled = true
	given, err := totp.NewLongCode(totp.Issued)
	if err != nil {
		t.Fatal(err)
	}
	issued := func(a account.Account) account.Account {
		return account.Issue(a, given, account.NewSalt(), time.Hour, false, "control uid 0", now)
	}
	reset := account.Reset(active, 2, "control uid 0", now)
	locked, foreign, ours := active, active, active
	locked.Failures.Run = 50
	foreign.Owners = []account.Owner{{Host: thisHost, UID: 1001}}
	ours.Owners = []account.Owner{{Host: thisHost, UID: 1000}, {Host: account.HostID{2}, UID: 1001}}
	stores := map[state][]oneAccount{
		stateLocked:     {{account: locked}},
		stateForeign:    {{account: foreign}},
		stateActive:     {{account: active}, {account: ours}},
		stateNever:      {{}, {account: account.Account{Version: 1}}},
		stateReset:      {{account: reset}},
		stateResetHas:   {{account: issued(reset), issued: given.Reveal()}},
		stateNeverYet:   {{issuedOnly: true}, {account: account.Account{Version: 1}, issuedOnly: true}},
		stateNeverHas:   {{account: issued(account.Account{Version: 1}), issued: given.Reveal(), issuedOnly: true}},
		stateDisabled:   {{account: disabled}, {account: neverAndDisabled}, {account: account.Reset(disabled, 2, "control uid 0", time.Unix(1.79e9, 0))}},
		stateUnreadable: {{account: active, fault: errors.New("edited")}},
	}
	rules := []policy.Policy{{}}
	for _, v := range []policy.Verdict{policy.Refuse, policy.Require, policy.Allow, policy.Exempt} {
		for _, ends := range []time.Time{now, now.Add(time.Hour)} {
			rules = append(rules, policy.Policy{Rules: []policy.Rule{{Line: 1, Verdict: v, Ends: ends, Reason: "x"}}})
		}
	}
	seen := make(map[ending]bool)
	for want, all := range stores {
		for _, store := range all {
			if got := store.state(t, now, !store.issuedOnly); got != want {
				t.Errorf("an account that is %q is said to be %q", want, got)
			}
			for _, p := range rules {
				said := endOf(p.Decide(policy.Login{Realm: account.RealmHost, Account: "budi", Service: sshd, Now: now}), want)
				o := &owner{t: t, issued: store.issued, secret: store.account.Phone.Secret, now: now, next: protocol.Start{
					Phase: protocol.PhaseAuth, Service: sshd, User: "budi", NSS: &protocol.Identity{Name: "budi", UID: 1000},
				}}
				service := login.Service{
					Accounts: store, Events: deaf{}, Host: thisHost, Now: func() time.Time { return now },
					Office: func() login.Office {
						return login.Office{Texts: texts, Policy: p, Issuer: "LPSE Kudus", PasswordActivates: !store.issuedOnly, Limits: limits}
					},
				}
				service.Serve(t.Context(), o)
				if got := o.ending(); got != said {
					t.Errorf("%+v, %q: it is said to end %q, and ends %q", p.Rules, want, said, got)
				}
				seen[said] = true
			}
		}
	}
	for _, h := range headings {
		if !seen[h.ending] {
			t.Errorf("no login ended %q", h.ending)
		}
	}
}

// Where the daemon cannot say how an account stands, nobody is said to get in
// by anything but the rules.
func TestAnUnknownStateLetsNobodyIn(t *testing.T) {
	for verdict, want := range map[policy.Verdict]ending{
		policy.Refuse: endRefused, policy.Require: endUnknown, policy.Allow: endUnknown, policy.Exempt: endExempt, 99: endRefused,
	} {
		if got := endOf(policy.Decision{Verdict: verdict}, stateUnknown); got != want {
			t.Errorf("%v: %q, want %q", verdict, got, want)
		}
	}
	if got := endOf(policy.Decision{}, ""); got != endRefused {
		t.Errorf("the zero value: %q", got)
	}
	if got := endOf(policy.Decision{Verdict: policy.Require}, ""); got != endRefused {
		t.Errorf("the zero state: %q", got)
	}
}
