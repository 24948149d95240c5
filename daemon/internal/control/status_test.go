package control

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"spse-totp/daemon/internal/account"
)

// The owner's own processes, which may all read the status, see no difference
// between a wrong guess and a right code that did not let in.
func TestTheOwnerReadsNoTrueReasons(t *testing.T) {
	type sight struct{ owner, root string }
	seen := map[string]sight{}
	for name, typed := range map[string]func(phone) string{
		"wrong": phone.wrong, "noted": func(p phone) string { return p.code(0) }, "replayed": func(p phone) string { return p.code(-6) },
		"malformed": func(phone) string { return "rahasia" },
	} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t)
			p := d.activate(budi, "budi")
			time.Sleep(3 * time.Minute)
			for range 12 { // by now the account is guarded
				d.refuse(budi, postOffer, "budi", OfferRequest{Code: p.wrong()}, ProblemRefused)
			}
			d.refuse(budi, postOffer, "budi", OfferRequest{Code: typed(p)}, ProblemRefused)
			seen[name] = sight{
				d.call(budi, getAccount, "budi", nil).body,
				d.call(root, getAccount, "budi", nil).body,
			}
		})
	}
	for name, s := range seen {
		if s.owner != seen["wrong"].owner {
			t.Errorf("the owner sees %q as\n%s\nand a wrong code as\n%s", name, s.owner, seen["wrong"].owner)
		}
		if strings.Contains(s.owner, name) || !strings.Contains(s.root, `"`+name+`"`) {
			t.Errorf("%s: the owner reads\n%s\nroot\n%s", name, s.owner, s.root)
		}
	}
	for _, word := range []string{"guarded", "failures", "guess", "two codes"} {
		if strings.Contains(seen["noted"].owner, word) {
			t.Errorf("the owner reads %q", word)
		}
	}
}

// A disabled account looks to its owner like any other, and refuses like one.
func TestTheOwnerIsNotToldOfADisable(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		p := d.activate(budi, "budi")
		good[Account](d, root, postDisable, "budi", Justification{})
		if a := good[Account](d, budi, getAccount, "budi", nil); a.Disabled != nil || len(a.Advice) > 0 {
			t.Errorf("the owner reads %+v", a)
		}
		start := time.Now()
		d.refuse(budi, postOffer, "budi", OfferRequest{Code: p.code(1)}, ProblemRefused)
		if time.Since(start) != refusalAfter {
			t.Errorf("the refusal took %v", time.Since(start))
		}
		if a := good[Account](d, root, getAccount, "budi", nil); !*a.Disabled || len(a.Advice) == 0 {
			t.Errorf("root reads %+v", a)
		}
	})
}

// The secret is in the offer's answer, once, and nowhere else.
func TestTheSecretIsShownOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		offer := good[Offer](d, budi, postOffer, "budi", OfferRequest{})
		p := scan(t, offer)
		d.bodies = nil
		if again := good[Offer](d, budi, postOffer, "budi", OfferRequest{}); scan(t, again).key.Secret.Base32() == p.key.Secret.Base32() {
			t.Error("the same secret was shown twice")
		}
		burnt := p.code(0)
		request := ActivationRequest{Handle: offer.Handle, Codes: []string{p.wrong()}}
		d.refuse(budi, postActivation, "budi", request, ProblemRefused)
		request.Codes = []string{p.code(0)}
		good[Account](d, budi, postActivation, "budi", request)
		d.refuse(budi, postActivation, "budi", request, ProblemVoid)
		d.refuse(budi, postOffer, "budi", OfferRequest{Code: burnt}, ProblemRefused)
		for _, caller := range []*Caller{root, budi, siti, stranger, nobodyAt} {
			for _, r := range table() {
				d.call(caller, r.pattern, "budi", Justification{Reason: "HP hilang"})
				d.call(caller, r.pattern, "budi", "{}")
			}
		}
		sealed, err := base64.RawURLEncoding.DecodeString(offer.Handle)
		if err != nil {
			t.Fatal(err)
		}
		told, err := json.Marshal(d.diary.events)
		if err != nil {
			t.Fatal(err)
		}
		secret := p.key.Secret
		for _, form := range []string{
			secret.Base32(), secret.Grouped(), string(secret.Bytes()), base64.StdEncoding.EncodeToString(secret.Bytes()), offer.Handle, burnt,
		} {
			for where, said := range map[string]string{
				"answers": strings.Join(d.bodies, "\n"), "events": string(told), "handle": string(sealed),
			} {
				if strings.Contains(said, form) {
					t.Errorf("%q is in the %s", form, where)
				}
			}
		}
	})
}

