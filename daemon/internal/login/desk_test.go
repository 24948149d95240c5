package login

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/internal/policy"
	"spse-totp/daemon/protocol"
	"spse-totp/totp"
)

// script is a Packets that plays the module: each step is what the daemon
// receives next, a protocol.Request, bytes, an error, or a func to run first.
type script struct {
	t     *testing.T
	steps []any
	said  []protocol.Reply
	waits []time.Duration

	// sendError is what sending fails with, after failAfter messages.
	sendError error
	failAfter int
	onSend    func(protocol.Reply)
}

func (s *script) Receive(wait time.Duration) ([]byte, error) {
	s.waits = append(s.waits, wait)
	for len(s.steps) > 0 {
		step := s.steps[0]
		s.steps = s.steps[1:]
		switch step := step.(type) {
		case func():
			step()
		case error:
			return nil, step
		case []byte:
			return step, nil
		case protocol.Request:
			packet, err := protocol.Marshal(step)
			if err != nil {
				s.t.Fatal(err)
			}
			return packet, nil
		default:
			s.t.Fatalf("%T is no step", step)
		}
	}
	s.t.Error("the daemon waits for more than was scripted")
	return nil, ErrGone
}

func (s *script) Send(packet []byte) error {
	reply, err := protocol.ParseReply(packet)
	if err != nil {
		s.t.Errorf("the daemon sent %x: %v", packet, err)
	}
	if s.onSend != nil {
		s.onSend(reply)
	}
	if s.sendError != nil && len(s.said) >= s.failAfter {
		return s.sendError
	}
	s.said = append(s.said, reply)
	return nil
}

// memory is accounts without a disk.
type memory struct {
	mu       sync.Mutex
	accounts map[account.ID]account.Account
	err      error // what each update fails with, after it decided
	updates  int   // that were committed
	behind   bool  // the clock is
	asked    int
}

func (m *memory) Update(_ context.Context, id account.ID, decide func(account.Account) (account.Account, account.Outcome)) (account.Account, account.Outcome, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	after, outcome := decide(m.accounts[id])
	if m.err != nil {
		return after, outcome, m.err
	}
	if after.Version > 0 || outcome.Accepted {
		after.Version++
		m.accounts[id] = after
	}
	m.updates++
	return after, outcome, nil
}

func (m *memory) ClockBehind(time.Time) bool { return m.behind }

func (m *memory) ReadAhead(_ context.Context, id account.ID) (account.Account, Update, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.accounts[id], func(ctx context.Context, decide func(account.Account) (account.Account, account.Outcome)) (account.Account, account.Outcome, error) {
		return m.Update(ctx, id, decide)
	}, m.err
}

// diary keeps events.
type diary struct{ events []audit.Event }

func (d *diary) Record(e audit.Event) { d.events = append(d.events, e) }

// desk is a service with budi, active, and siti, whose phone was reset.
type desk struct {
	service  Service
	accounts *memory
	diary    *diary
	policy   policy.Policy

	issuedOnly bool // first_activation = "issued-code"
	limits     account.Limits

	secret totp.Secret
	now    time.Time
}

// keptCodes are recovery codes that somebody has on paper.
var keptCodes = account.RecoverySet{Salt: account.Salt{1}, Codes: make([]account.RecoveryCode, account.RecoveryCodes)}

func newDesk(t *testing.T) *desk {
	t.Helper()
	secret, err := totp.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{
		accounts: &memory{accounts: map[account.ID]account.Account{
			account.Host("budi"): {Version: 7, Generation: 1, WasActive: true, Phone: account.Phone{Secret: secret, Params: totp.DefaultParams()}, Recovery: keptCodes},
			account.Host("siti"): {Version: 3, Generation: 1, WasActive: true},
		}},
		diary:  &diary{},
		secret: secret,
		now:    noon,
	}
	d.service = Service{
		Accounts: d.accounts, Events: d.diary, Office: func() Office {
			return Office{Texts: texts, Policy: d.policy, Issuer: "LPSE Kudus", PasswordActivates: !d.issuedOnly, Limits: d.limits}
		}, Now: func() time.Time { return d.now },
	}
	return d
}

// change edits budi's account.
func (d *desk) change(edit func(*account.Account)) {
	d.accounts.mu.Lock()
	defer d.accounts.mu.Unlock()
	a := d.accounts.accounts[account.Host("budi")]
	edit(&a)
	d.accounts.accounts[account.Host("budi")] = a
}

// code is budi's, so many steps from now.
func (d *desk) code(t *testing.T, off int) string {
	t.Helper()
	params := totp.DefaultParams()
	code, err := totp.CodeAt(d.secret, params, params.StepAt(d.now)+totp.Step(off))
	if err != nil {
		t.Fatal(err)
	}
	return code.Reveal()
}

// wrong is a code that is none of budi's for a while.
func (d *desk) wrong(t *testing.T) string {
	t.Helper()
	used := map[string]bool{}
	for off := -30; off <= 30; off++ {
		used[d.code(t, off)] = true
	}
	for i := 0; ; i++ {
		if code := fmt.Sprintf("%06d", i); !used[code] {
			return code
		}
	}
}

// serve holds one conversation by the script.
func (d *desk) serve(t *testing.T, steps ...any) *script {
	t.Helper()
	s := &script{t: t, steps: steps}
	d.service.Serve(t.Context(), s)
	if len(s.steps) > 0 {
		t.Errorf("the daemon left %d steps of the script", len(s.steps))
	}
	return s
}

func start(edits ...func(*protocol.Start)) protocol.Start {
	s := protocol.Start{
		Phase: protocol.PhaseAuth, Service: "sshd", User: "budi", RHost: "192.0.2.1", TTY: "ssh",
		NSS: &protocol.Identity{Name: "budi", UID: 1000},
	}
	for _, edit := range edits {
		edit(&s)
	}
	return s
}

func carrying(lastPrompt, typed string) func(*protocol.Start) {
	return func(s *protocol.Start) {
		t := protocol.NewTyped(typed)
		s.LastPrompt, s.Typed = lastPrompt, &t
	}
}

func asUser(name string) func(*protocol.Start) {
	return func(s *protocol.Start) { s.User, s.NSS = name, nil }
}

func answer(typed string) protocol.Answer { return protocol.Answer{Typed: protocol.NewTyped(typed)} }

func expectSaid(t *testing.T, s *script, want ...protocol.Reply) {
	t.Helper()
	if !reflect.DeepEqual(s.said, want) {
		t.Errorf("the daemon said %v, want %v", s.said, want)
	}
}

// expectEvents compares reasons, and what stands beside them.
func (d *desk) expectEvents(t *testing.T, reasons ...string) {
	t.Helper()
	var got []string
	for _, e := range d.diary.events {
		got = append(got, e.Reason)
		if e.Kind != audit.Login || e.Accepted != (e.Reason == "accepted" || e.Reason == "accepted-pair") {
			t.Errorf("event %+v", e)
		}
	}
	if !slices.Equal(got, reasons) {
		t.Errorf("events %q, want %q", got, reasons)
	}
}

func prompted(rest []protocol.Reply) []protocol.Reply {
	return append([]protocol.Reply{prompt}, rest...)
}
