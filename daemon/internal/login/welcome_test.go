package login

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/protocol"
	"spse-totp/totp"
)

var budi = account.Host("budi")

func info(said string) protocol.Reply { return protocol.Show{Text: said, Style: protocol.StyleInfo} }

// giveRecovery gives budi recovery codes, which are returned.
func (d *desk) giveRecovery(t *testing.T) []totp.LongCode {
	t.Helper()
	var codes []totp.LongCode
	d.change(func(a *account.Account) {
		a.Recovery = account.RecoverySet{}
		offer, err := account.OfferRecovery(*a)
		if err != nil {
			t.Fatal(err)
		}
		codes = offer.Codes
		typed := totp.NewTyped(codes[offer.Asked-1].Reveal())
		*a, _ = account.ConfirmRecovery(*a, offer, account.Try{Typed: typed, Now: d.now})
		a.Happened = nil
	})
	return codes
}

// issue gives an account a code of the helpdesk.
func (d *desk) issue(t *testing.T, id account.ID, once bool) totp.LongCode {
	t.Helper()
	code, err := totp.NewLongCode(totp.Issued)
	if err != nil {
		t.Fatal(err)
	}
	a := account.Issue(d.accounts.accounts[id], code, account.NewSalt(), time.Hour, once, "control uid 0", d.now)
	a.Version++
	a.Happened = nil
	d.accounts.accounts[id] = a
	return code
}

func (d *desk) later(by time.Duration) { d.now = d.now.Add(by) }

func TestRefusalsOfRecoveryReadAlike(t *testing.T) {
	t.Parallel()
	stranger := func(kind totp.Kind) string {
		code, err := totp.NewLongCode(kind)
		if err != nil {
			t.Fatal(err)
		}
		return code.Grouped()
	}
	for name, c := range map[string]struct {
		prepare func(*testing.T, *desk) (typed string)
		reason  string
	}{
		"another's recovery code": {func(*testing.T, *desk) string { return stranger(totp.Recovery) }, "unknown-code"},
		"another's issued code":   {func(*testing.T, *desk) string { return stranger(totp.Issued) }, "unknown-code"},
		"a voided recovery code": {func(t *testing.T, d *desk) string {
			old := d.giveRecovery(t)[0].Grouped()
			d.giveRecovery(t)
			return old
		}, "unknown-code"},
		"a voided issued code": {func(t *testing.T, d *desk) string {
			old := d.issue(t, budi, true).Grouped()
			d.issue(t, budi, true)
			return old
		}, "unknown-code"},
		"too late": {func(t *testing.T, d *desk) string {
			code := d.issue(t, budi, true).Grouped()
			d.later(time.Hour)
			return code
		}, "expired"},
		"a foreign uid": {func(t *testing.T, d *desk) string {
			d.change(func(a *account.Account) { a.Owners = []account.Owner{{Host: d.service.Host, UID: 1001}} })
			return d.code(t, 0)
		}, "foreign-uid"},
		"a foreign uid, by a recovery code": {func(t *testing.T, d *desk) string {
			d.change(func(a *account.Account) { a.Owners = []account.Owner{{Host: d.service.Host, UID: 1001}} })
			return d.giveRecovery(t)[0].Grouped()
		}, "foreign-uid"},
		"locked": {func(t *testing.T, d *desk) string {
			d.limits.LockAfter = 20
			d.change(func(a *account.Account) { a.Failures.Run = 20 })
			return d.code(t, 0)
		}, "locked"},
		"the clock is behind": {func(t *testing.T, d *desk) string {
			d.accounts.behind = true
			return d.code(t, 0)
		}, "clock-behind"},
		"the clock is behind, and the code wrong": {func(t *testing.T, d *desk) string {
			d.accounts.behind = true
			return d.wrong(t)
		}, "clock-behind"},
		"the clock is behind, by an issued code": {func(t *testing.T, d *desk) string {
			d.accounts.behind = true
			return d.issue(t, budi, false).Grouped()
		}, "clock-behind"},
		"disabled, by a recovery code": {func(t *testing.T, d *desk) string {
			d.change(func(a *account.Account) { a.Disabled = true })
			return d.giveRecovery(t)[0].Grouped()
		}, "disabled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.service.Host = account.HostID{7}
			typed := c.prepare(t, d)
			before := d.account("budi")
			expectSaid(t, d.serve(t, start(), answer(typed)), prompted(refusal)...)
			d.expectReasons(t, "login "+c.reason)
			after := d.account("budi")
			if after.Failures != before.Failures || !reflect.DeepEqual(after.Recovery, before.Recovery) || after.Issued != before.Issued {
				t.Error("it was counted, or something was spent")
			}
			if before.Version = after.Version; d.accounts.behind && !reflect.DeepEqual(after, before) {
				t.Error("something was noted or forgotten while the clock is wrong")
			}
		})
	}
}

// A recovery code goes on where codes of the phone do not.
func TestARecoveryCodeWhereThePhoneDoesNotDo(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*desk){
		"the clock is behind": func(d *desk) { d.accounts.behind = true },
		"guarded":             func(d *desk) { d.change(func(a *account.Account) { a.Failures.Run = 10 }) },
		"locked": func(d *desk) {
			d.limits.LockAfter = 20
			d.change(func(a *account.Account) { a.Failures.Run = 20 })
		},
	} {
		d := newDesk(t)
		prepare(d)
		lines := []any{start(), answer(d.giveRecovery(t)[0].Grouped())}
		if !d.accounts.behind { // else no new phone is offered
			lines = append(lines, answer(""))
		}
		if _, verdict := d.serve(t, lines...).heard(); verdict != protocol.Accepted {
			t.Errorf("%s: %v", name, verdict)
		}
		if run := d.account("budi").Failures.Run; run != 0 {
			t.Errorf("%s: a run of %d is left", name, run)
		}
	}
}

// The name's owner is bound where a code was accepted, and nobody else is let in
// under that name there.
func TestTheUIDIsBoundByALogin(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.service.Host = account.HostID{7}
	expectSaid(t, d.serve(t, start(), answer(d.code(t, 0))), prompted(acceptance)...)
	d.later(time.Hour)
	expectSaid(t, d.serve(t, start(nss("budi", 1001)), answer(d.code(t, 0))), prompted(refusal)...)
	expectSaid(t, d.serve(t, start(), answer(d.code(t, 0))), prompted(acceptance)...)
	d.later(time.Hour)
	d.service.Host = account.HostID{8} // uids are each host's own
	expectSaid(t, d.serve(t, start(nss("budi", 1001)), answer(d.code(t, 0))), prompted(acceptance)...)
	d.expectReasons(t, "login accepted", "login foreign-uid", "login accepted", "login accepted")
}

// No event holds a recovery code, an issued code or one that was shown.
func TestEventsHoldNoLongCode(t *testing.T) {
	t.Parallel()
	d := withoutRecovery(t)
	once := d.issue(t, budi, true).Grouped()
	s := d.activation(t, start(), answer(d.code(t, 0)), answer("y"), answer("0000-0000-0000-0000-0000-0000"), askedFor(t))
	secrets := append(shownCodes(s), once)
	d.later(time.Hour)
	d.serve(t, start(), answer(once))
	for _, code := range shownCodes(s) {
		d.serve(t, start(), answer(code), answer(""))
		d.serve(t, start(), answer(code))
		secrets = append(secrets, strings.ReplaceAll(code, "-", ""))
	}
	for _, e := range d.diary.events {
		for _, secret := range secrets {
			if strings.Contains(fmt.Sprintf("%+v", e), secret) {
				t.Errorf("%s is told: %+v", secret, e)
			}
		}
	}
}
