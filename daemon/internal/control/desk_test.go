package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/internal/seal"
	"spse-totp/daemon/internal/store"
	"spse-totp/daemon/internal/text"
	"spse-totp/totp"
)

// The callers of the tests.
var (
	root     = &Caller{UID: 0, PID: 1}
	budi     = &Caller{UID: 1000, PID: 2}
	siti     = &Caller{UID: 1001, PID: 3}
	stranger = &Caller{UID: 65534, PID: 4} // no user of this machine
	admin    = &Caller{UID: 1002, PID: 6}
	clerk    = &Caller{UID: 1003, PID: 5, GIDs: []uint32{1003, helpdeskGID}}
	nobodyAt *Caller // a connection without credentials
)

// helpdeskGID is the group of the clerks.
const helpdeskGID = 700

// users are the machine's.
// toor is a second name of root's.
var users = map[string]uint32{"root": 0, "toor": 0, "budi": 1000, "siti": 1001, "admin": 1002, "clerk": 1003}

// memory is accounts without a disk.
type memory struct {
	mu       sync.Mutex
	accounts map[account.ID]account.Account
	faults   map[account.ID]error // of records that do not open
	err      error                // of a store that does not work
	mark     time.Time            // of the clock
	hold     chan struct{}        // where not nil, an update waits for it
}

