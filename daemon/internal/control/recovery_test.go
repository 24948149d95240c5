package control

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
)

// offerCodes obtains new recovery codes by a code of the phone.
func (d *desk) offerCodes(caller *Caller, name string, p phone) RecoveryOffer {
	d.t.Helper()
	time.Sleep(time.Minute) // till a code is good that was not used
	return good[RecoveryOffer](d, caller, postRecoveryOffer, name, OfferRequest{Code: p.code(0)})
}

// asked confirms the codes by the one asked for.
func (o RecoveryOffer) asked() RecoveryRequest {
	return RecoveryRequest{Handle: o.Handle, Code: o.Codes[o.Asked-1]}
}

// makeCodes leads an account to its recovery codes.
func (d *desk) makeCodes(caller *Caller, name string, p phone) []string {
	d.t.Helper()
	offer := d.offerCodes(caller, name, p)
	good[Account](d, caller, postRecovery, name, offer.asked())
	return offer.Codes
}

func (d *desk) account(name string) account.Account {
	d.accounts.mu.Lock()
	defer d.accounts.mu.Unlock()
	return d.accounts.accounts[account.Host(name)]
}

// New recovery codes take a code of the phone, are the account's once the one
// asked for was typed, and void those before.
func TestRecoveryCodesAreMade(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		d.refuse(budi, postRecoveryOffer, "budi", OfferRequest{}, ProblemBadRequest) // no phone yet
		p := d.activate(budi, "budi")
		d.refuse(budi, postRecoveryOffer, "budi", OfferRequest{}, ProblemCodeWanted)
		d.refuse(budi, postRecoveryOffer, "budi", OfferRequest{Code: p.wrong()}, ProblemRefused)
		d.refuse(budi, postRecoveryOffer, "budi", OfferRequest{Code: p.code(0)}, ProblemRefused) // burnt

		offer := d.offerCodes(budi, "budi", p)
		if len(offer.Codes) != account.RecoveryCodes || offer.Asked < 1 || offer.Asked > len(offer.Codes) {
			t.Fatalf("%d codes, of which number %d is asked for", len(offer.Codes), offer.Asked)
		}
		another := offer.Codes[offer.Asked%len(offer.Codes)]
		for _, typed := range []string{"", "123456", another, p.code(1)} {
			start := time.Now()
			d.refuse(budi, postRecovery, "budi", RecoveryRequest{Handle: offer.Handle, Code: typed}, ProblemRefused)
			if time.Since(start) != refusalAfter {
				t.Errorf("the refusal took %v", time.Since(start))
			}
		}
		if a := d.account("budi"); !a.Recovery.IsZero() || a.Failures.Run != 0 {
			t.Errorf("after wrong ones: %d codes, %d failures", a.Recovery.Left(), a.Failures.Run)
		}
		if a := good[Account](d, budi, postRecovery, "budi", offer.asked()); a.RecoveryLeft != 8 {
			t.Errorf("there are %d", a.RecoveryLeft)
		}
		last := d.diary.events[len(d.diary.events)-1]
		if last.Kind != audit.Codes || !last.Accepted || last.Caller != budi.String() || last.Version != d.account("budi").Version {
			t.Errorf("event %+v", last)
		}
		d.refuse(budi, postRecovery, "budi", offer.asked(), ProblemVoid) // for once only

		// The one that was typed stays good; new ones void it.
		good[Offer](d, budi, postOffer, "budi", OfferRequest{Code: strings.ToLower(offer.asked().Code)})
		if a := good[Account](d, budi, getAccount, "budi", nil); a.RecoveryLeft != 7 || a.Happened[0].Change != "recovery-used" {
			t.Errorf("after one was used: %+v", a)
		}
		d.makeCodes(budi, "budi", p)
		for _, code := range offer.Codes {
			d.refuse(budi, postOffer, "budi", OfferRequest{Code: code}, ProblemRefused)
		}
		if a := d.account("budi"); a.Recovery.Left() != 8 || a.Failures.Run != 0 {
			t.Errorf("%d codes left, %d failures", a.Recovery.Left(), a.Failures.Run)
		}
	})
}

