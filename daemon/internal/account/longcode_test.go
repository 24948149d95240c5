package account

import (
	"bytes"
	"testing"
	"time"

	"spse-totp/totp"
)

// helped is an account that is activated, has recovery codes and an issued code,
// all of which are returned with it.
func helped(t *testing.T, once bool) (a Account, recovery []totp.LongCode, issued totp.LongCode) {
	t.Helper()
	a, recovery = withRecovery(t, activated(t), noon)
	issued, err := totp.NewLongCode(totp.Issued)
	if err != nil {
		t.Fatal(err)
	}
	return Issue(a, issued, NewSalt(), time.Hour, once, root, noon), recovery, issued
}

// withRecovery is the account with new recovery codes.
func withRecovery(t *testing.T, a Account, now time.Time) (Account, []totp.LongCode) {
	t.Helper()
	offer, err := OfferRecovery(a)
	if err != nil {
		t.Fatal(err)
	}
	a, outcome := ConfirmRecovery(a, offer, Try{Typed: totp.NewTyped(offer.Codes[offer.Asked-1].Grouped()), Source: office, Now: now})
	if !outcome.Accepted || a.Recovery.Left() != RecoveryCodes {
		t.Fatalf("recovery codes: %v, %d left", outcome.Reason, a.Recovery.Left())
	}
	return a, offer.Codes
}

func typedLong(code totp.LongCode) Try {
	return Try{Typed: totp.NewTyped(code.Grouped()), Source: office, Now: noon, Login: true}
}

func TestLongCodes(t *testing.T) {
	stranger, err := totp.NewLongCode(totp.Recovery)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		once bool
		try  func(recovery []totp.LongCode, issued totp.LongCode) []Try
		want []Reason
	}{
		"a recovery code lets in once": {false, func(r []totp.LongCode, _ totp.LongCode) []Try {
			return []Try{typedLong(r[2]), typedLong(r[2]), typedLong(r[3])}
		}, []Reason{AcceptedRecovery, Replayed, AcceptedRecovery}},
		"another's recovery code": {false, func([]totp.LongCode, totp.LongCode) []Try { return []Try{typedLong(stranger)} }, []Reason{UnknownCode}},
		"withheld is not looked at": {false, func(r []totp.LongCode, _ totp.LongCode) []Try {
			try := typedLong(r[0])
			try.Withheld = true
			return []Try{try}
		}, []Reason{Withheld}},
		"an issued code leads to a phone": {false, func(_ []totp.LongCode, i totp.LongCode) []Try { return []Try{typedLong(i), typedLong(i)} }, []Reason{Entitled, Entitled}},
		"once lets in once":               {true, func(_ []totp.LongCode, i totp.LongCode) []Try { return []Try{typedLong(i), typedLong(i)} }, []Reason{AcceptedOnce, Replayed}},
		"once is for a login": {true, func(_ []totp.LongCode, i totp.LongCode) []Try {
			try := typedLong(i)
			try.Login = false
			return []Try{try, typedLong(i)}
		}, []Reason{OnlyOnce, AcceptedOnce}},
		"an issued code too late": {true, func(_ []totp.LongCode, i totp.LongCode) []Try {
			late, back := typedLong(i), typedLong(i)
			late.Now, back.Now = noon.Add(time.Hour), noon.Add(-time.Hour)
			return []Try{late, back}
		}, []Reason{Expired, Expired}},
		"under a clock that is behind": {true, func(r []totp.LongCode, i totp.LongCode) []Try {
			tries := []Try{typedLong(r[0]), typedLong(i)}
			for n := range tries {
				tries[n].ClockBehind = true
			}
			return tries
		}, []Reason{AcceptedRecovery, AcceptedOnce}},
	} {
		t.Run(name, func(t *testing.T) {
			a, recovery, issued := helped(t, c.once)
			for n, try := range c.try(recovery, issued) {
				var outcome Outcome
				a, outcome = Attempt(a, try, Limits{LockAfter: 1})
				if outcome.Reason != c.want[n] {
					t.Errorf("try %d: %v, want %v", n, outcome.Reason, c.want[n])
				}
			}
			if a.Failures.Run != 0 {
				t.Error("it was counted")
			}
		})
	}
}

// After as many failures as the office chose, codes let nobody in, until a
// recovery code does.
func TestLockedUntilARecoveryCode(t *testing.T) {
	a, recovery, _ := helped(t, false)
	limits := Limits{LockAfter: 12}
	o := Offer{Secret: a.Phone.Secret, Params: a.Phone.Params}
	for range 12 {
		a, _ = Attempt(a, Try{Typed: codeOf(t, o, noon, 500), Source: abroad, Now: noon}, limits)
	}
	for off := range 3 {
		now := noon.Add(time.Duration(off) * 30 * time.Second)
		var outcome Outcome
		if a, outcome = Attempt(a, Try{Typed: codeOf(t, o, now, 0), Source: office, Now: now}, limits); outcome.Reason != Locked {
			t.Fatalf("code %d: %v", off, outcome.Reason)
		}
	}
	if a.Failures.Run != 12 {
		t.Errorf("run %d: a locked account counts nothing", a.Failures.Run)
	}
	a, outcome := Attempt(a, typedLong(recovery[0]), limits)
	if !outcome.Accepted {
		t.Fatalf("a recovery code: %v", outcome.Reason)
	}
	now := noon.Add(5 * time.Minute)
	if _, outcome = Attempt(a, Try{Typed: codeOf(t, o, now, 0), Source: office, Now: now}, limits); !outcome.Accepted {
		t.Errorf("the next code: %v", outcome.Reason)
	}
}

