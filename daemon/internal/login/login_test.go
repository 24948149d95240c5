package login

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/internal/text"
	"spse-totp/daemon/protocol"
)

var (
	noon   = time.Unix(1.79e9, 0).UTC()
	texts  = text.New(text.English, "LPSE Kudus", "0291-12345")
	prompt = protocol.Prompt{Text: texts.CodePrompt(6)}

	refusal     = []protocol.Reply{protocol.Show{Text: texts.Refused(), Style: protocol.StyleError}, protocol.Result{Verdict: protocol.Refused}}
	unavailable = []protocol.Reply{protocol.Show{Text: texts.Unavailable(), Style: protocol.StyleError}, protocol.Result{Verdict: protocol.Unavailable}}
	acceptance  = []protocol.Reply{protocol.Result{Verdict: protocol.Accepted}}
)

func TestARightCodeLetsInOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	code := d.code(t, 0)
	expectSaid(t, d.serve(t, start(), answer(code)), prompted(acceptance)...)
	expectSaid(t, d.serve(t, start(), answer(code)), prompted(refusal)...)
	d.expectEvents(t, "accepted", "replayed")
	e := d.diary.events[0]
	want := audit.Event{
		Kind: audit.Login, Account: account.Host("budi"), Version: 8, Accepted: true, Reason: "accepted",
		Service: "sshd", RHost: "192.0.2.1", TTY: "ssh",
	}
	if e != want {
		t.Errorf("event %+v, want %+v", e, want)
	}
}

// The account that is judged is the one NSS names, not what was typed.
func TestTheAccountIsWhomNSSNames(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	alias := start(func(s *protocol.Start) { s.User = "BUDI" })
	expectSaid(t, d.serve(t, alias, answer(d.code(t, 0))), prompted(acceptance)...)
	other := start(func(s *protocol.Start) { s.NSS = &protocol.Identity{Name: "siti", UID: 1001} })
	expectSaid(t, d.serve(t, other, answer(d.code(t, 1))), prompted(refusal)...)
	d.expectEvents(t, "accepted", "not-activated")
}

// Whatever the reason of a refusal, the person reads the same.
func TestAllRefusalsReadAlike(t *testing.T) {
	t.Parallel()
	guard := func(d *desk) { d.change(func(a *account.Account) { a.Failures.Run = 10 }) }
	nssSiti := func(s *protocol.Start) { s.User, s.NSS = "siti", &protocol.Identity{Name: "siti", UID: 1001} }
	for name, c := range map[string]struct {
		prepare func(*desk)
		start   protocol.Start
		typed   func(*testing.T, *desk) protocol.Answer
		reason  string
	}{
		"wrong":     {typed: func(t *testing.T, d *desk) protocol.Answer { return answer(d.wrong(t)) }, reason: "wrong"},
		"noted":     {prepare: guard, reason: "noted"},
		"replayed":  {prepare: func(d *desk) { d.change(func(a *account.Account) { a.Phone.Spent = 1 << 40 }) }, reason: "replayed"},
		"malformed": {typed: func(*testing.T, *desk) protocol.Answer { return answer("rahasia") }, reason: "malformed"},
		"withheld":  {typed: func(*testing.T, *desk) protocol.Answer { return protocol.Answer{Withheld: true} }, reason: "withheld"},
		"empty":     {typed: func(*testing.T, *desk) protocol.Answer { return answer("") }, reason: "abandoned"},
		"disabled":  {prepare: func(d *desk) { d.change(func(a *account.Account) { a.Disabled = true }) }, reason: "disabled"},
		"reset":     {start: start(nssSiti), reason: "not-activated"},
		"unknown":   {start: start(asUser("nobody at all")), reason: "unknown-user"},
		"unknown, withheld": {start: start(asUser("nobody at all")), reason: "unknown-user",
			typed: func(*testing.T, *desk) protocol.Answer { return protocol.Answer{Withheld: true} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			if c.prepare != nil {
				c.prepare(d)
			}
			if c.start.Phase == 0 {
				c.start = start()
			}
			typed := answer(d.code(t, 0))
			if c.typed != nil {
				typed = c.typed(t, d)
			}
			expectSaid(t, d.serve(t, c.start, typed), prompted(refusal)...)
			d.expectEvents(t, c.reason)
		})
	}
}

func TestNamesWithoutAUserAreNotLookedUp(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "budi", "../budi", "bu\ndi", strings.Repeat("b", 10_000)} {
		d := newDesk(t)
		expectSaid(t, d.serve(t, start(asUser(name)), answer(d.code(t, 0))), prompted(refusal)...)
		d.expectEvents(t, "unknown-user")
		if d.accounts.asked > 0 {
			t.Errorf("%.20q: the store was asked", name)
		}
	}
}

