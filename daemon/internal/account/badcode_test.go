package account

import (
	"bytes"
	"testing"
	"time"

	"spse-totp/totp"
)

// crockford is the letters of a long code.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// shaken is an account on which much would show that moved: failures, a note, a
// recovery code used, another set and another issued code voided.
func shaken(t *testing.T) (a Account, recovery []totp.LongCode, issued totp.LongCode, bad map[Reason][]totp.LongCode) {
	t.Helper()
	a, void, voidIssued := helped(t, true)
	a, recovery, issued = withNew(t, a)
	a, outcome := Attempt(a, typedLong(recovery[7]), Limits{})
	if !outcome.Accepted {
		t.Fatal(outcome.Reason)
	}
	a = wrongs(a, guardedRun+3, abroad, noon)
	a, outcome = Attempt(a, Try{Typed: codeOf(t, Offer{Secret: a.Phone.Secret, Params: a.Phone.Params}, noon, 0), Source: office, Now: noon}, Limits{})
	if outcome.Reason != Noted {
		t.Fatal(outcome.Reason)
	}
	_, another, anotherIssued := helped(t, true)
	return a, recovery[:7], issued, map[Reason][]totp.LongCode{
		UnknownCode: append(append(void, another...), voidIssued, anotherIssued),
		Replayed:    recovery[7:],
	}
}

// withNew makes new recovery codes and gives a new issued code, which void those
// before.
func withNew(t *testing.T, a Account) (Account, []totp.LongCode, totp.LongCode) {
	t.Helper()
	a, recovery := withRecovery(t, a, noon)
	issued, err := totp.NewLongCode(totp.Issued)
	if err != nil {
		t.Fatal(err)
	}
	return Issue(a, issued, NewSalt(), time.Hour, true, root, noon), recovery, issued
}

// mustMoveNothing types a long code that is not good: it is refused for that
// reason, and a row of refusals is all that it leaves.
func mustMoveNothing(t *testing.T, a Account, code totp.LongCode, now time.Time, want Reason) {
	t.Helper()
	try := typedLong(code)
	try.Now = now
	after, outcome := Attempt(a, try, Limits{})
	if outcome.Accepted || outcome.Reason != want {
		t.Fatalf("accepted %v, %v, want %v", outcome.Accepted, outcome.Reason, want)
	}
	rows := after.Refusals
	after.Refusals = a.Refusals
	if !bytes.Equal(recordOf(t, after), recordOf(t, a)) {
		t.Fatalf("%v: more than a row of refusals is left: %+v, before %+v", want, after, a)
	}
	if len(rows) != len(a.Refusals)+1 {
		t.Fatalf("%v: %d rows of refusals, before %d", want, len(rows), len(a.Refusals))
	}
}

// Codes of another account, used and voided ones, one that is over, and each code
// with another letter in each of its places.
func TestBadLongCodesMoveNothing(t *testing.T) {
	a, recovery, issued, bad := shaken(t)
	for reason, codes := range bad {
		for _, code := range codes {
			mustMoveNothing(t, a, code, noon, reason)
		}
	}
	mustMoveNothing(t, a, issued, noon.Add(time.Hour), Expired)
	for _, good := range []totp.LongCode{recovery[0], issued} {
		for place := range good.Reveal() {
			for _, letter := range crockford {
				text := good.Reveal()[:place] + string(letter) + good.Reveal()[place+1:]
				if text == good.Reveal() {
					continue
				}
				typo, err := totp.ParseLongCode(totp.NewTyped(text))
				if err != nil {
					t.Fatal(err)
				}
				mustMoveNothing(t, a, typo, noon, UnknownCode)
			}
		}
	}
	for _, good := range append(recovery, issued) {
		var outcome Outcome
		if a, outcome = Attempt(a, typedLong(good), Limits{}); !outcome.Accepted {
			t.Errorf("the good one: %v", outcome.Reason)
		}
	}
}

// A reset voids what there was, and a break-glass code that was used is spent.
func TestWhatAResetVoids(t *testing.T) {
	a, recovery, issued, _ := shaken(t)
	used, outcome := Attempt(a, typedLong(issued), Limits{})
	if outcome.Reason != AcceptedOnce {
		t.Fatal(outcome.Reason)
	}
	mustMoveNothing(t, used, issued, noon, Replayed)
	a = Reset(a, 9, root, noon)
	for _, code := range append(recovery, issued) {
		mustMoveNothing(t, a, code, noon, UnknownCode)
	}
}

// An issued code is read off the telephone: what is between its typing and the
// phone's code voids it too.
func TestAnIssuedCodeIsVoidedDuringTheActivation(t *testing.T) {
	a := Reset(activated(t), 2, root, noon)
	issued, err := totp.NewLongCode(totp.Issued)
	if err != nil {
		t.Fatal(err)
	}
	a = Issue(a, issued, NewSalt(), time.Hour, false, root, noon)
	fresh := offer(t, "fresh")
	fresh.By, fresh.Issued, fresh.Generation = ByIssued, a.Issued.Salt, a.Generation
	for name, c := range map[string]struct {
		meanwhile Account
		want      Reason
	}{
		"nothing":          {a, Accepted},
		"another code":     {Issue(a, issued, NewSalt(), time.Hour, false, root, noon), Superseded},
		"a reset":          {Reset(a, 3, root, noon), Superseded},
		"a disable":        {SetDisabled(a, true, 3), Disabled},
		"the record taken": {Account{}, Superseded},
	} {
		after, outcome := Confirm(c.meanwhile, fresh, []totp.Typed{codeOf(t, fresh, noon, 0)}, Try{Source: office, Now: noon}, 7)
		if outcome.Reason != c.want || outcome.Accepted != (c.want == Accepted) {
			t.Errorf("%s: %v, want %v", name, outcome.Reason, c.want)
		}
		if !outcome.Accepted && !bytes.Equal(recordOf(t, after), recordOf(t, c.meanwhile)) {
			t.Errorf("%s: something was left", name)
		}
		if outcome.Accepted != after.Issued.Spent {
			t.Errorf("%s: accepted %v, spent %v", name, outcome.Accepted, after.Issued.Spent)
		}
	}
}
