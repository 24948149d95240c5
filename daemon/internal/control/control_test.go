package control

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fxamacker/cbor/v2"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/internal/seal"
)

// inBubble runs a test on a clock of its own, on which waiting takes no time.
func inBubble(t *testing.T, test func(*testing.T, *desk)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(t, newDesk(t)) })
}

// Every row, as every caller. What a row lets through may still fail.
func TestWhoMayWhat(t *testing.T) {
	type callers struct{ root, owner, other, stranger bool }
	want := map[string]callers{
		getHost:        {root: true, owner: true, other: true, stranger: true},
		getAccounts:    {root: true},
		getAccount:     {root: true, owner: true},
		postOffer:      {root: true, owner: true},
		postActivation: {root: true, owner: true},
		postReset:      {root: true},
		postDisable:    {root: true},
		postEnable:     {root: true},
		deleteAccount:  {root: true},
	}
	if len(table) != len(want) {
		t.Errorf("the table has %d rows, this test knows %d", len(table), len(want))
	}
	for _, r := range table {
		may, known := want[r.pattern]
		if !known {
			t.Errorf("%s: who may?", r.pattern)
		}
		for who, c := range map[string]struct {
			caller *Caller
			may    bool
		}{
			"root": {root, may.root}, "owner": {budi, may.owner}, "another": {siti, may.other},
			"stranger": {stranger, may.stranger}, "no credentials": {nobodyAt, false},
		} {
			t.Run(r.pattern+" as "+who, func(t *testing.T) {
				inBubble(t, func(t *testing.T, d *desk) {
					d.activate(root, "budi")
					before, events := d.accounts.accounts[account.Host("budi")], len(d.diary.events)
					got := d.call(c.caller, r.pattern, "budi", "{}")
					if mayNot := got.Code == ProblemNotAllowed; mayNot == c.may {
						t.Fatalf("got %d %s", got.status, got.body)
					}
					if c.may {
						return
					}
					if got.status != http.StatusForbidden || d.accounts.accounts[account.Host("budi")].Version != before.Version {
						t.Errorf("got %d, and the record changed", got.status)
					}
					if told := d.diary.events[events:]; len(told) != 1 || told[0].Kind != audit.Refused || !strings.Contains(told[0].Message, r.pattern) {
						t.Errorf("events %+v", told)
					}
				})
			})
		}
	}
}

// An account is one's own only if NSS says so, by the very name.
func TestOnesOwnAccountIsByNSSAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		for _, name := range []string{"", "Budi", "budi ", "../budi", "bu\ndi", "budi\x00", "1000", strings.Repeat("b", 5000)} {
			for _, r := range []string{getAccount, postOffer, postActivation} {
				d.refuse(budi, r, name, "{}", ProblemNotAllowed)
			}
		}
		d.nss.err = errors.New("directory server away")
		d.refuse(budi, getAccount, "budi", nil, ProblemNotAllowed)
		good[Account](d, root, getAccount, "budi", nil)
		d.refuse(root, postOffer, "budi", OfferRequest{}, ProblemNoAccount)
		// Two names: the one that is judged is the one that is served.
		if r := d.call(budi, getAccount+"?name=siti&name=budi", "", nil); r.Code != ProblemNotAllowed {
			t.Errorf("got %s", r.body)
		}
	})
}

func TestWhatHasNoRowIsNoService(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		for _, pattern := range []string{
			"GET /", "GET /v1/secret", "POST " + PathHost, "PUT " + PathAccount, "GET " + PathOffer, "DELETE " + PathAccounts,
			"PATCH " + PathReset, "GET /v1/account/", "GET /V1/ACCOUNT", "TRACE " + PathAccount,
		} {
			d.refuse(root, pattern, "budi", nil, ProblemNotFound)
		}
	})
}

func TestBodiesAreStrict(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		d.activate(root, "budi")
		before := d.accounts.accounts[account.Host("budi")].Version
		for name, body := range map[string]string{
			"none": "", "text": "hello", "array": "[]", "number": "7", "cut": `{"code":`, "wrong type": `{"code":7,"reason":7,"handle":7}`,
			"unknown field": `{"uid":0}`, "more behind": `{} {}`, "brace behind": `{}}`, "bracket behind": `{}]`,
			"too long": `{"code":"` + strings.Repeat("1", maxBody) + `"}`,
			"deep":     strings.Repeat("[", 5000),
			"canary":   `{"code":"Rahasia-77"`,
		} {
			for _, pattern := range []string{postOffer, postActivation, postReset, deleteAccount} {
				if r := d.call(root, pattern, "budi", body); r.Code != ProblemBadRequest || strings.Contains(r.body, "Rahasia") {
					t.Errorf("%s, %s: got %d %s", pattern, name, r.status, r.body)
				}
			}
		}
		if a := d.accounts.accounts[account.Host("budi")]; a.Version != before {
			t.Error("the record changed")
		}
	})
}

