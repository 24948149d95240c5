package account

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"spse-totp/totp"
)

// machine drives one account through any sequence of attempts, activations,
// administrators' words, restarts and clocks, beside a model that knows which
// code belongs to which step.
type machine struct {
	a   Account
	now time.Time

	generation Generation
	offered    *Offer
	offeredAt  Generation

	// The model.
	spent     map[totp.Step]bool // accepted steps of the present phone
	newest    totp.Step          // the newest accepted or noted
	noted     *Note
	run       uint32
	month     []time.Time // counted failures since the month began
	confirmed bool
	refused   []row // since the last accepted code, the newest last

	long longModel
}

// row is what makes a row of refusals.
type row struct {
	Reason
	Source
}

// judged keeps what was refused since the last accepted code.
func (m *machine) judged(try Try, outcome Outcome) {
	switch r := (row{outcome.Reason, try.Source}); {
	case outcome.Accepted:
		m.refused = nil
	case m.a.Version > 0 && !try.ClockBehind && outcome.Reason != Entitled:
		m.refused = append(slices.DeleteFunc(m.refused, func(before row) bool { return before == r }), r)
	}
}

// checkUnanswered is by the order in which things happened, not by a clock.
func (m *machine) checkUnanswered(t *rapid.T) {
	var kept, unanswered []row
	for _, r := range m.refused {
		if slices.ContainsFunc(m.a.Refusals, func(there Refusal) bool { return r == row{there.Reason, there.Source} }) {
			kept = append(kept, r)
		}
	}
	for _, r := range m.a.Unanswered() {
		unanswered = append(unanswered, row{r.Reason, r.Source})
	}
	if !slices.Equal(kept, unanswered) {
		t.Fatalf("unanswered are %v, want %v", unanswered, kept)
	}
}

var sources = []Source{"sshd 192.0.2.1", "sshd 203.0.113.9", "login tty1"}

func (m *machine) next() Generation {
	m.generation++
	return m.generation
}

func code(t *rapid.T, secret totp.Secret, params totp.Params, step totp.Step) totp.Typed {
	c, err := totp.CodeAt(secret, params, step)
	if err != nil {
		t.Fatalf("code at step %d: %v", step, err)
	}
	return totp.NewTyped(c.Reveal())
}

// Restart writes the record and reads it back, as every login does.
func (m *machine) Restart(t *rapid.T) {
	m.a.Version++
	b, err := m.a.MarshalRecord()
	if err != nil {
		t.Fatal(err)
	}
	if m.a, err = UnmarshalRecord(b); err != nil {
		t.Fatal(err)
	}
}

// Wait lets a little time pass, Jump moves the clock either way.
func (m *machine) Wait(t *rapid.T) { m.move(rapid.Int64Range(0, 90).Draw(t, "seconds")) }

func (m *machine) Jump(t *rapid.T) {
	m.move(rapid.OneOf(rapid.Int64Range(-700, 700), rapid.Int64Range(-40*86400, 40*86400)).Draw(t, "seconds"))
}

func (m *machine) move(seconds int64) {
	m.now = m.now.Add(time.Duration(seconds) * time.Second)
	if m.now.Unix() < 1e8 {
		m.now = time.Unix(1e8, 0).UTC()
	}
}

// Guess is somebody who types many wrong codes.
func (m *machine) Guess(t *rapid.T) {
	if !m.a.Active() {
		return
	}
	source := rapid.SampledFrom(sources).Draw(t, "guesser")
	for range rapid.SampledFrom([]int{1, 9, 10, 30, 60}).Draw(t, "guesses") {
		step := m.a.Phone.Params.StepAt(m.now) + 1000
		m.try(t, Try{Source: source, Now: m.now, Typed: code(t, m.a.Phone.Secret, m.a.Phone.Params, step)}, step)
	}
}

// Offer begins an activation.
func (m *machine) Offer(t *rapid.T) {
	secret, err := totp.SecretFromBytes(rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "secret"))
	if err != nil {
		t.Fatal(err)
	}
	m.offered = &Offer{
		Secret: secret, Params: totp.DefaultParams(), Generation: m.a.Generation, Issued: m.a.Issued.Salt,
		By: rapid.SampledFrom([]Entitlement{ByPassword, ByCode, ByIssued, 0}).Draw(t, "by"),
	}
}

