package login

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/protocol"
	"spse-totp/totp"
)

// askedFor is a step that types the recovery code asked for, off the screen.
func askedFor(t *testing.T) func(*script) string {
	return func(s *script) string {
		codes := shownCodes(s)
		offer, _ := s.said[len(s.said)-1].(protocol.Offer)
		number, err := strconv.Atoi(regexp.MustCompile(`\d+`).FindString(offer.Text))
		if err != nil || offer.Text != texts.RecoveryProve(number) || len(codes) != account.RecoveryCodes {
			t.Fatalf("asked %q, with %d codes on the screen", offer.Text, len(codes))
		}
		return codes[number-1]
	}
}

var codeLine = regexp.MustCompile(`(?m)^\d\) ([0-9A-Z-]{29})$`)

func shownCodes(s *script) []string {
	var codes []string
	for _, reply := range s.said {
		show, _ := reply.(protocol.Show)
		for _, found := range codeLine.FindAllStringSubmatch(show.Text, -1) {
			codes = append(codes, found[1])
		}
	}
	return codes
}

func withoutRecovery(t *testing.T) *desk {
	d := newDesk(t)
	d.change(func(a *account.Account) { a.Recovery = account.RecoverySet{} })
	return d
}

func TestRecoveryIsOfferedWhereNoCodeIsLeft(t *testing.T) {
	t.Parallel()
	offered := append([]protocol.Reply{protocol.Offer{Text: texts.RecoveryOffer()}}, acceptance...)
	d := withoutRecovery(t)
	for range 2 { // after Enter the next login offers them again
		expectSaid(t, d.serve(t, start(), answer(d.code(t, 0)), answer("")), prompted(offered)...)
		d.later(time.Hour)
	}
	d.giveRecovery(t)
	expectSaid(t, d.serve(t, start(), answer(d.code(t, 0))), prompted(acceptance)...)
	d.later(time.Hour)
	d.change(func(a *account.Account) {
		a.Recovery.Codes = slices.Repeat([]account.RecoveryCode{{Spent: true}}, account.RecoveryCodes)
	})
	expectSaid(t, d.serve(t, start(), answer(d.code(t, 0)), answer("")), prompted(offered)...)
}

// sudo refuses whoever left a prompt out, and `sudo -S` may read from a pipe that
// is the command's: there, and in su, nothing is offered.
func TestNothingIsOfferedWithinASession(t *testing.T) {
	t.Parallel()
	for _, service := range []string{"sudo", "sudo-i", "su", "su-l"} {
		by := func(s *protocol.Start) { s.Service, s.RHost = service, "" }
		d := withoutRecovery(t)
		expectSaid(t, d.serve(t, start(by), answer(d.code(t, 0))), prompted(acceptance)...)
		code := answer(d.giveRecovery(t)[0].Grouped())
		expectSaid(t, d.serve(t, start(by), code), prompted(append([]protocol.Reply{info(texts.RecoveryLeft(7))}, acceptance...))...)
	}
}

func TestRecoveryCodesAreKeptOnceOneWasTyped(t *testing.T) {
	t.Parallel()
	d := withoutRecovery(t)
	s := d.activation(t, start(), answer(d.code(t, 0)), answer("y"), answer("rahasia"), func(s *script) string { return strings.ToLower(askedFor(t)(s)) })
	s.mustEnd(t, protocol.Accepted, texts.RecoveryKept())
	d.expectReasons(t, "login accepted", "recovery-codes malformed", "recovery-codes accepted")
	if left := d.account("budi").Recovery.Left(); left != account.RecoveryCodes {
		t.Errorf("%d codes are kept", left)
	}
	codes := shownCodes(s)
	for i, code := range codes { // the one that was typed among them
		d.activation(t, start(), answer(code), answer("")).mustEnd(t, protocol.Accepted, texts.NewPhoneOffer())
		if left := d.account("budi").Recovery.Left(); left != len(codes)-i-1 {
			t.Errorf("%d codes are left after %d", left, i+1)
		}
		expectSaid(t, d.serve(t, start(), answer(code)), prompted(refusal)...)
	}
}