func (m *memory) Update(ctx context.Context, id account.ID, decide func(account.Account) (account.Account, account.Outcome)) (account.Account, account.Outcome, error) {
	if m.hold != nil {
		<-m.hold
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := errors.Join(ctx.Err(), m.err, m.faults[id]); err != nil {
		return account.Account{}, account.Outcome{}, err
	}
	before := m.accounts[id]
	after, outcome := decide(before)
	left, err := before.MarshalRecord()
	if err != nil {
		return account.Account{}, account.Outcome{}, err
	}
	right, err := after.MarshalRecord()
	if err != nil {
		return account.Account{}, account.Outcome{}, err
	}
	if !bytes.Equal(left, right) {
		after.Version++
		m.accounts[id] = after
	}
	return after, outcome, nil
}

func (m *memory) View(_ context.Context, id account.ID) (account.Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.accounts[id], errors.Join(m.err, m.faults[id])
}

func (m *memory) Each(_ context.Context, visit func(account.ID, account.Account, error) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	var ids []account.ID
	for id := range m.accounts {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b account.ID) int { return strings.Compare(a.Name, b.Name) })
	for _, id := range ids {
		if err := visit(id, m.accounts[id], m.faults[id]); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Remove(_ context.Context, id account.ID) (account.Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.accounts[id]
	delete(m.accounts, id)
	delete(m.faults, id)
	return a, m.err
}

func (m *memory) ClockMark() time.Time { return m.mark }

func (m *memory) ClockBehind(now time.Time) bool { return m.mark.Sub(now) > 2*time.Minute }

func (m *memory) AcceptClock(_ context.Context, now time.Time) error {
	if m.err == nil {
		m.mark = now
	}
	return m.err
}

// directory is Users; its error is an NSS that does not answer, groupsErr an
// /etc/group that cannot be read, lost a user whom it does not return.
type directory struct {
	err, groupsErr error
	lost           string
}

// InAny knows that admin alone is in sudo.
func (d *directory) InAny(_ context.Context, name string, groups []string) (bool, error) {
	return name == "admin" && slices.Contains(groups, "sudo"), d.groupsErr
}

func (d *directory) UID(_ context.Context, name string) (uint32, bool, error) {
	uid, found := users[name]
	return uid, found && name != d.lost, d.err
}

// diary keeps events.
type diary struct {
	mu     sync.Mutex
	events []audit.Event
}

func (d *diary) Record(e audit.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, e)
}

// desk is a service, and budi and siti, who never were active.
type desk struct {
	t        *testing.T
	service  *Service
	handler  http.Handler
	accounts *memory
	nss      *directory
	diary    *diary

	issuedOnly bool // first_activation = "issued-code"
	noHelpdesk bool // in the configuration
	limits     account.Limits

	mu     sync.Mutex // protects bodies
	bodies []string   // all that was ever answered
}

func newSealer(t *testing.T) *seal.Sealer {
	t.Helper()
	keyset, err := seal.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.New(keyset)
	if err != nil {
		t.Fatal(err)
	}
	return sealer
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{
		t:        t,
		accounts: &memory{accounts: map[account.ID]account.Account{}, faults: map[account.ID]error{}},
		nss:      &directory{},
		diary:    &diary{},
	}
	gid := uint32(helpdeskGID)
	helpdesk := func() *uint32 {
		if d.noHelpdesk {
			return nil
		}
		return &gid
	}
	d.service = &Service{
		Accounts: d.accounts, Users: d.nss, Events: d.diary, Seal: newSealer(t), ThisHost: account.HostID{1}, Now: time.Now,
		Office: func() Office {
			return Office{
				Host:  Host{Language: "en", Issuer: "LPSE Kudus", Contact: "0291-12345"},
				Texts: text.New(text.English, "LPSE Kudus", "0291-12345"),

				PasswordActivates: !d.issuedOnly, Helpdesk: helpdesk(), Administrators: []string{"sudo"}, Limits: d.limits,
			}
		},
	}
	d.handler = d.service.Handler()
	return d
}

// reply is an answer, and what it says if it is no success.
type reply struct {
	status int
	body   string
	Problem
}

// call makes one request. body is what becomes JSON, or a string as it is.
func (d *desk) call(caller *Caller, pattern, name string, body any) reply {
	d.t.Helper()
	return d.callIn(d.t.Context(), caller, pattern, name, body)
}

func (d *desk) callIn(ctx context.Context, caller *Caller, pattern, name string, body any) reply {
	d.t.Helper()
	method, path, _ := strings.Cut(pattern, " ")
	if name != "" {
		path += "?name=" + url.QueryEscape(name)
	}
	sent, isText := body.(string)
	if !isText && body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			d.t.Fatal(err)
		}
		sent = string(b)
	}
	if caller != nil {
		ctx = WithCaller(ctx, *caller)
	}
	request := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(sent))
	recorder := httptest.NewRecorder()
	d.handler.ServeHTTP(recorder, request)
	got, err := io.ReadAll(recorder.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	r := reply{status: recorder.Code, body: string(got)}
	if r.status != http.StatusOK {
		if err := json.Unmarshal(got, &r.Problem); err != nil || r.Code == "" || r.Problem.Error == "" {
			d.t.Errorf("%s: answer %q is no problem: %v", pattern, got, err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bodies = append(d.bodies, r.body)
	return r
}

// good makes a request that must succeed, and reads its answer.
func good[T any](d *desk, caller *Caller, pattern, name string, body any) T {
	d.t.Helper()
	r := d.call(caller, pattern, name, body)
	if r.status != http.StatusOK {
		d.t.Fatalf("%s of %s: %d %s", pattern, name, r.status, r.body)
	}
	var into T
	if err := json.Unmarshal([]byte(r.body), &into); err != nil {
		d.t.Fatal(err)
	}
	return into
}

// refuse makes a request that must fail with this code.
func (d *desk) refuse(caller *Caller, pattern, name string, body any, code string) {
	d.t.Helper()
	if r := d.call(caller, pattern, name, body); r.Code != code {
		d.t.Errorf("%s of %s: got %d %s, want %s", pattern, name, r.status, r.body, code)
	}
}

// The requests.
const (
	getHost           = "GET " + PathHost
	getAccounts       = "GET " + PathAccounts
	getAccount        = "GET " + PathAccount
	postOffer         = "POST " + PathOffer
	postActivation    = "POST " + PathActivation
	getWhoAmI         = "GET " + PathWhoAmI
	getClock          = "GET " + PathClock
	postClock         = "POST " + PathClock
	postRecoveryOffer = "POST " + PathRecoveryOffer
	postRecovery      = "POST " + PathRecovery
	postIssue         = "POST " + PathIssue
	postReset         = "POST " + PathReset
	postDisable       = "POST " + PathDisable
	postEnable        = "POST " + PathEnable
	deleteAccount     = "DELETE " + PathAccount
)

// phone is what a person's app has after scanning.
type phone struct {
	t   *testing.T
	key totp.Key
}

func scan(t *testing.T, o Offer) phone {
	t.Helper()
	key, err := totp.ParseURI(o.KeyURI)
	if err != nil {
		t.Fatal(err)
	}
	return phone{t, key}
}

// code is the one so many steps from now.
func (p phone) code(off int) string {
	p.t.Helper()
	step := p.key.Params.StepAt(time.Now()) + totp.Step(off)
	code, err := totp.CodeAt(p.key.Secret, p.key.Params, step)
	if err != nil {
		p.t.Fatal(err)
	}
	return code.Reveal()
}

// wrong is none of the phone's codes for a while.
func (p phone) wrong() string {
	used := map[string]bool{}
	for off := -30; off <= 30; off++ {
		used[p.code(off)] = true
	}
	for _, code := range []string{"000000", "111111", "222222"} {
		if !used[code] {
			return code
		}
	}
	panic("three codes of 61: a phone beyond belief")
}

// activate leads an account through its activation.
func (d *desk) activate(caller *Caller, name string) phone {
	d.t.Helper()
	return d.activateBy(caller, name, "")
}

// activateBy does the same with a code that entitles to it.
func (d *desk) activateBy(caller *Caller, name, code string) phone {
	d.t.Helper()
	offer := good[Offer](d, caller, postOffer, name, OfferRequest{Code: code})
	p := scan(d.t, offer)
	good[Account](d, caller, postActivation, name, ActivationRequest{Handle: offer.Handle, Codes: []string{p.code(0)}})
	return p
}

// edit changes a record as only the store could.
func (d *desk) edit(name string, change func(*account.Account)) {
	d.accounts.mu.Lock()
	defer d.accounts.mu.Unlock()
	a := d.accounts.accounts[account.Host(name)]
	change(&a)
	d.accounts.accounts[account.Host(name)] = a
}

// damage makes a record one that does not open.
func (d *desk) damage(name string) { d.accounts.faults[account.Host(name)] = store.ErrTampered }