// Confirm ends one, with right codes, wrong ones, or two in a row.
func (m *machine) Confirm(t *rapid.T) {
	if m.offered == nil {
		return
	}
	here := m.offered.Params.StepAt(m.now)
	first := here + totp.Step(rapid.IntRange(-30, 30).Draw(t, "off"))
	steps := []totp.Step{first}
	if rapid.Bool().Draw(t, "two") {
		steps = append(steps, first+totp.Step(rapid.IntRange(-1, 4).Draw(t, "gap")))
	}
	phone := Phone{Secret: m.offered.Secret, Params: m.offered.Params}
	var typed []totp.Typed
	for i, step := range steps {
		typed = append(typed, code(t, phone.Secret, phone.Params, step))
		steps[i] = seenAs(t, phone, typed[i], m.now, step)
	}
	last := steps[len(steps)-1]
	gap := last - steps[0]
	before := m.a
	try := Try{Now: m.now, Source: sources[0], Owner: m.owner(t), ClockBehind: rapid.SampledFrom([]bool{false, false, false, true}).Draw(t, "clock behind")}
	after, outcome := Confirm(m.a, *m.offered, typed, try, m.next())
	inWindow := last >= here-1 && last <= here+1
	near := func(s totp.Step) bool { return s >= here-20 && s <= here+20 }
	inRow := len(typed) == 2 && (gap == 1 || gap == 2) && near(last) && near(last-gap)
	mayBe := !before.Disabled && before.Generation == m.offered.Generation && (inWindow || inRow) &&
		!try.ClockBehind && !m.long.foreign(try.Owner) && m.long.entitles(*m.offered)
	if outcome.Accepted != mayBe {
		t.Fatalf("confirmation accepted: %v, want %v (%d steps off, %d codes, gap %d)", outcome.Accepted, mayBe, last-here, len(typed), gap)
	}
	if !outcome.Accepted {
		mustEqual(t, before, after, "a refused confirmation changed the account")
		return
	}
	m.a = after
	m.judged(try, outcome)
	m.spent = map[totp.Step]bool{last: true}
	m.newest, m.noted, m.run, m.confirmed = last, nil, 0, true
	m.long.activated(t, before, after, *m.offered, try.Owner)
}

// Attempt types some code from somewhere.
func (m *machine) Attempt(t *rapid.T) {
	source := rapid.SampledFrom(sources).Draw(t, "source")
	try := Try{Source: source, Now: m.now, Owner: m.owner(t), ClockBehind: rapid.SampledFrom([]bool{false, false, false, false, true}).Draw(t, "clock behind")}
	kind := rapid.SampledFrom([]string{"step", "step", "next", "next", "next", "wrong", "malformed", "withheld"}).Draw(t, "kind")
	var step totp.Step
	switch {
	case kind == "malformed" || !m.a.Active() && kind != "withheld":
		try.Typed = totp.NewTyped("hunter2")
	case kind == "withheld":
		try.Withheld = true
	case kind == "wrong":
		step = m.a.Phone.Params.StepAt(m.now) + 1000
	case kind == "next":
		step = m.a.Phone.Spent + totp.Step(rapid.IntRange(0, 3).Draw(t, "after"))
	default:
		step = m.a.Phone.Params.StepAt(m.now) + totp.Step(m.a.Phone.Drift) + totp.Step(rapid.IntRange(-25, 25).Draw(t, "off"))
	}
	if step > 0 {
		try.Typed = code(t, m.a.Phone.Secret, m.a.Phone.Params, step)
	}
	m.try(t, try, step)
}

func (m *machine) try(t *rapid.T, try Try, step totp.Step) {
	if step > 0 {
		step = seenAs(t, m.a.Phone, try.Typed, try.Now, step)
	}
	before := m.a
	guarded := before.Guarded(m.now)
	limits := Limits{LockAfter: rapid.SampledFrom([]uint32{0, 0, 0, 12, 100}).Draw(t, "lock after")}
	after, outcome := Attempt(before, try, limits)
	m.a = after
	m.judged(try, outcome)
	m.long.checkTry(t, before, after, try, limits, outcome)
	m.check(t, before, try, step, guarded, outcome)
}

