package login

import (
	"path/filepath"
	"testing"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/seal"
	"spse-totp/daemon/internal/store"
	"spse-totp/daemon/internal/store/sqlite"
	"spse-totp/daemon/protocol"
	"spse-totp/totp"
)

// onDisk moves the desk's accounts to a real store.
func (d *desk) onDisk(t *testing.T) *store.Store {
	t.Helper()
	keyset, err := seal.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.New(keyset)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "accounts.db")
	s := store.New(sqlite.At(path), sealer, store.Unwatched{})
	t.Cleanup(func() { _ = s.Close() })
	for id, a := range d.accounts.accounts {
		if _, _, err := s.Update(t.Context(), id, func(before account.Account) (account.Account, account.Outcome) {
			a.Version = before.Version
			return a, account.Outcome{}
		}); err != nil {
			t.Fatal(err)
		}
	}
	d.service.Accounts = s
	return s
}

// A host whose clock goes back by a day refuses codes of the phone, right ones and
// wrong ones alike, and writes nothing down; a recovery code lets in; and with the
// clock put right all is as it was.
func TestALoginUnderAClockThatIsADayBack(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var kept []totp.LongCode
	d.change(func(a *account.Account) {
		a.Recovery = account.RecoverySet{}
		offer, err := account.OfferRecovery(*a)
		if err != nil {
			t.Fatal(err)
		}
		kept = offer.Codes
		*a, _ = account.ConfirmRecovery(*a, offer, account.Try{Typed: totp.NewTyped(kept[offer.Asked-1].Grouped()), Now: d.now})
	})
	s := d.onDisk(t)
	version := func() uint64 {
		t.Helper()
		a, err := s.View(t.Context(), account.Host("budi"))
		if err != nil {
			t.Fatal(err)
		}
		return a.Version
	}
	if got := d.serve(t, start(), answer(d.code(t, 0))).verdict(); got != protocol.Accepted {
		t.Fatalf("a login before: %v", got)
	}
	before := version()
	d.now = d.now.Add(-24 * time.Hour)
	for range 12 {
		expectSaid(t, d.serve(t, start(), answer(d.code(t, 0))), prompted(refusal)...)
		expectSaid(t, d.serve(t, start(), answer(d.wrong(t))), prompted(refusal)...)
	}
	for _, event := range d.diary.events[1:] {
		if event.Accepted || event.Reason != "clock-behind" || event.Hint == "" {
			t.Errorf("event %+v", event)
		}
	}
	if after := version(); after != before {
		t.Errorf("the record was written: version %d, before %d", after, before)
	}
	// And offers no new phone, whose code could not be right.
	if got := d.serve(t, start(), answer(kept[0].Grouped())).verdict(); got != protocol.Accepted {
		t.Errorf("a recovery code: %v", got)
	}
	d.now = d.now.Add(24*time.Hour + time.Minute)
	if got := d.serve(t, start(), answer(d.code(t, 0))).verdict(); got != protocol.Accepted {
		t.Errorf("the clock put right: %v", got)
	}
}
