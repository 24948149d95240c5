package login

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/policy"
	"spse-totp/daemon/protocol"
)

func rules(verdict policy.Verdict, edits ...func(*policy.Rule)) policy.Policy {
	rule := policy.Rule{Line: 7, Verdict: verdict, Ends: noon.Add(30 * 24 * time.Hour), Reason: "cadangan"}
	for _, edit := range edits {
		edit(&rule)
	}
	return policy.Policy{Rules: []policy.Rule{rule}}
}

// turnedAway is the end of a login that a rule refuses.
var turnedAway = []protocol.Reply{protocol.Show{Text: texts.RefusedByRule(), Style: protocol.StyleError}, protocol.Result{Verdict: protocol.Refused}}

func inAccountPhase(s *protocol.Start) { s.Phase = protocol.PhaseAccount }

// Whom a rule refuses is not asked, and reads that it is the rule.
func TestExemptAndRefused(t *testing.T) {
	t.Parallel()
	for _, phase := range []func(*protocol.Start){func(*protocol.Start) {}, inAccountPhase} {
		d := newDesk(t)
		d.policy = rules(policy.Exempt)
		expectSaid(t, d.serve(t, start(phase)), protocol.Result{Verdict: protocol.NotAsked})
		if e := d.diary.events[0]; !e.Accepted || e.Reason != "exempt" || !strings.Contains(e.Why, "line 7") || !strings.Contains(e.Why, "cadangan") {
			t.Errorf("event %+v", e)
		}
		d.policy = rules(policy.Refuse)
		expectSaid(t, d.serve(t, start(phase)), turnedAway...)
		if e := d.diary.events[1]; e.Accepted || e.Reason != "refused" {
			t.Errorf("event %+v", e)
		}
	}
}

// An exemption is nobody's whom NSS does not know.
func TestAnUnknownUserIsAskedWhateverThePolicy(t *testing.T) {
	t.Parallel()
	for _, verdict := range []policy.Verdict{policy.Refuse, policy.Require, policy.Allow, policy.Exempt} {
		d := newDesk(t)
		d.policy = rules(verdict)
		expectSaid(t, d.serve(t, start(asUser("nobody at all")), answer("000000")), prompted(refusal)...)
	}
}

func TestGroupsAreAskedForOnlyWhereARuleNeedsThem(t *testing.T) {
	t.Parallel()
	inGroup := func(r *policy.Rule) { r.Groups = []uint32{30000} }
	need := protocol.NeedGroups{GIDs: []uint32{30000}}
	d := newDesk(t)
	d.policy = rules(policy.Exempt, inGroup)
	expectSaid(t, d.serve(t, start(), protocol.Groups{GIDs: []uint32{4, 30000}}), need, protocol.Result{Verdict: protocol.NotAsked})
	expectSaid(t, d.serve(t, start(), protocol.Groups{GIDs: []uint32{4}}, answer(d.code(t, 0))),
		append([]protocol.Reply{need}, prompted(acceptance)...)...)
	// An answer carried over a restart is taken after them.
	expectSaid(t, d.serve(t, start(carrying(texts.CodePrompt(6), d.code(t, 1))), protocol.Groups{}),
		append([]protocol.Reply{need}, acceptance...)...)
	// Out of turn, or none: refused.
	for _, instead := range []any{answer("000000"), ErrGone, ErrLate} {
		if _, verdict := d.serve(t, start(), instead).heard(); verdict == protocol.NotAsked || verdict == protocol.Accepted {
			t.Errorf("%v in place of groups: %v", instead, verdict)
		}
	}
}