// Whoever finds one recovery code cannot make eight of it, and whoever typed it
// there by mistake still has it.
func TestARecoveryCodeMakesNoRecoveryCodes(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		codes := d.makeCodes(budi, "budi", d.activate(budi, "budi"))
		issued := good[Issued](d, root, postIssue, "budi", IssueRequest{Justification: Justification{Reason: "HP hilang"}, ValidSeconds: 3600})
		before := d.account("budi").Version
		for _, code := range []string{codes[3], strings.ReplaceAll(codes[3], "-", ""), issued.Code} {
			d.refuse(budi, postRecoveryOffer, "budi", OfferRequest{Code: code}, ProblemBadRequest)
		}
		if a := d.account("budi"); a.Version != before || a.Recovery.Left() != 8 || a.Issued.Spent {
			t.Errorf("%d codes left", a.Recovery.Left())
		}
		good[Offer](d, budi, postOffer, "budi", OfferRequest{Code: codes[3]})
	})
}

// Offered codes are good for one account, one caller, one generation of the
// account and its codes, ten minutes and one confirmation.
func TestOfferedRecoveryCodesAreVoidOnceAnythingChanged(t *testing.T) {
	why := Justification{Reason: "HP hilang"}
	for name, c := range map[string]struct {
		change func(*desk, phone)
		as     *Caller
		for_   string
		want   string
	}{
		"nothing changed": {change: func(*desk, phone) {}},
		"ten minutes":     {change: func(*desk, phone) { time.Sleep(offerGood) }},
		"a code used": {change: func(d *desk, p phone) {
			time.Sleep(time.Minute)
			good[Offer](d, root, postOffer, "budi", OfferRequest{p.code(0)})
		}},
		"expired":         {want: ProblemVoid, change: func(*desk, phone) { time.Sleep(offerGood + time.Second) }},
		"clock set back":  {want: ProblemVoid, change: func(d *desk, _ phone) { d.service.Now = func() time.Time { return time.Now().Add(-time.Minute) } }},
		"another account": {want: ProblemVoid, for_: "siti", change: func(*desk, phone) {}},
		"another caller":  {want: ProblemVoid, as: budi, change: func(*desk, phone) {}},
		"reset":           {want: ProblemVoid, change: func(d *desk, _ phone) { good[Issued](d, root, postReset, "budi", why) }},
		"disabled":        {want: ProblemRefused, change: func(d *desk, _ phone) { good[Account](d, root, postDisable, "budi", Justification{}) }},
		"enabled":         {want: ProblemVoid, change: func(d *desk, _ phone) { good[Account](d, root, postEnable, "budi", Justification{}) }},
		"removed":         {want: ProblemVoid, change: func(d *desk, _ phone) { good[Account](d, root, deleteAccount, "budi", why) }},
		"another keyset":  {want: ProblemVoid, change: func(d *desk, _ phone) { d.service.Seal = newSealer(d.t) }},
		"newer ones kept": {want: ProblemVoid, change: func(d *desk, p phone) { d.makeCodes(root, "budi", p) }},
		"another phone": {want: ProblemVoid, change: func(d *desk, p phone) {
			time.Sleep(time.Minute)
			d.activateBy(root, "budi", p.code(0))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, d *desk) {
				d.activate(root, "siti")
				p := d.activate(root, "budi")
				offer := d.offerCodes(root, "budi", p)
				c.change(d, p)
				caller, user := root, "budi"
				if c.as != nil {
					caller = c.as
				}
				if c.for_ != "" {
					user = c.for_
				}
				before := d.account(user)
				if c.want == "" {
					good[Account](d, caller, postRecovery, user, offer.asked())
					d.refuse(caller, postRecovery, user, offer.asked(), ProblemVoid)
					return
				}
				d.refuse(caller, postRecovery, user, offer.asked(), c.want)
				if a := d.account(user); a.Version != before.Version {
					t.Error("the record changed")
				}
			})
		})
	}
}