// An answer that came with start stands in for the prompt it was typed to.
func TestAnAnswerCarriedInStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lastPrompt string
		typed      string // "code": the right one
		taken      bool
		reason     string // where taken
	}{
		"same prompt":          {prompt.Text, "code", true, "accepted"},
		"held by split":        {"", "code", true, "accepted"},
		"same prompt, Enter":   {prompt.Text, "", true, "abandoned"},
		"same prompt, rubbish": {prompt.Text, "rahasia", true, "malformed"},
		"one byte less":        {prompt.Text[:len(prompt.Text)-1], "code", false, ""},
		"one byte more":        {prompt.Text + " ", "code", false, ""},
		"another language":     {text.New(text.Indonesian, "LPSE Kudus", "").CodePrompt(6), "code", false, ""},
		"other case":           {strings.ToUpper(prompt.Text), "code", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			typed := c.typed
			if typed == "code" {
				typed = d.code(t, 0)
			}
			steps := []any{start(carrying(c.lastPrompt, typed))}
			if !c.taken { // asked anew, and what was carried is forgotten
				expectSaid(t, d.serve(t, append(steps, answer(d.wrong(t)))...), prompted(refusal)...)
				d.expectEvents(t, "wrong")
				return
			}
			want := refusal
			if c.reason == "accepted" {
				want = acceptance
			}
			expectSaid(t, d.serve(t, steps...), want...)
			d.expectEvents(t, c.reason)
		})
	}
}

// Once something was shown the carried answer no longer fits, and it is taken
// for one prompt only.
func TestACarriedAnswerIsTakenFirstOrNever(t *testing.T) {
	t.Parallel()
	c := &conversation{packets: &script{t: t, steps: []any{answer("2"), answer("3")}}, start: start(carrying("Code: ", "1"))}
	if err := c.show("Read this.", protocol.StyleInfo); err != nil {
		t.Fatal(err)
	}
	if got, err := c.askCode("Code: "); err != nil || got.Typed.Reveal() != "2" {
		t.Errorf("after a text: got %q, %v", got.Typed.Reveal(), err)
	}
	c = &conversation{packets: &script{t: t, steps: []any{answer("2")}}, start: start(carrying("Code: ", "1"))}
	for _, want := range []string{"1", "2"} {
		if got, err := c.askCode("Code: "); err != nil || got.Typed.Reveal() != want {
			t.Errorf("got %q, %v, want %q", got.Typed.Reveal(), err, want)
		}
	}
}

// What breaks a conversation lets nobody in, and is answered where there may be
// somebody to read it.
func TestBrokenConversations(t *testing.T) {
	t.Parallel()
	garbled := fmt.Errorf("%w: too long", protocol.ErrGarbled)
	result := protocol.Result{Verdict: protocol.Refused}
	for name, c := range map[string]struct {
		steps  []any
		said   []protocol.Reply
		reason string
	}{
		"gone at once":        {[]any{ErrGone}, nil, "abandoned"},
		"late at once":        {[]any{ErrLate}, []protocol.Reply{result}, "late"},
		"stopping at once":    {[]any{ErrClosing}, nil, ""},
		"too long":            {[]any{garbled}, []protocol.Reply{result}, "garbled"},
		"no message":          {[]any{[]byte("hello")}, []protocol.Reply{result}, "garbled"},
		"no bytes":            {[]any{[]byte{}}, []protocol.Reply{result}, "garbled"},
		"answer before start": {[]any{answer("123456")}, []protocol.Reply{result}, "garbled"},
		"gone at the prompt":  {[]any{start(), ErrGone}, []protocol.Reply{prompt}, "abandoned"},
		"late at the prompt":  {[]any{start(), ErrLate}, append([]protocol.Reply{prompt}, refusal...), "late"},
		"stopping":            {[]any{start(), ErrClosing}, []protocol.Reply{prompt}, ""},
		"garbled answer":      {[]any{start(), []byte{1, 3}}, []protocol.Reply{prompt, result}, "garbled"},
		"start twice":         {[]any{start(), start()}, []protocol.Reply{prompt, result}, "garbled"},
		"groups unasked":      {[]any{start(), protocol.Groups{GIDs: []uint32{0}}}, []protocol.Reply{prompt, result}, "garbled"},
		"unknown error":       {[]any{start(), errors.New("no idea")}, []protocol.Reply{prompt, result}, "garbled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			expectSaid(t, d.serve(t, c.steps...), c.said...)
			if c.reason == "" { // the module comes again: nothing was decided
				d.expectEvents(t)
			} else {
				d.expectEvents(t, c.reason)
			}
			if d.accounts.asked > 0 {
				t.Error("the store was asked")
			}
		})
	}
}