func TestReasonsAreOneLine(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		d.activate(root, "budi")
		before := d.accounts.accounts[account.Host("budi")].Version
		for name, why := range map[string]Justification{
			"none": {}, "blank": {Reason: " \t\n "}, "newline": {Reason: "HP\nhilang"}, "escape": {Reason: "HP \x1b[2J hilang"},
			"NUL": {Reason: "HP\x00hilang"}, "tab": {Reason: "HP\thilang"}, "line separator": {Reason: "HP\u2028hilang"},
			"right to left": {Reason: "HP\u202ehilang"}, "201 bytes": {Reason: strings.Repeat("h", 201)},
			"10,000 bytes":   {Reason: strings.Repeat("h", 10_000)},
			"letter newline": {Reason: "HP hilang", Letter: "027\n10"}, "long letter": {Reason: "HP hilang", Letter: strings.Repeat("7", 65)},
			"letter alone": {Letter: "027/10"},
		} {
			for _, pattern := range []string{postReset, deleteAccount} {
				if r := d.call(root, pattern, "budi", why); r.Code != ProblemBadRequest {
					t.Errorf("%s, %s: got %d %s", pattern, name, r.status, r.body)
				}
			}
		}
		if a := d.accounts.accounts[account.Host("budi")]; a.Version != before {
			t.Error("the record changed")
		}
		good[Account](d, root, postReset, "budi", Justification{Reason: " " + strings.Repeat("h", 200), Letter: "027.10/2026"})
		told := d.diary.events[len(d.diary.events)-1]
		if told.Kind != audit.Reset || len(told.Why) != 200 || told.Letter != "027.10/2026" || told.Caller != root.String() || told.Version == 0 {
			t.Errorf("event %+v", told)
		}
	})
}

// What an administrator does to an account, and to one that is not there.
func TestAdministration(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		why := Justification{Reason: "HP hilang"}
		for _, pattern := range []string{postReset, postEnable, deleteAccount} {
			d.refuse(root, pattern, "budi", why, ProblemNoAccount)
		}
		for _, name := range []string{"nobody", "", "bu\ndi"} {
			d.refuse(root, postDisable, name, Justification{}, ProblemNoAccount)
		}
		d.refuse(root, getAccount, "", nil, ProblemBadRequest)
		if len(d.accounts.accounts) > 0 {
			t.Error("a record was made")
		}
		d.activate(root, "budi")
		if a := good[Account](d, root, postReset, "budi", why); a.Active || !a.WasActive {
			t.Errorf("after the reset: %+v", a)
		}
		if a := good[Account](d, root, postDisable, "siti", Justification{}); !*a.Disabled || a.Active {
			t.Errorf("after the disable: %+v", a)
		}
		if a := good[Account](d, root, postEnable, "siti", Justification{}); *a.Disabled {
			t.Errorf("after the enable: %+v", a)
		}
		if a := good[Account](d, root, deleteAccount, "budi", why); a.Active || a.WasActive || a.Version != 0 {
			t.Errorf("after the remove: %+v", a)
		}
		var kinds []audit.Kind
		for _, e := range d.diary.events {
			kinds = append(kinds, e.Kind)
		}
		if want := []audit.Kind{audit.Activation, audit.Reset, audit.Disable, audit.Enable, audit.Remove}; !slices.Equal(kinds, want) {
			t.Errorf("events %v, want %v", kinds, want)
		}
	})
}

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
		"reset":           {want: ProblemVoid, change: func(d *desk) { good[Account](d, root, postReset, "budi", why) }},
		"disabled":        {want: ProblemRefused, change: func(d *desk) { good[Account](d, root, postDisable, "budi", Justification{}) }},
		"enabled":         {want: ProblemVoid, change: func(d *desk) { good[Account](d, root, postEnable, "budi", Justification{}) }},
		"disabled, enabled": {want: ProblemVoid, change: func(d *desk) {
			good[Account](d, root, postDisable, "budi", Justification{})
			good[Account](d, root, postEnable, "budi", Justification{})
		}},
		"removed":        {want: ProblemVoid, change: func(d *desk) { good[Account](d, root, deleteAccount, "budi", why) }},
		"another keyset": {want: ProblemVoid, change: func(d *desk) { d.service.Seal = newSealer(d.t) }},
		"another phone meanwhile": {want: ProblemVoid, change: func(d *desk) {
			good[Account](d, root, postReset, "budi", why)
			d.activate(budi, "budi")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, d *desk) {
				d.activate(root, "budi") // so that there is a record with a generation
				good[Account](d, root, postReset, "budi", why)
				offer := good[Offer](d, root, postOffer, "budi", OfferRequest{})
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
			for _, r := range table {
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
		"slow phone": {func(a *account.Account) { a.Phone.Drift = -10 }, "phone is 5 min slow"},
		"fast phone": {func(a *account.Account) { a.Phone.Drift = 3 }, "phone is 1.5 min fast"},
		"inactive":   {func(a *account.Account) { a.Phone = account.Phone{} }, "spse-totp activate budi"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, d *desk) {
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

// Anybody can be refused a hundred thousand times in a few seconds: the journal
// is told once a minute.
func TestRefusedRequestsDoNotFloodTheJournal(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		for range 1000 {
			d.refuse(budi, getAccounts, "", nil, ProblemNotAllowed)
		}
		if n := len(d.diary.events); n != 1 {
			t.Errorf("%d events", n)
		}
		time.Sleep(tellEvery)
		d.refuse(budi, getAccounts, "", nil, ProblemNotAllowed)
		if n := len(d.diary.events); n != 2 {
			t.Errorf("%d events after a minute", n)
		}
	})
}

func refusedFor(reason account.Reason, count uint32) func(*account.Account) {
	return func(a *account.Account) {
		a.Refusals = append(a.Refusals,
			account.Refusal{Reason: account.Wrong, Source: "sshd 198.51.100.1", Count: 1, Last: time.Unix(1, 0)},
			account.Refusal{Reason: reason, Source: "sshd 203.0.113.9", Count: count, Last: time.Unix(1e9, 0)})
	}
}