// The handle of a phone confirms no recovery codes, nor the other way round.
func TestHandlesAreForOnePurpose(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		p := d.activate(budi, "budi")
		codes := d.offerCodes(budi, "budi", p)
		time.Sleep(time.Minute)
		fresh := good[Offer](d, budi, postOffer, "budi", OfferRequest{Code: p.code(0)})
		before := d.account("budi").Version
		d.refuse(budi, postActivation, "budi", ActivationRequest{Handle: codes.Handle, Codes: []string{scan(t, fresh).code(0)}}, ProblemVoid)
		d.refuse(budi, postRecovery, "budi", RecoveryRequest{Handle: fresh.Handle, Code: codes.asked().Code}, ProblemVoid)
		for _, handle := range []string{"", "!", codes.Handle[1:], codes.Handle + "AA"} {
			d.refuse(budi, postRecovery, "budi", RecoveryRequest{Handle: handle, Code: codes.asked().Code}, ProblemVoid)
		}
		if d.account("budi").Version != before {
			t.Error("the record changed")
		}
	})
}

// Accounts without a record have no generation that would tell them apart.
func TestAHandleIsForOneAccount(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		offer := good[Offer](d, root, postOffer, "budi", OfferRequest{})
		d.refuse(root, postActivation, "siti", ActivationRequest{offer.Handle, []string{scan(t, offer).code(0)}}, ProblemVoid)
		if len(d.accounts.accounts) > 0 {
			t.Error("a record was made")
		}
	})
}

// A code of another account is none, and counts nowhere.
func TestCodesOfAnotherAccount(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		d.activate(root, "siti")
		codes := d.makeCodes(root, "budi", d.activate(root, "budi"))
		issued := good[Issued](d, root, postIssue, "budi", IssueRequest{Justification: Justification{Reason: "HP hilang"}, ValidSeconds: 3600})
		for _, code := range append(codes, issued.Code) {
			d.refuse(siti, postOffer, "siti", OfferRequest{Code: code}, ProblemRefused)
		}
		if a := d.account("siti"); a.Failures.Run != 0 || a.Failures.Month != 0 {
			t.Errorf("failures %+v", a.Failures)
		}
		if a := d.account("budi"); a.Recovery.Left() != 8 || a.Issued.Spent {
			t.Error("budi's were spent")
		}
	})
}

// Recovery codes and issued codes are in the answer that shows them, once, and
// nowhere else.
func TestLongCodesAreShownOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		p := d.activate(budi, "budi")
		offer := d.offerCodes(budi, "budi", p)
		d.bodies = nil
		good[Account](d, budi, postRecovery, "budi", offer.asked())
		issue := IssueRequest{Justification: Justification{Reason: "HP hilang"}, ValidSeconds: 3600}
		issued := good[Issued](d, root, postIssue, "budi", issue)
		d.bodies = nil
		good[Offer](d, budi, postOffer, "budi", OfferRequest{Code: issued.Code})
		good[Offer](d, budi, postOffer, "budi", OfferRequest{Code: offer.Codes[0]})
		for _, caller := range []*Caller{root, budi, clerk, siti} {
			for _, r := range table() {
				d.call(caller, r.pattern, "budi", Justification{Reason: "HP hilang"})
				d.call(caller, r.pattern, "budi", "{}")
			}
		}
		told, err := json.Marshal(d.diary.events)
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Join(append(slices.Clone(d.bodies), string(told)), "\n")
		for _, code := range append(offer.Codes, issued.Code) {
			for _, form := range []string{code, strings.ReplaceAll(code, "-", "")} {
				if strings.Contains(said, form) {
					t.Errorf("%q came out again", form)
				}
			}
		}
	})
}