func TestSendingThatFailsEndsTheConversation(t *testing.T) {
	t.Parallel()
	for _, failure := range []error{ErrGone, ErrLate} {
		d := newDesk(t)
		s := &script{t: t, steps: []any{start()}, sendError: failure}
		d.service.Serve(t.Context(), s)
		if len(s.said) > 0 || d.accounts.asked > 0 {
			t.Errorf("%v: said %v", failure, s.said)
		}
		d.expectEvents(t, reasonOf(failure))
	}
}

func TestWaitsForAProgramShortlyAndForAPersonLong(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	s := d.serve(t, start(), answer(d.code(t, 0)))
	if !slices.Equal(s.waits, []time.Duration{waitStart, waitAnswer}) {
		t.Errorf("waited %v", s.waits)
	}
}

// A store that cannot tell lets nobody in, whatever the attempt looked like.
func TestAStoreErrorIsNeverAcceptance(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.accounts.err = errors.New("disk is on fire")
	code := d.code(t, 0)
	expectSaid(t, d.serve(t, start(), answer(code)), prompted(unavailable)...)
	expectSaid(t, d.serve(t, start(), answer(d.wrong(t))), prompted(unavailable)...)
	d.accounts.err = nil
	expectSaid(t, d.serve(t, start(), answer(code)), prompted(acceptance)...)
	d.expectEvents(t, "unavailable", "unavailable", "accepted")
	if hint := d.diary.events[0].Hint; !strings.Contains(hint, "disk is on fire") {
		t.Errorf("hint %q", hint)
	}
}

// Neither the verdict nor a word that tells of it leaves before the commit and
// the event.
func TestAnswersAfterTheCommitAndTheEvent(t *testing.T) {
	t.Parallel()
	for _, right := range []bool{true, false} {
		d := newDesk(t)
		typed := d.wrong(t)
		if right {
			typed = d.code(t, 0)
		}
		s := &script{t: t, steps: []any{start(), answer(typed)}}
		s.onSend = func(reply protocol.Reply) {
			d.accounts.mu.Lock() // an update under way would hold it
			defer d.accounts.mu.Unlock()
			if reply != prompt && (d.accounts.updates != 1 || len(d.diary.events) != 1) {
				t.Errorf("%v was sent after %d commits and %d events", reply, d.accounts.updates, len(d.diary.events))
			}
		}
		d.service.Serve(t.Context(), s)
	}
}

// An account disabled, reset or guarded while the person types is judged as it
// is at the commit, and by the clock of then.
func TestNothingIsCarriedOverFromBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meanwhile func(*desk)
		reason    string
	}{
		"disabled": {func(d *desk) { d.change(func(a *account.Account) { *a = account.SetDisabled(*a, true, 2) }) }, "disabled"},
		"reset":    {func(d *desk) { d.change(func(a *account.Account) { *a = account.Reset(*a, 2, "control uid 0", noon) }) }, "not-activated"},
		"guarded":  {func(d *desk) { d.change(func(a *account.Account) { a.Failures.Run = 10 }) }, "noted"},
		"removed":  {func(d *desk) { d.change(func(a *account.Account) { *a = account.Account{} }) }, "not-activated"},
		"an hour":  {func(d *desk) { d.now = d.now.Add(time.Hour) }, "wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			code := d.code(t, 0)
			expectSaid(t, d.serve(t, start(), func() { c.meanwhile(d) }, answer(code)), prompted(refusal)...)
			d.expectEvents(t, c.reason)
		})
	}
}

// Only plain digits are a code; each spelling that is taken is the same step.
func TestSpellingsOfACode(t *testing.T) {
	t.Parallel()
	spell := map[string]func(string) string{
		"plain":        func(c string) string { return c },
		"space before": func(c string) string { return " " + c },
		"space after":  func(c string) string { return c + " " },
		"in two parts": func(c string) string { return c[:3] + " " + c[3:] },
	}
	for name, first := range spell {
		d := newDesk(t)
		expectSaid(t, d.serve(t, start(), answer(first(d.code(t, 0)))), prompted(acceptance)...)
		for _, again := range spell {
			expectSaid(t, d.serve(t, start(), answer(again(d.code(t, 0)))), prompted(refusal)...)
		}
		d.expectEvents(t, "accepted", "replayed", "replayed", "replayed", "replayed")
		if t.Failed() {
			t.Fatalf("first spelling: %s", name)
		}
	}
	digits := func(zero rune) func(string) string {
		return func(c string) string {
			return strings.Map(func(r rune) rune { return zero + r - '0' }, c)
		}
	}
	for name, other := range map[string]func(string) string{
		"newline":       func(c string) string { return c + "\n" },
		"carriage":      func(c string) string { return c + "\r" },
		"tab":           func(c string) string { return "\t" + c },
		"two spaces":    func(c string) string { return "  " + c },
		"plus":          func(c string) string { return "+" + c },
		"zero before":   func(c string) string { return "0" + c },
		"full width":    digits('\uff10'),
		"Arabic-Indic":  digits('\u0660'),
		"NBSP":          func(c string) string { return c + "\u00a0" },
		"zero width":    func(c string) string { return c[:3] + "\u200b" + c[3:] },
		"hyphen":        func(c string) string { return c[:3] + "-" + c[3:] },
		"cut":           func(c string) string { return c[:5] },
		"twice":         func(c string) string { return c + c },
		"decimal point": func(c string) string { return c + ".0" },
	} {
		d := newDesk(t)
		expectSaid(t, d.serve(t, start(), answer(other(d.code(t, 0)))), prompted(refusal)...)
		d.expectEvents(t, "malformed")
		if t.Failed() {
			t.Fatalf("spelling: %s", name)
		}
	}
}