// seenAs is the step that a code is taken for: one in a million belongs to
// another step near by, and the model must not call that a fault.
func seenAs(t *rapid.T, phone Phone, typed totp.Typed, now time.Time, step totp.Step) totp.Step {
	c, err := totp.ParseCode(typed, phone.Params.Digits)
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := phone.locate(c, now); ok {
		return s.step
	}
	return step
}

func (m *machine) check(t *rapid.T, before Account, try Try, step totp.Step, guarded bool, outcome Outcome) {
	counted := m.a.Failures.Run != before.Failures.Run && !outcome.Accepted
	if counted {
		m.run++
		if n := len(m.month); n > 0 && !within(m.now, m.month[0], month) {
			m.month = nil
		}
		m.month = append(m.month, m.now)
		if outcome.Reason != Wrong {
			t.Fatalf("%v was counted", outcome.Reason)
		}
	}
	if outcome.Reason == Wrong && !counted {
		t.Fatal("a wrong code was not counted")
	}
	if outcome.Accepted {
		m.checkAccepted(t, before, try, step, guarded, outcome)
		m.spent[step] = true
		m.newest, m.noted, m.run = step, nil, 0
		return
	}
	switch outcome.Reason {
	case Noted:
		if step <= m.newest {
			t.Fatal("a step was noted that is not newer than the newest")
		}
		m.newest, m.noted = step, &Note{Step: step, Source: try.Source}
	case Wrong:
		if m.noted != nil && m.noted.Source == try.Source {
			m.noted = nil
		}
	}
	if m.a.Failures.Run != m.run {
		t.Fatalf("run is %d, the model counted %d", m.a.Failures.Run, m.run)
	}
}

func (m *machine) checkAccepted(t *rapid.T, before Account, try Try, step totp.Step, guarded bool, outcome Outcome) {
	here := before.Phone.Params.StepAt(m.now)
	off := step - here - totp.Step(before.Phone.Drift)
	inWindow := off >= -1 && off <= 1
	switch {
	case !m.confirmed || !before.Active():
		t.Fatal("accepted on an account that no code confirmed")
	case before.Disabled:
		t.Fatal("accepted on a disabled account")
	case step == 0:
		t.Fatal("accepted what was no code")
	case m.spent[step]:
		t.Fatalf("step %d was accepted twice", step)
	case step <= m.newest:
		t.Fatalf("step %d was accepted after %d", step, m.newest)
	case outcome.Reason == Accepted && guarded:
		t.Fatal("a single code was accepted while guarded")
	case outcome.Reason == Accepted && !inWindow:
		t.Fatal("a single code outside the window was accepted")
	case outcome.Reason == AcceptedPair && guarded && !inWindow:
		t.Fatal("a pair outside the window was accepted while guarded")
	case outcome.Reason == AcceptedPair && (step-here > 20 || here-step > 20) && !inWindow:
		t.Fatal("a stale pair was accepted")
	}
	if outcome.Reason == AcceptedPair {
		gap := totp.Step(0)
		if m.noted != nil && m.noted.Source == try.Source {
			gap = step - m.noted.Step
		}
		if gap != 1 && gap != 2 {
			t.Fatalf("a pair was accepted without its first code (gap %d)", gap)
		}
	}
}

// Administer is what root can do.
func (m *machine) Administer(t *rapid.T) {
	before := m.a
	switch rapid.SampledFrom([]string{"reset", "disable", "enable", "enable", "enable"}).Draw(t, "word") {
	case "reset":
		m.a = Reset(m.a, m.next(), root, m.now)
		m.spent, m.newest, m.noted, m.run, m.confirmed = map[totp.Step]bool{}, 0, nil, 0, false
		m.long.wasReset()
		if m.a.Active() {
			t.Fatal("active after a reset")
		}
	case "disable":
		m.a = SetDisabled(m.a, true, m.next())
	case "enable":
		m.a = SetDisabled(m.a, false, m.next())
	}
	if m.a.Failures.Month != before.Failures.Month || before.WasActive && !m.a.WasActive {
		t.Fatal("an administrator's word cleared what time alone clears")
	}
}

