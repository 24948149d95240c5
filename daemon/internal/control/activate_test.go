package control

import (
	"context"
	"encoding/base64"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fxamacker/cbor/v2"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/internal/seal"
)

// A new phone takes a code of the old one, which works on until the new one's
// code was right.
func TestAnActiveAccountWantsACodeForANewPhone(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		old := d.activate(budi, "budi")
		d.refuse(budi, postOffer, "budi", OfferRequest{}, ProblemCodeWanted)
		d.refuse(root, postOffer, "budi", OfferRequest{}, ProblemCodeWanted)
		d.refuse(budi, postOffer, "budi", OfferRequest{Code: old.wrong()}, ProblemRefused)
		d.refuse(budi, postOffer, "budi", OfferRequest{Code: old.code(0)}, ProblemRefused) // burnt by the activation
		offer := good[Offer](d, budi, postOffer, "budi", OfferRequest{Code: old.code(1)})
		d.refuse(budi, postOffer, "budi", OfferRequest{Code: old.code(1)}, ProblemRefused) // burnt by the offer
		time.Sleep(time.Minute)
		good[Offer](d, budi, postOffer, "budi", OfferRequest{Code: old.code(0)}) // the old phone works on
		fresh := scan(t, offer)
		good[Account](d, budi, postActivation, "budi", ActivationRequest{Handle: offer.Handle, Codes: []string{fresh.code(0)}})
		d.refuse(budi, postOffer, "budi", OfferRequest{Code: old.code(1)}, ProblemRefused)
		good[Offer](d, budi, postOffer, "budi", OfferRequest{Code: fresh.code(1)})
	})
}

// A code on control.sock is the attempt of a login: counted, noted, told.
func TestCodesAreCountedAsAtALogin(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		p := d.activate(budi, "budi")
		for range 10 {
			d.refuse(budi, postOffer, "budi", OfferRequest{Code: p.wrong()}, ProblemRefused)
		}
		time.Sleep(time.Minute)
		a := d.accounts.accounts[account.Host("budi")]
		if a.Failures.Run != 10 || !a.Guarded(time.Now()) {
			t.Errorf("failures %+v", a.Failures)
		}
		d.refuse(budi, postOffer, "budi", OfferRequest{Code: p.code(0)}, ProblemRefused)
		time.Sleep(30 * time.Second)
		good[Offer](d, budi, postOffer, "budi", OfferRequest{Code: p.code(0)})
		last := d.diary.events[len(d.diary.events)-1]
		want := audit.Event{
			Kind: audit.Attempt, Account: account.Host("budi"), Version: 13, Accepted: true, Reason: "accepted-pair", Caller: budi.String(),
		}
		if last != want {
			t.Errorf("event %+v, want %+v", last, want)
		}
	})
}

func TestAnActivationWantsARightCode(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		offer := good[Offer](d, budi, postOffer, "budi", OfferRequest{})
		p := scan(t, offer)
		for name, c := range map[string]struct {
			codes []string
			want  string
		}{
			"none":        {nil, ProblemBadRequest},
			"three":       {[]string{p.code(-2), p.code(-1), p.code(0)}, ProblemBadRequest},
			"wrong":       {[]string{p.wrong()}, ProblemRefused},
			"malformed":   {[]string{"rahasia"}, ProblemRefused},
			"newline":     {[]string{p.code(0) + "\n"}, ProblemRefused},
			"far off":     {[]string{p.code(5)}, ProblemRefused},
			"not in turn": {[]string{p.code(9), p.code(5)}, ProblemRefused},
		} {
			if r := d.call(budi, postActivation, "budi", ActivationRequest{Handle: offer.Handle, Codes: c.codes}); r.Code != c.want {
				t.Errorf("%s: got %d %s", name, r.status, r.body)
			}
		}
		if len(d.accounts.accounts) > 0 {
			t.Error("a shown secret was stored")
		}
		a := good[Account](d, budi, postActivation, "budi", ActivationRequest{Handle: offer.Handle, Codes: []string{p.code(4), p.code(5)}})
		if !a.Active || a.DriftSeconds != 150 {
			t.Errorf("got %+v", a)
		}
	})
}