// However somebody leaves it, nothing is kept; and whoever stays on the line is in.
func TestRecoveryCodesThatAreNotProved(t *testing.T) {
	t.Parallel()
	other, err := totp.NewLongCode(totp.Recovery)
	if err != nil {
		t.Fatal(err)
	}
	wrong := answer(other.Grouped())
	const hungUp = protocol.Verdict(255) // nobody is there to be told
	for name, c := range map[string]struct {
		steps   []any
		verdict protocol.Verdict
		last    string
	}{
		"Enter at the offer":      {[]any{answer("")}, protocol.Accepted, texts.RecoveryOffer()},
		"what is neither":         {[]any{answer("a"), answer("b"), answer("c")}, protocol.Accepted, texts.RecoveryOffer()},
		"withheld":                {[]any{protocol.Answer{Withheld: true}}, protocol.Accepted, texts.RecoveryOffer()},
		"late at the offer":       {[]any{ErrLate}, protocol.Accepted, texts.RecoveryOffer()},
		"the daemon stops":        {[]any{ErrClosing}, protocol.Accepted, texts.RecoveryOffer()},
		"hung up at the offer":    {[]any{ErrGone}, hungUp, texts.RecoveryOffer()},
		"garbled":                 {[]any{[]byte{1, 3}}, protocol.Refused, texts.RecoveryOffer()},
		"Enter":                   {[]any{answer("y"), answer("")}, protocol.Accepted, texts.RecoveryLater()},
		"Enter after a wrong one": {[]any{answer("y"), wrong, answer("")}, protocol.Accepted, texts.RecoveryLater()},
		"three wrong ones":        {[]any{answer("y"), wrong, answer("000000"), wrong}, protocol.Accepted, texts.RecoveryLater()},
		"late":                    {[]any{answer("y"), ErrLate}, protocol.Accepted, ""},
		"stops then":              {[]any{answer("y"), ErrClosing}, protocol.Accepted, ""},
		"hung up":                 {[]any{answer("y"), ErrGone}, hungUp, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := withoutRecovery(t)
			s := d.activation(t, slices.Concat([]any{start(), answer(d.code(t, 0))}, c.steps)...)
			s.mustEnd(t, c.verdict, c.last)
			if a := d.account("budi"); !a.Recovery.IsZero() || a.Failures.Run != 0 || len(a.Refusals) > 0 {
				t.Errorf("kept or counted: %+v", a)
			}
			for _, code := range shownCodes(s) {
				expectSaid(t, d.serve(t, start(), answer(code)), prompted(refusal)...)
			}
		})
	}
}

// Another code of the set than the one asked for does not show that it is
// written down whole.
func TestAnotherRecoveryCodeProvesNothing(t *testing.T) {
	t.Parallel()
	d := withoutRecovery(t)
	next := func(s *script) string {
		codes := shownCodes(s)
		return codes[(slices.Index(codes, askedFor(t)(s))+1)%len(codes)]
	}
	s := d.activation(t, start(), answer(d.code(t, 0)), answer("y"), next, answer(""))
	s.mustEnd(t, protocol.Accepted, texts.RecoveryLater())
	d.expectReasons(t, "login accepted", "recovery-codes unknown-code")
}

// What happens to the account while somebody writes codes down voids them.
func TestRecoveryCodesAreVoidOnceAnythingChanged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meanwhile func(*testing.T, *desk)
		reason    string
	}{
		"another set was faster": {func(t *testing.T, d *desk) {
			d.later(time.Minute)
			d.activation(t, start(), answer(d.code(t, 0)), answer("y"), askedFor(t)).mustEnd(t, protocol.Accepted, texts.RecoveryKept())
			d.diary.events = d.diary.events[:1]
		}, "recovery-codes superseded"},
		"a reset": {func(_ *testing.T, d *desk) {
			d.change(func(a *account.Account) { *a = account.Reset(*a, 9, "control uid 0", d.now) })
		}, "recovery-codes superseded"},
		"a disable": {func(_ *testing.T, d *desk) {
			d.change(func(a *account.Account) { *a = account.SetDisabled(*a, true, 9) })
		}, "recovery-codes disabled"},
		"a full disk": {func(_ *testing.T, d *desk) { d.accounts.err = errors.New("no space") }, "recovery-codes unavailable"},
	} {
		d := withoutRecovery(t)
		s := d.activation(t, start(), answer(d.code(t, 0)), answer("y"), func() { c.meanwhile(t, d) }, askedFor(t))
		s.mustEnd(t, protocol.Accepted, texts.RecoveryLater())
		d.expectReasons(t, "login accepted", c.reason)
		d.accounts.err = nil
		for _, code := range shownCodes(s) {
			if _, verdict := d.serve(t, start(), answer(code)).heard(); verdict != protocol.Refused {
				t.Fatalf("%s: a code that is void lets in", name)
			}
		}
	}
}

func TestARecoveryCodeLetsInAsItIsWritten(t *testing.T) {
	t.Parallel()
	for name, spell := range map[string]func(string) string{
		"as shown":        func(s string) string { return s },
		"lower case":      strings.ToLower,
		"without hyphens": func(s string) string { return strings.ReplaceAll(s, "-", "") },
		"O and I":         strings.NewReplacer("0", "O", "1", "I").Replace,
		"o and l":         strings.NewReplacer("0", "o", "1", "l").Replace,
		"with spaces":     func(s string) string { return " " + strings.ReplaceAll(s, "-", " ") + " " },
	} {
		d := newDesk(t)
		code := d.giveRecovery(t)[3].Grouped()
		s := d.serve(t, start(), answer(spell(code)), answer(""))
		expectSaid(t, s, prompt, info(texts.RecoveryLeft(7)), protocol.Offer{Text: texts.NewPhoneOffer()}, protocol.Result{Verdict: protocol.Accepted})
		d.expectReasons(t, "login accepted-recovery")
		expectSaid(t, d.serve(t, start(), answer(code)), prompted(refusal)...)
		// The old phone stays.
		d.later(time.Hour)
		if _, verdict := d.serve(t, start(), answer(d.code(t, 0))).heard(); verdict != protocol.Accepted {
			t.Errorf("%s: the phone after it: %v", name, verdict)
		}
	}
}