func TestATamperedRecordHidesNobodyElse(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		for _, name := range []string{"admin", "budi", "siti"} {
			d.activate(root, name)
		}
		d.damage("budi")
		shown := good[[]Account](d, root, getAccounts, "", nil)
		if len(shown) != 3 || shown[1].Name != "budi" || shown[1].Fault == "" || shown[1].Active {
			t.Errorf("got %+v", shown)
		}
		for _, i := range []int{0, 2} {
			if !shown[i].Active || shown[i].Fault != "" {
				t.Errorf("got %+v", shown[i])
			}
		}
		for _, pattern := range []string{getAccount, postOffer, postReset, postDisable} {
			d.refuse(root, pattern, "budi", Justification{Reason: "HP hilang"}, map[bool]string{true: ProblemBadRequest, false: ProblemUnavailable}[pattern == postOffer])
		}
		d.refuse(budi, postOffer, "budi", OfferRequest{}, ProblemUnavailable)
		good[Account](d, root, deleteAccount, "budi", Justification{Reason: "berkas rusak"})
		d.activate(budi, "budi")
	})
}

func TestAStoreThatFailsChangesAndTellsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		offer := good[Offer](d, budi, postOffer, "budi", OfferRequest{})
		d.accounts.err = errors.New("disk of Rahasia-77 is on fire")
		activation := ActivationRequest{Handle: offer.Handle, Codes: []string{scan(t, offer).code(0)}}
		for pattern, body := range map[string]any{
			getAccounts: nil, getAccount: nil, postOffer: OfferRequest{}, postActivation: activation,
			postReset: Justification{Reason: "HP hilang"}, postDisable: Justification{}, deleteAccount: Justification{Reason: "HP hilang"},
		} {
			r := d.call(root, pattern, "budi", body)
			if pattern == postActivation { // root's is not the caller's offer
				r = d.call(budi, pattern, "budi", body)
			}
			if r.Code != ProblemUnavailable || r.status != http.StatusServiceUnavailable || r.Hint == "" || strings.Contains(r.body, "Rahasia") {
				t.Errorf("%s: got %d %s", pattern, r.status, r.body)
			}
		}
		d.accounts.err = nil
		good[Account](d, budi, postActivation, "budi", activation)
	})
}

// Advice is for root; it names what most likely helps.
func TestAdviceForTheHelpdesk(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*account.Account)
		want   string
	}{
		"wrong":     {refusedFor(account.Wrong, 3), "wrong codes"},
		"replayed":  {refusedFor(account.Replayed, 1), "used code"},
		"malformed": {refusedFor(account.Malformed, 1), "password?"},
		"withheld":  {refusedFor(account.Withheld, 1), "password?"},
		"noted":     {refusedFor(account.Noted, 1), "two codes in a row"},
		"guarded": {func(a *account.Account) {
			refusedFor(account.Wrong, 10)(a)
			a.Failures.Run = 10
		}, "someone is guessing from 203.0.113.9"},
		"slow phone":   {func(a *account.Account) { a.Phone.Drift = -10 }, "phone is 5 min slow"},
		"fast phone":   {func(a *account.Account) { a.Phone.Drift = 3 }, "phone is 1.5 min fast"},
		"reset":        {func(a *account.Account) { a.Phone = account.Phone{} }, "spse-totp issue budi"},
		"inactive":     {func(a *account.Account) { a.Phone, a.WasActive = account.Phone{}, false }, "spse-totp activate budi"},
		"unknown code": {refusedFor(account.UnknownCode, 1), "no such recovery code"},
		"expired code": {refusedFor(account.Expired, 1), "spse-totp issue budi"},
		"unknown code after a reset": {func(a *account.Account) {
			refusedFor(account.UnknownCode, 1)(a)
			a.Phone = account.Phone{}
		}, "no such recovery code"},
		"foreign uid": {refusedFor(account.ForeignUID, 1), "spse-totp reset budi"},
		"locked":      {func(a *account.Account) { a.Failures.Run = 50 }, "locked by too many wrong codes"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, d *desk) {
				d.limits.LockAfter = 50
				d.activate(root, "budi")
				if a := good[Account](d, root, getAccount, "budi", nil); len(a.Advice) > 0 || a.AcceptedAt == nil {
					t.Errorf("fresh from the activation: %+v", a)
				}
				d.edit("budi", c.change)
				a := good[Account](d, root, getAccount, "budi", nil)
				if !strings.Contains(strings.Join(a.Advice, "\n"), c.want) {
					t.Errorf("advice %q, want %q", a.Advice, c.want)
				}
			})
		})
	}
}