// An offer is good for one account, one caller, one generation of the account,
// ten minutes and one confirmation.
func TestAnOfferIsVoidOnceAnythingChanged(t *testing.T) {
	why := Justification{Reason: "HP hilang"}
	for name, c := range map[string]struct {
		change func(*desk)
		as     *Caller
		for_   string
		want   string
	}{
		"nothing changed": {want: "", change: func(*desk) {}},
		"ten minutes":     {want: "", change: func(*desk) { time.Sleep(offerGood) }},
		"expired":         {want: ProblemVoid, change: func(*desk) { time.Sleep(offerGood + time.Second) }},
		"clock set back":  {want: ProblemVoid, change: func(d *desk) { d.service.Now = func() time.Time { return time.Now().Add(-time.Minute) } }},
		"another account": {want: ProblemVoid, for_: "siti", change: func(*desk) {}},
		"another caller":  {want: ProblemVoid, as: budi, change: func(*desk) {}},
		"reset":           {want: ProblemVoid, change: func(d *desk) { good[Issued](d, root, postReset, "budi", why) }},
		"disabled":        {want: ProblemRefused, change: func(d *desk) { good[Account](d, root, postDisable, "budi", Justification{}) }},
		"enabled":         {want: ProblemVoid, change: func(d *desk) { good[Account](d, root, postEnable, "budi", Justification{}) }},
		"disabled, enabled": {want: ProblemVoid, change: func(d *desk) {
			good[Account](d, root, postDisable, "budi", Justification{})
			good[Account](d, root, postEnable, "budi", Justification{})
		}},
		"removed":        {want: ProblemVoid, change: func(d *desk) { good[Account](d, root, deleteAccount, "budi", why) }},
		"another keyset": {want: ProblemVoid, change: func(d *desk) { d.service.Seal = newSealer(d.t) }},
		"another phone meanwhile": {want: ProblemVoid, change: func(d *desk) {
			issued := good[Issued](d, root, postReset, "budi", why)
			d.activateBy(budi, "budi", issued.Code)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, d *desk) {
				d.activate(root, "budi") // so that there is a record with a generation
				issued := good[Issued](d, root, postReset, "budi", why)
				offer := good[Offer](d, root, postOffer, "budi", OfferRequest{Code: issued.Code})
				c.change(d)
				caller, user := root, "budi"
				if c.as != nil {
					caller = c.as
				}
				if c.for_ != "" {
					user = c.for_
				}
				before := d.accounts.accounts[account.Host(user)].Version
				request := ActivationRequest{Handle: offer.Handle, Codes: []string{scan(t, offer).code(0)}}
				if c.want == "" {
					good[Account](d, caller, postActivation, user, request)
					d.refuse(caller, postActivation, user, request, ProblemVoid) // for once only
					return
				}
				d.refuse(caller, postActivation, user, request, c.want)
				if a := d.accounts.accounts[account.Host(user)]; a.Version != before {
					t.Error("the record changed")
				}
			})
		})
	}
}

