package login

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/policy"
	"spse-totp/daemon/protocol"
	"spse-totp/totp"
)

var admin = account.Host("admin")

// asAdmin begins a login of admin, who never was active.
func asAdmin(edits ...func(*protocol.Start)) protocol.Start {
	return start(append(edits, func(s *protocol.Start) { s.User, s.NSS = "admin", &protocol.Identity{Name: "admin", UID: 1002} })...)
}

// byPhone is a step of a script: what a phone shows that took the secret off
// what the daemon showed last, so many steps from now.
func (d *desk) byPhone(t *testing.T, s **script, off int) func() {
	return func() {
		code, err := totp.CodeAt(shownSecret(t, (*s).said), totp.DefaultParams(), totp.DefaultParams().StepAt(d.now)+totp.Step(off))
		if err != nil {
			t.Fatal(err)
		}
		(*s).steps = append([]any{answer(code.Reveal())}, (*s).steps...)
	}
}

var byHand = regexp.MustCompile(`Or type: ([A-Z2-7 ]+)`)

func shownSecret(t *testing.T, said []protocol.Reply) totp.Secret {
	t.Helper()
	for _, reply := range slices.Backward(said) {
		show, _ := reply.(protocol.Show)
		found := byHand.FindStringSubmatch(show.Text)
		if found == nil {
			continue
		}
		secret, err := secretOf(strings.ReplaceAll(found[1], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	t.Fatal("no secret was shown")
	return totp.Secret{}
}

func secretOf(base32 string) (totp.Secret, error) {
	key, err := totp.ParseURI("otpauth://totp/LPSE:a?secret=" + base32 + "&issuer=LPSE")
	return key.Secret, err
}

// activation plays a login in which steps of type int are codes of the phone,
// that far from now, and a func of the script returns what is typed next.
func (d *desk) activation(t *testing.T, steps ...any) *script {
	t.Helper()
	s := &script{t: t}
	for _, step := range steps {
		switch then := step.(type) {
		case int:
			step = d.byPhone(t, &s, then)
		case func(*script) string:
			step = func() { s.steps = append([]any{answer(then(s))}, s.steps...) }
		}
		s.steps = append(s.steps, step)
	}
	d.service.Serve(t.Context(), s)
	if len(s.steps) > 0 {
		t.Errorf("the daemon left %d steps of the script", len(s.steps))
	}
	return s
}

// texts and verdict of what the daemon said, prompts among them.
func (s *script) heard() (all []string, verdict protocol.Verdict) {
	verdict = 255
	for _, reply := range s.said {
		switch reply := reply.(type) {
		case protocol.Show:
			all = append(all, reply.Text)
		case protocol.Prompt:
			all = append(all, reply.Text)
		case protocol.Offer:
			all = append(all, reply.Text)
		case protocol.Result:
			verdict = reply.Verdict
		}
	}
	return all, verdict
}

func (s *script) mustEnd(t *testing.T, want protocol.Verdict, last string) {
	t.Helper()
	all, verdict := s.heard()
	if verdict != want {
		t.Errorf("verdict %v, want %v", verdict, want)
	}
	if last != "" && (len(all) == 0 || all[len(all)-1] != last) {
		t.Errorf("the last words were %q, want %q", all[len(all)-1:], last)
	}
}

func (d *desk) account(name string) account.Account {
	d.accounts.mu.Lock()
	defer d.accounts.mu.Unlock()
	return d.accounts.accounts[account.Host(name)]
}

func (d *desk) mustHaveActivated(t *testing.T, want bool) {
	t.Helper()
	if a := d.account("admin"); a.Active() != want || a.WasActive != want {
		t.Errorf("active %v, was active %v, want %v", a.Active(), a.WasActive, want)
	}
}

func TestWhoNeverWasActiveIsLedThroughIt(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	s := d.activation(t, asAdmin(), 0)
	s.mustEnd(t, protocol.Accepted, texts.Activated())
	d.mustHaveActivated(t, true)
	all, _ := s.heard()
	if all[0] != texts.MustActivate(6) || !strings.HasPrefix(all[1], texts.ScanQR()+"\n") {
		t.Errorf("it began with %q and %q", all[0], all[1])
	}
	d.expectReasons(t, "activation accepted", "login activated")

	// The code that activated is burnt, and nobody is led through it again.
	s = d.activation(t, asAdmin(), answer(d.codeOf(t, "admin", 0)))
	s.mustEnd(t, protocol.Refused, texts.Refused())
	// The next one offers recovery codes.
	s = d.activation(t, asAdmin(), answer(d.codeOf(t, "admin", 1)), answer(""))
	s.mustEnd(t, protocol.Accepted, texts.RecoveryOffer())
}

func (d *desk) codeOf(t *testing.T, name string, off int) string {
	t.Helper()
	code, err := totp.CodeAt(d.account(name).Phone.Secret, totp.DefaultParams(), totp.DefaultParams().StepAt(d.now)+totp.Step(off))
	if err != nil {
		t.Fatal(err)
	}
	return code.Reveal()
}

// expectReasons compares the events' kinds and reasons.
func (d *desk) expectReasons(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, e := range d.diary.events {
		got = append(got, string(e.Kind)+" "+e.Reason)
	}
	if !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

// All that goes out before one prompt is less than any client dies of, and each
// piece is one that PAM carries.
func TestAnActivationFitsTheClients(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a", strings.Repeat("b", 32), strings.Repeat("c", 128), strings.Repeat("d", 256), "na:me", " name"} {
		d := newDesk(t)
		s := d.activation(t, start(func(s *protocol.Start) { s.NSS = &protocol.Identity{Name: name, UID: 1003} }), answer("?"), answer("?"), answer("?"), 0)
		s.mustEnd(t, protocol.Accepted, texts.Activated())
		before := 0
		for _, reply := range s.said {
			switch reply := reply.(type) {
			case protocol.Show:
				before += len(reply.Text)
			case protocol.Prompt:
				if before > 4000 {
					t.Errorf("%.40q: %d bytes before a prompt", name, before)
				}
				before = 0
			}
		}
	}
}

func TestThePictureTurnsOver(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	s := d.activation(t, asAdmin(), answer("?"), answer(" ? "), answer("?"), 0)
	s.mustEnd(t, protocol.Accepted, texts.Activated())
	var sides []string
	for _, side := range strings.Split(strings.Join(first(s.heard()), "\n"), texts.ConfirmPrompt(6)) {
		sides = append(sides, side[strings.LastIndex(side, texts.ScanQR())+1:])
	}
	if len(sides) < 4 || sides[0] == sides[1] || !strings.Contains(sides[2], texts.NoPicture()) || strings.Contains(sides[2], "█") {
		t.Error("the sides are not dark, light and none")
	}
	// Whoever turns for ever is not humoured.
	d = newDesk(t)
	steps := []any{asAdmin()}
	for range maxTurns {
		steps = append(steps, answer("?"))
	}
	d.activation(t, steps...).mustEnd(t, protocol.Refused, texts.StillNot())
}

func first(all []string, _ protocol.Verdict) []string { return all }

// A wrong confirmation counts nowhere, and five end it.
func TestWrongConfirmations(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	s := d.activation(t, asAdmin(), answer("000000"), answer("rahasia"), protocol.Answer{Withheld: true}, answer("000000"), 0)
	s.mustEnd(t, protocol.Accepted, texts.Activated())
	if a := d.account("admin"); a.Failures != (account.Failures{}) || len(a.Refusals) > 0 {
		t.Errorf("counted: %+v %+v", a.Failures, a.Refusals)
	}

	d = newDesk(t)
	s = d.activation(t, asAdmin(), answer("000000"), answer("000000"), answer("000000"), answer("000000"), answer("000000"))
	s.mustEnd(t, protocol.Refused, texts.StillNot())
	d.mustHaveActivated(t, false)
}

// A phone minutes off is known by two codes in a row.
func TestAPhoneThatIsMinutesOffActivates(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.activation(t, asAdmin(), -9, -8).mustEnd(t, protocol.Accepted, texts.Activated())
	if a := d.account("admin"); a.Phone.Drift != -8 {
		t.Errorf("drift %d, want -8", a.Phone.Drift)
	}
	d = newDesk(t)
	d.activation(t, asAdmin(), -9, answer("000000"), -8, answer("")).mustEnd(t, protocol.Refused, texts.Abandoned())
	d.mustHaveActivated(t, false)
}

// Left at any prompt, nothing is half done, and the next login begins anew with
// another secret.
func TestActivationLeftAtAPrompt(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]any{"Enter": answer(""), "hung up": ErrGone, "late": ErrLate, "the daemon stops": ErrClosing, "garbled": errors.New("x")} {
		for _, before := range [][]any{{}, {answer("?")}, {answer("000000")}, {-9}} {
			d := newDesk(t)
			s := d.activation(t, slices.Concat([]any{asAdmin()}, before, []any{leave})...)
			if _, verdict := s.heard(); verdict == protocol.Accepted || verdict == protocol.NotAsked {
				t.Errorf("%s: %v", name, verdict)
			}
			d.mustHaveActivated(t, false)
			if leave == ErrLate {
				s.mustEnd(t, protocol.Refused, texts.Abandoned())
			}
			old := shownSecret(t, s.said)
			s = d.activation(t, asAdmin(), 0)
			s.mustEnd(t, protocol.Accepted, texts.Activated())
			if shownSecret(t, s.said).Base32() == old.Base32() {
				t.Error("a secret was shown twice")
			}
		}
	}
}

// Of two at once the first confirmed wins; the other is told. So is one whose
// account an administrator disabled meanwhile.
func TestAnotherActivationWasFaster(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meanwhile account.Account
		told      string
		reason    string
	}{
		"another":  {account.Account{Version: 1, Generation: 5, WasActive: true}, texts.ActivatedElsewhere(), "superseded"},
		"disabled": {account.SetDisabled(account.Account{Version: 1}, true, 5), texts.Refused(), "disabled"},
	} {
		d := newDesk(t)
		s := d.activation(t, asAdmin(), func() {
			d.accounts.accounts[admin] = c.meanwhile
		}, 0)
		_, verdict := s.heard()
		if verdict != protocol.Refused || d.account("admin").Active() {
			t.Errorf("%s: %v", name, verdict)
		}
		s.mustEnd(t, protocol.Refused, c.told)
		d.expectReasons(t, "activation "+c.reason, "login "+c.reason)
	}
}

// The rules may change while somebody sits at a prompt: what they say then
// counts, at each prompt.
func TestTheRulesChangeMeanwhile(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string][]any{
		"at the offer":         {asAdmin(), answer("")},
		"at the confirmation":  {asAdmin(), answer("y"), 0},
		"at the code's prompt": {start(), answer("000000")},
	} {
		d := newDesk(t)
		d.policy = rules(policy.Allow)
		meanwhile := func() { d.policy = rules(policy.Refuse) }
		s := d.activation(t, slices.Concat(steps[:len(steps)-1], []any{meanwhile}, steps[len(steps)-1:])...)
		s.mustEnd(t, protocol.Refused, texts.RefusedByRule())
		d.mustHaveActivated(t, false)
		if a := d.account("budi"); a.Failures.Run != 0 {
			t.Errorf("%s: a code was judged", name)
		}
	}
	d := newDesk(t)
	d.policy = rules(policy.Allow)
	d.activation(t, asAdmin(), func() { d.policy = policy.Policy{} }, answer(""), 0).mustEnd(t, protocol.Accepted, texts.Activated())
}

func TestAnActivationThatCannotBeStored(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	s := d.activation(t, asAdmin(), func() { d.accounts.err = errors.New("no space") }, 0)
	s.mustEnd(t, protocol.Unavailable, texts.Unavailable())
	d.mustHaveActivated(t, false)
	for _, e := range d.diary.events {
		if e.Accepted {
			t.Errorf("told as accepted: %+v", e)
		}
	}
}

// An answer that came with start is never one to an activation.
func TestACarriedAnswerConfirmsNothing(t *testing.T) {
	t.Parallel()
	for _, lastPrompt := range []string{"", texts.ConfirmPrompt(6), texts.OfferPrompt()} {
		d := newDesk(t)
		d.activation(t, asAdmin(carrying(lastPrompt, "y")), answer("")).mustEnd(t, protocol.Refused, texts.Abandoned())
	}
}

// An offer made while the password sufficed is void once it no longer does.
func TestFirstActivationTakesACodeMeanwhile(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	s := d.activation(t, asAdmin(), func() { d.issuedOnly = true }, 0)
	s.mustEnd(t, protocol.Refused, texts.AskHelpdesk())
	d.mustHaveActivated(t, false)
}