func TestWhoHasFewRecoveryCodesIsUrged(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for used, code := range d.giveRecovery(t) {
		left := account.RecoveryCodes - used - 1
		all, _ := d.serve(t, start(), answer(code.Grouped()), answer("")).heard()
		want := texts.RecoveryLeft(left)
		if left < 3 {
			want += " " + texts.RecoveryFew()
		}
		if !slices.Contains(all, want) {
			t.Errorf("with %d left: %q", left, all)
		}
	}
}

// In the login by a recovery code a new phone is activated; the old one works
// until the new one's code was right.
func TestANewPhoneAfterARecoveryCode(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	old := func() {
		if _, verdict := d.serve(t, start(), answer(d.code(t, 0))).heard(); verdict != protocol.Accepted {
			t.Errorf("the old phone, before the new one is right: %v", verdict)
		}
	}
	s := d.activation(t, start(), answer(d.giveRecovery(t)[0].Grouped()), answer("y"), answer("000000"), old, 0)
	s.mustEnd(t, protocol.Accepted, texts.Activated())
	if got := d.account("budi"); got.Recovery.Left() != 7 || got.Phone.Secret.Base32() != shownSecret(t, s.said).Base32() {
		t.Error("it is not the new phone, with the recovery codes there were")
	}
	d.expectReasons(t, "login accepted-recovery", "activation wrong", "login accepted", "activation accepted")
	d.later(time.Hour)
	if _, verdict := d.serve(t, start(), answer(d.code(t, 0))).heard(); verdict != protocol.Refused {
		t.Errorf("the old phone: %v", verdict)
	}
	if _, verdict := d.serve(t, start(), answer(d.codeOf(t, "budi", 0))).heard(); verdict != protocol.Accepted {
		t.Errorf("the new phone: %v", verdict)
	}
}

// Who is in by a recovery code stays in, however the new phone is left; and the
// old one works.
func TestANewPhoneThatIsLeft(t *testing.T) {
	t.Parallel()
	wrong := slices.Repeat([]any{answer("000000")}, maxWrong)
	for name, c := range map[string]struct {
		steps []any
		last  string
	}{
		"Enter":                    {[]any{answer("")}, texts.NotNow()},
		"Enter after a wrong code": {[]any{answer("000000"), answer("")}, texts.NotNow()},
		"five wrong codes":         {wrong, texts.NotNow()},
		"late":                     {[]any{ErrLate}, ""},
		"the daemon stops":         {[]any{ErrClosing}, ""},
	} {
		d := newDesk(t)
		s := d.activation(t, slices.Concat([]any{start(), answer(d.giveRecovery(t)[0].Grouped()), answer("y")}, c.steps)...)
		s.mustEnd(t, protocol.Accepted, c.last)
		d.later(time.Hour)
		if _, verdict := d.serve(t, start(), answer(d.code(t, 0))).heard(); verdict != protocol.Accepted {
			t.Errorf("%s: the old phone: %v", name, verdict)
		}
	}
}

// Whoever is in already is asked by offers alone, which a program that can ask
// nobody answers with nothing; and whoever is not, never by one.
func TestOffersAreForWhoIsIn(t *testing.T) {
	t.Parallel()
	d := withoutRecovery(t)
	code := d.code(t, 0)
	scripts := map[string]*script{
		"recovery codes": d.activation(t, start(), answer(code), answer("y"), askedFor(t)),
		"a new phone":    d.activation(t, start(), func(*script) string { return d.giveRecovery(t)[0].Grouped() }, answer("y"), answer("?"), answer("")),
		"refused":        d.activation(t, start(), answer(code)),
		"activation":     d.activation(t, asAdmin(), answer("?"), answer("")),
	}
	for name, s := range scripts {
		for i, reply := range s.said {
			_, mandatory := reply.(protocol.Prompt)
			_, offer := reply.(protocol.Offer)
			first := slices.Index(s.said, protocol.Reply(prompt))
			if name == "activation" {
				first = len(s.said)
			}
			if mandatory && i > first || offer && i < first {
				t.Errorf("%s: message %d is %#v", name, i, reply)
			}
		}
	}
}

// What came with start is never the answer to an offer: neither a code held by
// split, which let in, nor what was typed to an offer before a restart.
func TestACarriedAnswerIsNoneToAnOffer(t *testing.T) {
	t.Parallel()
	d := withoutRecovery(t)
	offer := protocol.Offer{Text: texts.RecoveryOffer()}
	in := protocol.Result{Verdict: protocol.Accepted}
	expectSaid(t, d.serve(t, start(carrying("", d.code(t, 0))), answer("")), offer, in)
	d.later(time.Hour)
	expectSaid(t, d.serve(t, start(carrying(offer.Text, "y")), answer(d.code(t, 0)), answer("")), prompt, offer, in)
}
