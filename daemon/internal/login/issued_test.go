package login

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/policy"
	"spse-totp/daemon/protocol"
)

func TestACodeForOneLogin(t *testing.T) {
	t.Parallel()
	for _, begin := range []struct {
		id     account.ID
		start  protocol.Start
		before []protocol.Reply
	}{
		{budi, start(), nil},
		{account.Host("siti"), start(nss("siti", 1001)), nil},
		{admin, asAdmin(), []protocol.Reply{info(texts.AskHelpdesk())}},
	} {
		for _, behind := range []bool{false, true} { // it is the way in when the clock's battery is dead
			d := newDesk(t)
			d.accounts.behind = behind
			code := answer(strings.ToLower(d.issue(t, begin.id, true).Grouped()))
			expectSaid(t, d.serve(t, begin.start, code), append(begin.before, prompt, info(texts.OnceUsed()), protocol.Result{Verdict: protocol.Accepted})...)
			d.expectReasons(t, "login accepted-once")
			if hint := d.diary.events[0].Hint; !strings.Contains(hint, "break-glass") {
				t.Errorf("the journal says %q", hint)
			}
			if a := d.accounts.accounts[begin.id]; !a.Issued.Spent || a.Active() != (begin.id == budi) {
				t.Errorf("%v: %+v", begin.id, a)
			}
			if begin.id != admin { // who would be led through activation
				expectSaid(t, d.serve(t, begin.start, code), prompted(refusal)...)
			}
		}
	}
}

func nss(name string, uid uint32) func(*protocol.Start) {
	return func(s *protocol.Start) { s.User, s.NSS = name, &protocol.Identity{Name: name, UID: uid} }
}

// A code of the helpdesk leads to activation in that login: under each rule, and
// whatever the account was before.
func TestAnIssuedCodeLeadsToActivation(t *testing.T) {
	t.Parallel()
	asSiti := start(nss("siti", 1001))
	for name, c := range map[string]struct {
		id         account.ID
		start      protocol.Start
		issuedOnly bool
		allowed    bool
		before     []protocol.Reply // the code is typed
	}{
		"active":                            {budi, start(), false, false, []protocol.Reply{prompt}},
		"active, allow":                     {budi, start(), false, true, []protocol.Reply{prompt}},
		"reset":                             {account.Host("siti"), asSiti, false, false, []protocol.Reply{prompt}},
		"reset, allow":                      {account.Host("siti"), asSiti, false, true, []protocol.Reply{prompt}},
		"never active":                      {admin, asAdmin(), false, false, []protocol.Reply{info(texts.AskHelpdesk()), prompt}},
		"never active, issued-code":         {admin, asAdmin(), true, false, []protocol.Reply{info(texts.AskHelpdesk()), prompt}},
		"never active, issued-code, allow":  {admin, asAdmin(), true, true, []protocol.Reply{info(texts.MayActivate(30)), info(texts.AskHelpdesk()), protocol.Offer{Text: texts.IssuedOffer()}}},
		"reset, issued-code":                {account.Host("siti"), asSiti, true, false, []protocol.Reply{prompt}},
		"reset, issued-code, and the allow": {account.Host("siti"), asSiti, true, true, []protocol.Reply{prompt}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.issuedOnly = c.issuedOnly
			if c.allowed {
				d.policy = rules(policy.Allow)
			}
			code := answer(d.issue(t, c.id, false).Grouped())
			// Left at the picture it is good still, and nobody is in.
			if _, verdict := d.activation(t, c.start, code, answer("")).heard(); verdict != protocol.Refused {
				t.Errorf("left at the picture: %v", verdict)
			}
			s := d.activation(t, c.start, code, 0)
			s.mustEnd(t, protocol.Accepted, texts.Activated())
			before := append(slices.Clone(c.before), info(texts.NewPhone(6)))
			if !reflect.DeepEqual(s.said[:len(before)], before) {
				t.Errorf("it began with %v, want %v", s.said[:len(before)], before)
			}
			a := d.accounts.accounts[c.id]
			if !a.Issued.Spent || a.Phone.Secret.Base32() != shownSecret(t, s.said).Base32() {
				t.Error("not spent, or not the new phone")
			}
			expectSaid(t, d.serve(t, c.start, code), prompted(refusal)...)
		})
	}
}

// The end of an issued code is of its typing: who is scanning at that moment is let
// go on, in this login alone.
func TestAnIssuedCodeThatWasTypedInTime(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	code := answer(d.issue(t, budi, false).Grouped()) // for an hour
	d.later(time.Hour - time.Second)
	begun := d.activation(t, start(), code, func() { d.later(time.Minute) }, answer(""))
	if _, verdict := begun.heard(); verdict != protocol.Refused {
		t.Errorf("left at the picture: %v", verdict)
	}
	expectSaid(t, d.serve(t, start(), code), prompted(refusal)...) // the next login comes too late

	d = newDesk(t)
	code = answer(d.issue(t, budi, false).Grouped())
	d.later(time.Hour - time.Second)
	d.activation(t, start(), code, func() { d.later(time.Minute) }, 0).mustEnd(t, protocol.Accepted, texts.Activated())
}

// Where only the helpdesk's code begins, the password alone does not.
func TestFirstActivationByIssuedCodeAlone(t *testing.T) {
	t.Parallel()
	ask := info(texts.AskHelpdesk())
	for _, typed := range []string{"", "000000", "y", "rahasia", "0000-0000-00000"} {
		d := newDesk(t)
		d.issuedOnly = true
		expectSaid(t, d.serve(t, asAdmin(), answer(typed)), append([]protocol.Reply{ask, prompt}, refusal...)...)
		if !reflect.DeepEqual(d.accounts.accounts[admin], account.Account{}) {
			t.Errorf("%q: there is a record", typed)
		}
	}
	allowing := func() *desk {
		d := newDesk(t)
		d.issuedOnly, d.policy = true, rules(policy.Allow)
		return d
	}
	offer := []protocol.Reply{info(texts.MayActivate(30)), ask, protocol.Offer{Text: texts.IssuedOffer()}}
	expectSaid(t, allowing().serve(t, asAdmin(), answer("")), append(offer, protocol.Result{Verdict: protocol.NotAsked})...)
	expectSaid(t, allowing().serve(t, asAdmin(), answer("0000-0000-00000")), append(offer, refusal...)...)
	expectSaid(t, allowing().serve(t, asAdmin(), ErrGone), offer...)
}