// A directory server that is down hides its groups. Then a strict rule on one of
// them may fit anybody; rules before it, and those on other groups, stand.
func TestGroupsOfADirectoryThatIsDown(t *testing.T) {
	t.Parallel()
	milder := func(r *policy.Rule) { r.Verdict = policy.Exempt }
	local := rules(policy.Refuse, func(r *policy.Rule) { r.Groups = []uint32{27} }, milder).Rules
	directory := rules(policy.Refuse, func(r *policy.Rule) { r.Line, r.Groups = 9, []uint32{30000} }).Rules
	others := rules(policy.Refuse, milder).Rules
	need := protocol.NeedGroups{GIDs: []uint32{27, 30000}}
	exempt := []protocol.Reply{need, protocol.Result{Verdict: protocol.NotAsked}}
	refused := append([]protocol.Reply{need}, turnedAway...)
	for name, c := range map[string]struct {
		groups protocol.Groups
		said   []protocol.Reply
	}{
		"up, and not in it":          {protocol.Groups{GIDs: []uint32{4}}, exempt},
		"up, and in it":              {protocol.Groups{GIDs: []uint32{4, 30000}}, refused},
		"down":                       {protocol.Groups{GIDs: []uint32{4}, Unknown: []uint32{30000}}, refused},
		"down, and by an own group":  {protocol.Groups{GIDs: []uint32{27}, Unknown: []uint32{30000}}, exempt},
		"down, and all of them were": {protocol.Groups{Unknown: []uint32{27, 30000}}, refused},
	} {
		d := newDesk(t)
		d.policy.Rules = slices.Concat(local, directory, others)
		expectSaid(t, d.serve(t, start(), c.groups), c.said...)
		e := d.diary.events[0]
		if told := strings.Contains(e.Hint, "getent group "); told != (len(c.groups.Unknown) > 0) {
			t.Errorf("%s: the event is %+v", name, e)
		}
	}
}

// More groups than one message holds are asked for by several, and one that is
// not known in any of them is not known.
func TestMoreGroupsThanAMessageHolds(t *testing.T) {
	t.Parallel()
	var gids []uint32
	for gid := range uint32(protocol.MaxAsked + 2) {
		gids = append(gids, gid)
	}
	first, second := protocol.NeedGroups{GIDs: gids[:protocol.MaxAsked]}, protocol.NeedGroups{GIDs: gids[protocol.MaxAsked:]}
	for _, answers := range [][2]protocol.Groups{
		{{Unknown: []uint32{7}}, {}},
		{{}, {Unknown: []uint32{protocol.MaxAsked}}},
		{{GIDs: []uint32{7}}, {}},
		{{}, {GIDs: []uint32{protocol.MaxAsked}}},
	} {
		d := newDesk(t)
		d.policy = rules(policy.Refuse, func(r *policy.Rule) { r.Groups = gids })
		expectSaid(t, d.serve(t, start(), answers[0], answers[1]), append([]protocol.Reply{first, second}, turnedAway...)...)
	}
}

// Rules that are loaded while somebody sits at the prompt may name other groups:
// these are asked for, and no other twice.
func TestRulesOfOtherGroupsAreLoadedMeanwhile(t *testing.T) {
	t.Parallel()
	on := func(gids ...uint32) policy.Policy {
		return rules(policy.Refuse, func(r *policy.Rule) { r.Groups = gids })
	}
	need := func(gid uint32) protocol.Reply { return protocol.NeedGroups{GIDs: []uint32{gid}} }
	for _, last := range []protocol.Groups{{GIDs: []uint32{30000}}, {Unknown: []uint32{30000}}} {
		d := newDesk(t)
		d.policy = on(27)
		s := d.serve(t, start(), protocol.Groups{}, func() { d.policy = on(27, 30000) }, answer(d.code(t, 0)), last)
		expectSaid(t, s, append([]protocol.Reply{need(27), prompt, need(30000)}, turnedAway...)...)
	}
}