// A right code that was noted before the account was locked leaves no way in: the
// next one is no second of two.
func TestLockedBetweenTwoCodes(t *testing.T) {
	a := activated(t)
	o := Offer{Secret: a.Phone.Secret, Params: a.Phone.Params}
	try := func(from Source, after time.Duration, off int, want Reason) {
		t.Helper()
		now := noon.Add(after)
		var outcome Outcome
		if a, outcome = Attempt(a, Try{Typed: codeOf(t, o, now, off), Source: from, Now: now}, Limits{LockAfter: 12}); outcome.Reason != want {
			t.Fatalf("%v, want %v", outcome.Reason, want)
		}
	}
	for range 10 {
		try(abroad, 0, 500, Wrong)
	}
	try(office, 0, 0, Noted)
	try(abroad, 0, 500, Wrong)
	try(abroad, 0, 500, Wrong)
	try(office, 30*time.Second, 0, Locked)
}

// An hour in which the clock is a year ahead locks nobody out once it is right:
// two codes in a row let in. Where the office locks, those codes were wrong ones
// like any others, and a code of the helpdesk is the way back for who has no
// recovery codes.
func TestWhoTriedWhileTheClockWasAheadGetsIn(t *testing.T) {
	a := activated(t)
	o := Offer{Secret: a.Phone.Secret, Params: a.Phone.Params}
	tried := func(limits Limits) Account {
		a := a
		for i := range 12 { // the phone has the right time
			now := noon.Add(time.Duration(i) * time.Minute)
			var outcome Outcome
			a, outcome = Attempt(a, Try{Typed: codeOf(t, o, now, 0), Source: office, Now: now.Add(year)}, limits)
			if outcome.Reason != Wrong && outcome.Reason != Locked {
				t.Fatalf("a code while the clock is ahead: %v", outcome.Reason)
			}
		}
		return a
	}
	expectPair := func(a Account, limits Limits, want ...Reason) {
		t.Helper()
		for i, want := range want {
			now := noon.Add(time.Hour + time.Duration(i)*30*time.Second)
			var outcome Outcome
			if a, outcome = Attempt(a, Try{Typed: codeOf(t, o, now, 0), Source: office, Now: now}, limits); outcome.Reason != want {
				t.Errorf("limits %+v, code %d once the clock is right: %v, want %v", limits, i, outcome.Reason, want)
			}
		}
	}
	expectPair(tried(Limits{}), Limits{}, Noted, AcceptedPair)

	locks := Limits{LockAfter: 10}
	locked := tried(locks)
	expectPair(locked, locks, Locked, Locked)
	expectPair(locked, Limits{}, Noted, AcceptedPair) // the office changes its mind
	now := noon.Add(2 * time.Hour)
	issued, err := totp.NewLongCode(totp.Issued)
	if err != nil {
		t.Fatal(err)
	}
	locked = Issue(locked, issued, NewSalt(), time.Hour, false, root, now)
	try := typedLong(issued)
	try.Now = now
	locked, outcome := Attempt(locked, try, locks)
	if outcome.Reason != Entitled {
		t.Fatalf("a code of the helpdesk: %v", outcome.Reason)
	}
	fresh := offer(t, "fresh")
	fresh.By, fresh.Issued, fresh.Generation = ByIssued, locked.Issued.Salt, locked.Generation
	locked, outcome = Confirm(locked, fresh, []totp.Typed{codeOf(t, fresh, now, 0)}, Try{Source: office, Now: now}, 9)
	if !outcome.Accepted || locked.Locked(locks) {
		t.Errorf("the new phone: %v, locked %v", outcome.Reason, locked.Locked(locks))
	}
}