// What came before the last accepted code is over, and is no advice.
func TestAdviceIsAboutWhatIsNotOver(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		d.activate(root, "budi")
		d.edit("budi", func(a *account.Account) {
			refusedFor(account.Wrong, 13)(a)
			a.AcceptedAt = time.Unix(1e9+1, 0)
		})
		if a := good[Account](d, root, getAccount, "budi", nil); len(a.Advice) > 0 {
			t.Errorf("advice %q", a.Advice)
		}
		d.edit("budi", func(a *account.Account) { // the owner erred 13 times before, and now somebody guesses
			a.Failures.Run = 10
			a.Refusals = append(a.Refusals, account.Refusal{Reason: account.Wrong, Source: "sshd 192.0.2.66", Count: 10, Last: time.Unix(1e9+9, 0)})
		})
		if a := good[Account](d, root, getAccount, "budi", nil); !strings.Contains(a.Advice[0], "guessing from 192.0.2.66") {
			t.Errorf("advice %q", a.Advice)
		}
	})
}

// Once a clock that was ahead is put right, the status tells of what was refused
// since, and not of what is over.
func TestTheStatusAfterAClockThatWasAhead(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		p := d.activate(budi, "budi")
		codes := d.makeCodes(budi, "budi", p)
		time.Sleep(10 * time.Minute)
		advised := func() string {
			return strings.Join(good[Account](d, root, getAccount, "budi", nil).Advice, "\n")
		}
		d.service.Now = func() time.Time { return time.Now().Add(time.Hour) }
		d.refuse(budi, postOffer, "budi", OfferRequest{Code: p.code(0)}, ProblemRefused)
		if said := advised(); !strings.Contains(said, "wrong codes") {
			t.Errorf("while it is ahead: %q", said)
		}
		d.service.Now = time.Now
		good[Offer](d, budi, postOffer, "budi", OfferRequest{Code: p.code(1)})
		if said := advised(); said != "" {
			t.Errorf("after a right code: %q", said)
		}
		d.service.Now = func() time.Time { return time.Now().Add(time.Hour) }
		good[Offer](d, budi, postOffer, "budi", OfferRequest{Code: codes[0]})
		d.service.Now = time.Now
		d.refuse(budi, postOffer, "budi", OfferRequest{Code: codes[0]}, ProblemRefused)
		if said := advised(); !strings.Contains(said, "used code") {
			t.Errorf("after a used code: %q", said)
		}
	})
}

// A phone that is off is told of from the first right code of it.
func TestAdviceTellsHowFarAPhoneIsOff(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		p := d.activate(root, "budi")
		time.Sleep(time.Hour)
		d.refuse(budi, postOffer, "budi", OfferRequest{Code: p.code(8)}, ProblemRefused)
		a := good[Account](d, root, getAccount, "budi", nil)
		if !strings.Contains(strings.Join(a.Advice, "\n"), "phone is 4 min fast") {
			t.Errorf("advice %q", a.Advice)
		}
		own := good[Account](d, budi, getAccount, "budi", nil)
		if !slices.Equal(own.Advice, []string{d.service.Office().Texts.Refused()}) {
			t.Errorf("the owner reads %q", own.Advice)
		}
	})
}