func TestTheAccountPhaseShowsAndRefuses(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	account := func(s *protocol.Start) { s.Phase = protocol.PhaseAccount }
	want := []protocol.Reply{
		protocol.Show{Text: texts.CodeNotSeen(), Style: protocol.StyleError}, protocol.Result{Verdict: protocol.Refused},
	}
	expectSaid(t, d.serve(t, start(account)), want...)
	// A code that came along is none for this phase.
	expectSaid(t, d.serve(t, start(account, carrying("", d.code(t, 0)))), want...)
	expectSaid(t, d.serve(t, start(account, asUser("nobody at all"))), want...)
	if hint := d.diary.events[0].Hint; !strings.Contains(hint, "AuthenticationMethods publickey,keyboard-interactive") {
		t.Errorf("the administrator is told %q", hint)
	}
	d.expectEvents(t, "code-not-seen", "code-not-seen", "code-not-seen")
	if d.accounts.asked > 0 {
		t.Error("the store was asked")
	}
}

// No event holds what was typed, nor a name that may be a password.
func TestEventsHoldNeitherWhatWasTypedNorAnUnknownName(t *testing.T) {
	t.Parallel()
	const canary = "Rahasia-77"
	d := newDesk(t)
	d.accounts.err = errors.New("full")
	d.serve(t, start(), answer(canary))
	d.accounts.err = nil
	code, wrong := d.code(t, 0), d.wrong(t)
	d.serve(t, start(), answer(canary))
	d.serve(t, start(), answer(wrong))
	d.serve(t, start(), answer(code))
	d.serve(t, start(carrying(prompt.Text, canary)))
	d.serve(t, start(carrying(canary, canary)), answer(canary))
	d.serve(t, start(asUser(canary)), answer(canary))
	d.serve(t, start(asUser(canary)), ErrGone)
	d.serve(t, start(asUser(canary)), []byte(canary))
	d.serve(t, start(func(s *protocol.Start) { s.Phase = protocol.PhaseAccount }, asUser(canary)))
	d.serve(t, []byte(canary))
	if len(d.diary.events) != 11 {
		t.Errorf("%d events", len(d.diary.events))
	}
	for _, e := range d.diary.events {
		told := fmt.Sprintf("%+v", e)
		for _, secret := range []string{canary, code, wrong, d.secret.Base32()} {
			if strings.Contains(told, secret) {
				t.Errorf("%s is told: %s", secret, told)
			}
		}
	}
}

func TestPieces(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 25)
	for name, c := range map[string]struct {
		said string
		want []string
	}{
		"nothing":          {"", nil},
		"short":            {"short", []string{"short"}},
		"just fits":        {"1234567890", []string{"1234567890"}},
		"one over":         {"12345 67890", []string{"12345", "67890"}},
		"cut at the limit": {"1234567890 12", []string{"1234567890", "12"}},
		"lines":            {"1234567\n90\n2", []string{"1234567\n90", "2"}},
		"no place to cut":  {long, []string{long[:10], long[:10], long[:5]}},
		"begins blank":     {" " + long, []string{" " + long[:9], long[:10], long[:6]}},
		"ends at a cut":    {"1234567890 ", []string{"1234567890"}},
	} {
		if got := pieces(c.said, 10); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestLongTextsGoOutInPieces(t *testing.T) {
	t.Parallel()
	s := &script{t: t}
	c := &conversation{packets: s}
	said := strings.Repeat("kata ", 500)
	if err := c.show(said, protocol.StyleInfo); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, reply := range s.said {
		piece := reply.(protocol.Show)
		if len(piece.Text) > protocol.MaxText || piece.Style != protocol.StyleInfo {
			t.Errorf("a piece of %d bytes, style %d", len(piece.Text), piece.Style)
		}
		got = append(got, strings.TrimSpace(piece.Text))
	}
	if strings.Join(got, " ") != strings.TrimSpace(said) {
		t.Error("the pieces are not the text")
	}
}