// Check holds after every step.
func (m *machine) Check(t *rapid.T) {
	m.long.check(t, m.a)
	m.checkUnanswered(t)
	if m.a.Active() && !m.confirmed {
		t.Fatal("active without a confirmed code")
	}
	if m.a.Failures.Run != m.run {
		t.Fatalf("run is %d, the model counted %d", m.a.Failures.Run, m.run)
	}
	if len(m.a.Refusals) > maxRefusals {
		t.Fatalf("%d rows of refusals", len(m.a.Refusals))
	}
	if n := uint32(len(m.month)); m.a.Failures.Month != n {
		t.Fatalf("month counts %d, the model %d", m.a.Failures.Month, n)
	}
}

func mustEqual(t *rapid.T, a, b Account, what string) {
	left, err := a.MarshalRecord()
	if err != nil {
		t.Fatal(err)
	}
	right, err := b.MarshalRecord()
	if err != nil {
		t.Fatal(err)
	}
	if string(left) != string(right) {
		t.Fatal(what)
	}
}

func TestAnySequence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{now: time.Unix(1.79e9, 0).UTC(), spent: map[totp.Step]bool{}, a: Account{Version: 1}}
		m.Offer(t)
		t.Repeat(map[string]func(*rapid.T){
			"restart": m.Restart, "wait": m.Wait, "wait more": m.Wait, "jump": m.Jump,
			"offer": m.Offer, "confirm": m.Confirm, "confirm again": m.Confirm, "guess": m.Guess,
			"attempt": m.Attempt, "attempt again": m.Attempt, "attempt once more": m.Attempt, "and again": m.Attempt,
			"administer": m.Administer, "": m.Check,
			"issue": m.Issue, "type a long code": m.TypeLong, "type another": m.TypeLong,
			"offer recovery": m.OfferRecovery, "confirm recovery": m.ConfirmRecovery, "tell": m.Tell,
		})
	})
}

// TestMain gives the sequences a length in which an account is activated,
// guarded, and let in again; the flags of a long run still win.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": "400", "rapid.steps": "120", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	flag.Parse()
	os.Exit(m.Run())
}

func TestZeroValuesAreRefused(t *testing.T) {
	now := time.Unix(1.79e9, 0)
	for name, outcome := range map[string]func() (Account, Outcome){
		"zero account": func() (Account, Outcome) {
			return Attempt(Account{}, Try{Typed: totp.NewTyped("123456"), Now: now}, Limits{})
		},
		"zero try": func() (Account, Outcome) { return Attempt(Account{}, Try{}, Limits{}) },
		"zero offer": func() (Account, Outcome) {
			return Confirm(Account{}, Offer{}, []totp.Typed{totp.NewTyped("123456")}, Try{Now: now}, 7)
		},
		"nothing typed":          func() (Account, Outcome) { return Confirm(Account{}, offer(t, ""), nil, Try{Now: now}, 7) },
		"no new generation":      func() (Account, Outcome) { return Confirm(Account{}, offer(t, ""), []totp.Typed{{}}, Try{Now: now}, 0) },
		"empty typed to confirm": func() (Account, Outcome) { return Confirm(Account{}, offer(t, ""), []totp.Typed{{}}, Try{Now: now}, 7) },
	} {
		after, got := outcome()
		if got.Accepted || after.Active() {
			t.Errorf("%s: let in", name)
		}
	}
	if (Outcome{}).Accepted {
		t.Error("the zero outcome is accepted")
	}
}

func TestUnknownNamesMakeNoRecordByFailing(t *testing.T) {
	after, outcome := Attempt(Account{}, Try{Typed: totp.NewTyped("123456"), Source: "sshd", Now: time.Unix(1.79e9, 0)}, Limits{})
	if outcome.Reason != NotActivated || len(after.Refusals) != 0 {
		t.Errorf("got %v and %d refusals", outcome.Reason, len(after.Refusals))
	}
}

// offer is a phone of its own for each test and label, the same in each run: one
// code in a million belongs to two steps, and no run must fail by that.
func offer(t *testing.T, label string) Offer {
	t.Helper()
	sum := sha256.Sum256([]byte(t.Name() + label))
	secret, err := totp.SecretFromBytes(sum[:20])
	if err != nil {
		t.Fatal(err)
	}
	return Offer{Secret: secret, Params: totp.DefaultParams(), By: ByPassword}
}

func ExampleReason() {
	fmt.Println(Replayed, Reason(99))
	// Output: replayed unknown
}