// The status says why an account is guarded, by whom, and till when.
func TestTheStatusTellsOfAGuardedAccount(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		d.activate(root, "budi")
		began := time.Now()
		guess := func(run uint32) func(*account.Account) {
			return func(a *account.Account) {
				refusedFor(account.Wrong, 60)(a)
				a.Failures = account.Failures{Run: run, Month: 60, MonthStart: began}
			}
		}
		d.edit("budi", guess(0)) // the owner got in since
		a := good[Account](d, clerk, getAccount, "budi", nil)
		if !a.Guarded || a.GuardedBy != "203.0.113.9" || a.FailuresMonth != 60 || !a.FailuresSince.Equal(began) ||
			a.GuardedUntil == nil || !a.GuardedUntil.Equal(began.Add(31*24*time.Hour)) {
			t.Errorf("by the month: %+v", a)
		}
		if !strings.Contains(a.Advice[0], "guessing from 203.0.113.9") {
			t.Errorf("advice %q", a.Advice)
		}
		time.Sleep(31 * 24 * time.Hour)
		d.edit("budi", func(a *account.Account) { a.Failures.Run = 10 })
		if a := good[Account](d, clerk, getAccount, "budi", nil); !a.Guarded || a.GuardedUntil != nil || a.GuardedBy == "" || a.Locked {
			t.Errorf("by the run: %+v", a)
		}
		d.limits.LockAfter = 10
		if a := good[Account](d, clerk, getAccount, "budi", nil); !a.Locked {
			t.Errorf("locked: %+v", a)
		}
		d.limits.LockAfter = 0
		d.edit("budi", func(a *account.Account) { a.Failures.Run = 9 })
		if a := good[Account](d, clerk, getAccount, "budi", nil); a.Guarded || a.GuardedUntil != nil || a.GuardedBy != "" {
			t.Errorf("no longer guarded: %+v", a)
		}
		if own := d.call(budi, getAccount, "budi", nil).body; strings.Contains(own, "guarded") || strings.Contains(own, "failures") {
			t.Errorf("the owner reads %s", own)
		}
	})
}

// Whoever reads the JSON need not ask whether a list is there.
func TestListsAreNeverNull(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		for _, caller := range []*Caller{root, budi} {
			for _, pattern := range []string{getAccount, getWhoAmI} {
				if r := d.call(caller, pattern, "budi", nil); strings.Contains(r.body, "null") {
					t.Errorf("%s of nobody yet: %s", pattern, r.body)
				}
			}
		}
		d.activate(root, "budi")
		d.damage("siti")
		d.edit("siti", func(*account.Account) {})
		for pattern, body := range map[string]any{
			getAccount: nil, getAccounts: nil, getClock: nil, postClock: Justification{}, postIssue: issue(time.Hour),
			postReset: Justification{Reason: "HP hilang"}, postDisable: Justification{}, postEnable: Justification{},
		} {
			if r := d.call(root, pattern, "budi", body); r.status != http.StatusOK || strings.Contains(r.body, "null") {
				t.Errorf("%s: %s", pattern, r.body)
			}
		}
		if r := d.call(root, deleteAccount, "budi", Justification{Reason: "HP hilang"}); strings.Contains(r.body, "null") {
			t.Errorf("remove: %s", r.body)
		}
	})
}

// A clerk who has just given a code is not told to give one.
func TestAnOpenCodeIsNoReasonForAnother(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		d.activate(root, "budi")
		good[Issued](d, root, postReset, "budi", Justification{Reason: "HP hilang"})
		a := good[Account](d, root, getAccount, "budi", nil)
		if len(a.Advice) != 1 || !strings.Contains(a.Advice[0], "activation code") {
			t.Errorf("advice %q", a.Advice)
		}
		time.Sleep(resetValid)
		if a = good[Account](d, root, getAccount, "budi", nil); !strings.Contains(strings.Join(a.Advice, "\n"), "spse-totp issue budi") {
			t.Errorf("once it is over: %q", a.Advice)
		}
	})
}

// Where the office locks, two codes in a row do not let in.
func TestALockedAccountIsNotToldToTypeTwoCodes(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		d.limits.LockAfter = 10
		d.activate(root, "budi")
		d.edit("budi", func(a *account.Account) {
			refusedFor(account.Wrong, 10)(a)
			a.Failures.Run = 10
		})
		a := good[Account](d, root, getAccount, "budi", nil)
		if said := strings.Join(a.Advice, "\n"); !a.Locked || strings.Contains(said, "two codes in a row") || !strings.Contains(said, "spse-totp issue budi") {
			t.Errorf("advice %q", a.Advice)
		}
	})
}