// What a name's owner proved is not for the next one who is given that name.
func TestAnotherUIDIsRefusedUntilAReset(t *testing.T) {
	a, recovery, issued := helped(t, true)
	here := Owner{Host: HostID{1}, UID: 1000}
	next := Owner{Host: HostID{1}, UID: 1001}
	elsewhere := Owner{Host: HostID{2}, UID: 1001}
	typed := func(code totp.LongCode, owner Owner) Try {
		try := typedLong(code)
		try.Owner = owner
		return try
	}
	a, outcome := Attempt(a, typed(recovery[0], here), Limits{})
	if !outcome.Accepted {
		t.Fatal(outcome.Reason)
	}
	if _, outcome = Attempt(a, typed(recovery[1], elsewhere), Limits{}); !outcome.Accepted {
		t.Errorf("another host has uids of its own: %v", outcome.Reason)
	}
	for name, code := range map[string]totp.LongCode{"recovery code": recovery[1], "issued code": issued} {
		if _, outcome = Attempt(a, typed(code, next), Limits{}); outcome.Reason != ForeignUID {
			t.Errorf("%s: %v", name, outcome.Reason)
		}
	}
	fresh := offer(t, "fresh")
	fresh.By, fresh.Generation = ByCode, a.Generation
	confirm := func(a Account, owner Owner) Reason {
		_, outcome := Confirm(a, fresh, []totp.Typed{codeOf(t, fresh, noon, 0)}, Try{Source: office, Now: noon, Owner: owner}, 5)
		return outcome.Reason
	}
	if got := confirm(a, next); got != ForeignUID {
		t.Errorf("a new phone: %v", got)
	}
	a = Reset(a, 9, root, noon)
	a = Issue(a, issued, NewSalt(), time.Hour, false, root, noon)
	fresh.By, fresh.Issued, fresh.Generation = ByIssued, a.Issued.Salt, a.Generation
	if got := confirm(a, next); got != Accepted {
		t.Errorf("a new phone after a reset: %v", got)
	}
}

// Of two sets shown at once the first confirmed is the person's.
func TestRecoveryCodesShownTwice(t *testing.T) {
	a := activated(t)
	first, err := OfferRecovery(a)
	if err != nil {
		t.Fatal(err)
	}
	second, err := OfferRecovery(a)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		offer RecoveryOffer
		want  Reason
	}{{first, Accepted}, {second, Superseded}, {first, Superseded}} {
		var outcome Outcome
		a, outcome = ConfirmRecovery(a, c.offer, typedLong(c.offer.Codes[c.offer.Asked-1]))
		if outcome.Reason != c.want {
			t.Errorf("confirmation %d: %v, want %v", i, outcome.Reason, c.want)
		}
	}
}

// After a reset whoever knows the password may not be the owner.
func TestThePasswordAloneActivatesOnlyTheFirstTime(t *testing.T) {
	o := offer(t, "next")
	for name, a := range map[string]Account{"active": activated(t), "reset": Reset(activated(t), 2, root, noon), "reset, and never active": Reset(Account{Version: 1}, 2, root, noon), "disabled": SetDisabled(Account{Version: 1}, true, 2)} {
		o.Generation = a.Generation
		if _, outcome := Confirm(a, o, []totp.Typed{codeOf(t, o, noon, 0)}, Try{Source: office, Now: noon}, 3); outcome.Accepted {
			t.Errorf("%s: activated", name)
		}
	}
}

// The record keeps no code that could be read out of it.
func TestTheRecordHoldsNoLongCode(t *testing.T) {
	a, recovery, issued := helped(t, false)
	b, err := a.MarshalRecord()
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range append(recovery, issued) {
		for _, text := range []string{code.Reveal(), code.Grouped()} {
			if bytes.Contains(b, []byte(text)) {
				t.Error("a code stands in the record")
			}
		}
	}
}

// What the owner did at the same place just now is no news, but wrong codes are,
// wherever they came from.
func TestTellLeavesOutWhatTheOwnerDid(t *testing.T) {
	a := activated(t)
	for _, try := range []Try{
		{Typed: totp.NewTyped("hunter2"), Source: office, Now: noon},
		{Typed: totp.NewTyped("hunter2"), Source: abroad, Now: noon.Add(time.Second)},
		{Typed: codeOf(t, Offer{Secret: a.Phone.Secret, Params: a.Phone.Params}, noon, 500), Source: office, Now: noon.Add(2 * time.Second)},
	} {
		a, _ = Attempt(a, try, Limits{})
	}
	_, news := Tell(a, office)
	if len(news.Refusals) != 2 || news.Refusals[0].Source != abroad || news.Refusals[1].Reason != Wrong {
		t.Errorf("told %+v", news.Refusals)
	}
}

// Whoever gives codes cannot push a reset out of what the owner is told, and of
// wrong codes from many places their number is told.
func TestNothingIsPushedOutOfTheNews(t *testing.T) {
	a := Reset(activated(t), 2, root, noon)
	for range 20 {
		code, err := totp.NewLongCode(totp.Issued)
		if err != nil {
			t.Fatal(err)
		}
		a = Issue(a, code, NewSalt(), time.Hour, false, root, noon)
	}
	_, news := Tell(a, office)
	if n := len(news.Happened); n < 2 || news.Happened[n-2].Change != WasReset || news.Happened[n-1].Change != CodeIssued {
		t.Errorf("told of %v", news.Happened)
	}
	a = activated(t)
	o := Offer{Secret: a.Phone.Secret, Params: a.Phone.Params}
	for i := range 12 {
		source := LoginSource("sshd", "192.0.2."+string(rune('0'+i%10)), "")
		a, _ = Attempt(a, Try{Typed: codeOf(t, o, noon, 500), Source: source, Now: noon.Add(time.Duration(i) * time.Second)}, Limits{})
	}
	if _, news = Tell(a, office); news.Wrong != 12 {
		t.Errorf("told of %d wrong codes", news.Wrong)
	}
}