func TestUnderAllow(t *testing.T) {
	t.Parallel()
	told := protocol.Show{Text: texts.MayActivate(30), Style: protocol.StyleInfo}
	passed := protocol.Result{Verdict: protocol.NotAsked}
	allowing := func(t *testing.T) *desk {
		d := newDesk(t)
		d.policy = rules(policy.Allow)
		return d
	}
	t.Run("later", func(t *testing.T) {
		d := allowing(t)
		expectSaid(t, d.serve(t, asAdmin(), answer("")), told, protocol.Offer{Text: texts.OfferPrompt()}, passed)
		d.expectReasons(t, "login allowed")
	})
	t.Run("now", func(t *testing.T) {
		d := allowing(t)
		d.activation(t, asAdmin(), answer("y"), 0).mustEnd(t, protocol.Accepted, texts.Activated())
		d.mustHaveActivated(t, true)
	})
	t.Run("in other words", func(t *testing.T) {
		allowing(t).activation(t, asAdmin(), answer(" Ya "), 0).mustEnd(t, protocol.Accepted, texts.Activated())
		allowing(t).activation(t, asAdmin(), answer("ok"), answer("y"), 0).mustEnd(t, protocol.Accepted, texts.Activated())
		allowing(t).activation(t, asAdmin(), answer("1"), answer("2"), answer("3")).mustEnd(t, protocol.NotAsked, texts.OfferPrompt())
	})
	t.Run("now, and then not", func(t *testing.T) {
		d := allowing(t)
		d.activation(t, asAdmin(), answer("y"), answer("000000"), answer("")).mustEnd(t, protocol.NotAsked, texts.Abandoned())
		d.mustHaveActivated(t, false)
	})
	t.Run("the owner activates while somebody sits at the offer", func(t *testing.T) {
		for _, steps := range [][]any{{answer("")}, {answer("y"), answer("")}} {
			d := allowing(t)
			meanwhile := func() {
				d.accounts.accounts[admin] = account.Account{Version: 1, Generation: 5, WasActive: true, Phone: d.account("budi").Phone}
			}
			s := d.activation(t, slices.Concat([]any{asAdmin()}, steps[:len(steps)-1], []any{meanwhile, steps[len(steps)-1], answer("000000")})...)
			s.mustEnd(t, protocol.Refused, texts.Refused())
		}
	})
	t.Run("hung up", func(t *testing.T) {
		if _, verdict := allowing(t).serve(t, asAdmin(), ErrGone).heard(); verdict == protocol.NotAsked {
			t.Error("let in")
		}
	})
	t.Run("who is or was active is asked", func(t *testing.T) {
		d := allowing(t)
		expectSaid(t, d.serve(t, start(), answer(d.code(t, 0))), prompted(acceptance)...)
		nssSiti := func(s *protocol.Start) { s.NSS = &protocol.Identity{Name: "siti", UID: 1001} }
		expectSaid(t, d.serve(t, start(nssSiti), answer("000000")), prompted(refusal)...)
	})
	t.Run("who is disabled is asked", func(t *testing.T) {
		d := allowing(t)
		d.accounts.accounts[admin] = account.Account{Version: 1, Disabled: true}
		expectSaid(t, d.serve(t, asAdmin(), answer("000000")), prompted(refusal)...)
	})
	t.Run("with a key alone", func(t *testing.T) {
		d := allowing(t)
		expectSaid(t, d.serve(t, asAdmin(inAccountPhase)), told, passed)
		if _, verdict := d.serve(t, start(inAccountPhase)).heard(); verdict != protocol.Refused {
			t.Errorf("who is active, with a key alone: %v", verdict)
		}
	})
	t.Run("a store that cannot tell", func(t *testing.T) {
		d := allowing(t)
		d.accounts.err = errors.New("no disk")
		expectSaid(t, d.serve(t, asAdmin(), answer("000000")), prompted(unavailable)...)
	})
	t.Run("the day it is a must", func(t *testing.T) {
		d := allowing(t)
		d.now = noon.Add(30 * 24 * time.Hour)
		d.activation(t, asAdmin(), 0).mustEnd(t, protocol.Accepted, texts.Activated())
	})
}
