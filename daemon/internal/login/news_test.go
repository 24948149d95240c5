package login

import (
	"errors"
	"slices"
	"testing"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/text"
	"spse-totp/daemon/protocol"
	"spse-totp/totp"
)

func TestNewsIsToldOnceAndOnlyToWhoIsIn(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	guesses := account.Refusal{Reason: account.Wrong, Source: "sshd 203.0.113.9", Count: 47, Last: noon.Add(-time.Hour)}
	reset := account.Happening{Change: account.WasReset, At: noon.Add(-48 * time.Hour), Source: "control uid 0"}
	d.change(func(a *account.Account) {
		a.Refusals, a.Happened = []account.Refusal{guesses}, []account.Happening{reset}
	})
	expectSaid(t, d.serve(t, start(), answer("rahasia")), prompted(refusal)...)
	if a := d.account("budi"); a.Refusals[0].Told != 0 || a.Happened[0].Told {
		t.Error("told to who was refused")
	}
	told := []protocol.Reply{
		info(texts.NewsWrong(47, "203.0.113.9", guesses.Last)),
		info(texts.NewsGuessed()),
		info(texts.Changed(text.Change(reset.Change.String()), "uid 0", reset.At)),
		info(texts.NewsChanged()),
	}
	expectSaid(t, d.serve(t, start(), answer(d.code(t, 0))), prompted(append(told, acceptance...))...)
	d.later(time.Hour)
	expectSaid(t, d.serve(t, start(), answer(d.code(t, 0))), prompted(acceptance)...)
	if rows := d.account("budi").Refusals; len(rows) != 2 || rows[0].Count != 47 || rows[1].Count != 1 {
		t.Errorf("telling forgot something: %+v", rows)
	}
	// Only what came since, and of what was no code only what was tried elsewhere.
	d.change(func(a *account.Account) { a.Refusals[0].Count, a.Refusals[0].Last = 50, d.now })
	d.serve(t, start(), answer("rahasia"))
	d.later(time.Hour)
	expectSaid(t, d.serve(t, start(), answer(d.code(t, 0))), prompted(append([]protocol.Reply{
		info(texts.NewsWrong(3, "203.0.113.9", d.now.Add(-time.Hour))), info(texts.NewsGuessed()),
	}, acceptance...))...)
}

// What is not stored is not told: nobody would be in.
func TestNoNewsWithoutTheCommit(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.change(func(a *account.Account) {
		a.Refusals = []account.Refusal{{Reason: account.Wrong, Source: "sshd 203.0.113.9", Count: 47, Last: noon}}
	})
	d.accounts.err = errors.New("no space")
	expectSaid(t, d.serve(t, start(), answer(d.code(t, 0))), prompted(unavailable)...)
}

// Whoever comes in by a recovery code or a break-glass code may not be the owner,
// who is told at the next login.
func TestALoginIsToldAtTheNextOne(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code   func(*testing.T, *desk) totp.LongCode
		after  []any
		change account.Change
	}{
		"a recovery code": {func(t *testing.T, d *desk) totp.LongCode { return d.giveRecovery(t)[0] }, []any{answer("")}, account.RecoveryUsed},
		"once":            {func(t *testing.T, d *desk) totp.LongCode { return d.issue(t, budi, true) }, nil, account.OnceUsed},
	} {
		d := newDesk(t)
		typed := answer(c.code(t, d).Grouped())
		at := d.now
		news := texts.Changed(text.Change(c.change.String()), "192.0.2.1", at)
		thief, _ := d.activation(t, append([]any{start(), typed}, c.after...)...).heard()
		if slices.Contains(thief, news) {
			t.Errorf("%s: told to who used it", name)
		}
		d.later(time.Hour)
		owner, verdict := d.activation(t, start(), answer(d.code(t, 0))).heard()
		if verdict != protocol.Accepted || !slices.Contains(owner, news) {
			t.Errorf("%s: the owner was told %q, %v", name, owner, verdict)
		}
	}
}