func TestAnEditedHandleIsVoid(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		offer := good[Offer](d, budi, postOffer, "budi", OfferRequest{})
		code := []string{scan(t, offer).code(0)}
		sealed, err := base64.RawURLEncoding.DecodeString(offer.Handle)
		if err != nil {
			t.Fatal(err)
		}
		for i := range sealed {
			edited := slices.Clone(sealed)
			edited[i] ^= 1
			d.refuse(budi, postActivation, "budi", ActivationRequest{Handle: base64.RawURLEncoding.EncodeToString(edited), Codes: code}, ProblemVoid)
		}
		for _, handle := range []string{"", "!", offer.Handle + "=", offer.Handle[1:], offer.Handle + "AA"} {
			d.refuse(budi, postActivation, "budi", ActivationRequest{Handle: handle, Codes: code}, ProblemVoid)
		}
		// Sealed by the right key, but for another purpose: a record's bytes
		// are no handle.
		secret := scan(t, offer).key.Secret
		clear, err := cbor.Marshal(handle{Secret: secret.Bytes(), UID: budi.UID, Until: time.Now().Add(time.Minute).Unix()})
		if err != nil {
			t.Fatal(err)
		}
		other, err := d.service.Seal.Seal(seal.Label{Purpose: "record", Realm: account.RealmHost, Name: "budi"}, clear)
		if err != nil {
			t.Fatal(err)
		}
		d.refuse(budi, postActivation, "budi", ActivationRequest{Handle: base64.RawURLEncoding.EncodeToString(other), Codes: code}, ProblemVoid)
		good[Account](d, budi, postActivation, "budi", ActivationRequest{Handle: offer.Handle, Codes: code})
	})
}

func TestARefusedCodeCostsTwoSeconds(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		offer := good[Offer](d, siti, postOffer, "siti", OfferRequest{})
		p := d.activate(budi, "budi")
		for name, c := range map[string]struct {
			cost time.Duration
			call func()
		}{
			"wrong code": {refusalAfter, func() { d.refuse(budi, postOffer, "budi", OfferRequest{Code: p.wrong()}, ProblemRefused) }},
			"burnt code": {refusalAfter, func() { d.refuse(budi, postOffer, "budi", OfferRequest{Code: p.code(0)}, ProblemRefused) }},
			"no code":    {refusalAfter, func() { d.refuse(budi, postOffer, "budi", OfferRequest{Code: "x"}, ProblemRefused) }},
			"activation": {refusalAfter, func() {
				d.refuse(siti, postActivation, "siti", ActivationRequest{offer.Handle, []string{"000000"}}, ProblemRefused)
			}},
			"status":      {0, func() { good[Account](d, budi, getAccount, "budi", nil) }},
			"code wanted": {0, func() { d.refuse(budi, postOffer, "budi", OfferRequest{}, ProblemCodeWanted) }},
		} {
			start := time.Now()
			if c.call(); time.Since(start) != c.cost {
				t.Errorf("%s took %v, want %v", name, time.Since(start), c.cost)
			}
		}
	})
}

// Each caller has one code checked at a time; who hangs up waits all the same.
func TestOneCodeInFlightForEachCaller(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		p := d.activate(budi, "budi")
		wrong := OfferRequest{Code: p.wrong()}
		d.accounts.hold = make(chan struct{})
		gone, hangUp := context.WithCancel(t.Context())
		first := make(chan reply)
		go func() { first <- d.callIn(gone, budi, postOffer, "budi", wrong) }()
		synctest.Wait()
		d.refuse(budi, postOffer, "budi", wrong, ProblemBusy)
		close(d.accounts.hold)
		hangUp()
		synctest.Wait()
		d.refuse(budi, postOffer, "budi", wrong, ProblemBusy)
		second := make(chan reply)
		go func() { second <- d.call(root, postOffer, "budi", wrong) }() // another caller
		time.Sleep(refusalAfter - time.Millisecond)
		d.refuse(budi, postOffer, "budi", wrong, ProblemBusy)
		if r := <-first; r.Code != ProblemRefused {
			t.Errorf("the first got %s", r.body)
		}
		if r := <-second; r.Code != ProblemRefused {
			t.Errorf("root got %s", r.body)
		}
		d.refuse(budi, postOffer, "budi", wrong, ProblemRefused)
		if a := d.accounts.accounts[account.Host("budi")]; a.Failures.Run != 3 {
			t.Errorf("%d failures, want 3", a.Failures.Run)
		}
	})
}
