package store_test

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/store"
	"spse-totp/totp"
)

// What XChaCha20-Poly1305 and the key's id put before what is sealed, and after it,
// in bytes.
const (
	sealedBefore = 5 + 24
	sealedAfter  = 16
)

// forge is what somebody makes of a sealed text without its key who knows the text:
// a stream cipher gives any other text of that length, or a shorter one, and only
// the tag behind it says that it was changed.
func forge(t *testing.T, sealed, known, wanted []byte) []byte {
	t.Helper()
	if len(sealed) != sealedBefore+len(known)+sealedAfter || len(wanted) > len(known) {
		t.Fatalf("%d bytes sealed, of %d known; %d wanted", len(sealed), len(known), len(wanted))
	}
	forged := append([]byte{}, sealed[:sealedBefore]...)
	for i, b := range wanted {
		forged = append(forged, sealed[sealedBefore+i]^known[i]^b)
	}
	return append(forged, sealed[len(sealed)-sealedAfter:]...)
}

func (b *bench) sealed(t *testing.T, query string) []byte {
	t.Helper()
	db, err := sql.Open("sqlite", b.path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var sealed []byte
	if err := db.QueryRowContext(t.Context(), query).Scan(&sealed); err != nil {
		t.Fatal(err)
	}
	return sealed
}

func record(t *testing.T, a account.Account) []byte {
	t.Helper()
	b, err := a.MarshalRecord()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// eventful has something in each field.
func eventful(t *testing.T, s *store.Store) account.Account {
	t.Helper()
	activate(t, s, budi, noon)
	kept := newRecovery(t, s, budi)
	for i, typed := range []totp.Typed{typedLong(kept[0]), typedLong(kept[1]), totp.NewTyped("000000"), totp.NewTyped("000000")} {
		try := account.Try{Typed: typed, Source: "test", Owner: account.Owner{Host: account.HostID{1}, UID: 1000}, Now: noon}
		if _, outcome, err := s.Update(t.Context(), budi, func(a account.Account) (account.Account, account.Outcome) {
			return account.Attempt(a, try, account.Limits{})
		}); err != nil || outcome.Accepted != (i < 2) {
			t.Fatalf("try %d: %v, %v", i, outcome.Reason, err)
		}
	}
	issue(t, s, budi)
	change(t, s, budi, func(a account.Account) account.Account {
		a.Issued.Once, a.Issued.Spent, a.Issued.Valid = true, true, 24*time.Hour
		a.Phone.Noted = account.Note{Step: a.Phone.Spent, Source: "test"}
		a.Refusals[0].Told = 1
		return account.SetDisabled(a, true, 7)
	})
	return view(t, s, budi)
}

// Each field of a record is changed in turn to what would serve somebody: it does
// not open, nobody gets in by it, and it is told.
func TestForgedFieldsDoNotOpen(t *testing.T) {
	for name, edit := range map[string]func(*account.Account){
		"nothing":                        func(*account.Account) {},
		"a phone of somebody's":          func(a *account.Account) { a.Phone.Secret = newSecret(t) },
		"an older last step":             func(a *account.Account) { a.Phone.Spent -= 100 },
		"no note":                        func(a *account.Account) { a.Phone.Noted = account.Note{} },
		"no failures":                    func(a *account.Account) { a.Failures = account.Failures{} },
		"a month that is over":           func(a *account.Account) { a.Failures.MonthStart = noon.Add(-40 * day) },
		"enabled":                        func(a *account.Account) { a.Disabled = false },
		"never active":                   func(a *account.Account) { a.WasActive = false },
		"another generation":             func(a *account.Account) { a.Generation = 8 },
		"no refusals":                    func(a *account.Account) { a.Refusals = nil },
		"refusals that were told":        func(a *account.Account) { a.Refusals[0].Told = 2 },
		"a recovery code put in":         func(a *account.Account) { a.Recovery.Codes[4].Digest = account.Digest{1} },
		"a used recovery code made good": func(a *account.Account) { a.Recovery.Codes[0].Spent = false },
		"another salt":                   func(a *account.Account) { a.Recovery.Salt = account.Salt{1} },
		"no recovery codes":              func(a *account.Account) { a.Recovery = account.RecoverySet{} },
		"an issued code put in":          func(a *account.Account) { a.Issued.Digest = account.Digest{1} },
		"a used issued code made good":   func(a *account.Account) { a.Issued.Spent = false },
		"an issued code for longer":      func(a *account.Account) { a.Issued.Valid = account.MaxIssuedValid },
		"an issued code for a phone":     func(a *account.Account) { a.Issued.Once = false },
		"the uid taken out":              func(a *account.Account) { a.Owners = nil },
		"another uid":                    func(a *account.Account) { a.Owners[0].UID = 1001 },
		"nothing that happened":          func(a *account.Account) { a.Happened = nil },
		"something else that happened":   func(a *account.Account) { a.Happened[0].Change = account.WasReset },
		"another version":                func(a *account.Account) { a.Version-- },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			s := b.open(t)
			known := record(t, eventful(t, s))
			other := activate(t, s, siti, noon)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			wanted, err := account.UnmarshalRecord(known)
			if err != nil {
				t.Fatal(err)
			}
			edit(&wanted)
			const ofBudi = ` WHERE name = CAST('budi' AS BLOB)`
			forged := forge(t, b.sealed(t, `SELECT sealed FROM account`+ofBudi), known, record(t, wanted))
			b.sql(t, fmt.Sprintf(`UPDATE account SET sealed = x'%x'`, forged)+ofBudi)
			_, err = s.View(t.Context(), budi)
			if name == "nothing" { // so that the rest is refused for what was changed
				if err != nil || len(b.heard.tampered) > 0 {
					t.Errorf("left as it was: %v, alarms %v", err, b.heard.tampered)
				}
				return
			}
			if !errors.Is(err, store.ErrTampered) || len(b.heard.tampered) != 1 || b.heard.tampered[0] != budi {
				t.Errorf("it opens, or is not told: %v, alarms %v", err, b.heard.tampered)
			}
			if outcome, err := attempt(t.Context(), s, budi, totp.NewTyped("123456"), noon); err == nil || outcome.Accepted {
				t.Errorf("an attempt: %v, %v", outcome, err)
			}
			later := noon.Add(time.Minute)
			if outcome, err := attempt(t.Context(), s, siti, code(t, other, later), later); err != nil || !outcome.Accepted {
				t.Errorf("another account: %v, %v", outcome.Reason, err)
			}
		})
	}
}

func newSecret(t *testing.T) totp.Secret {
	t.Helper()
	secret, err := totp.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// Nor can the clock mark be set back.
func TestAForgedClockMarkDoesNotOpen(t *testing.T) {
	for name, back := range map[string]time.Duration{"as it was": 0, "a day back": day} {
		b := newBench(t)
		s := b.open(t)
		offer := activate(t, s, budi, noon)
		text := func(mark time.Time) []byte { return binary.BigEndian.AppendUint64(nil, uint64(mark.Unix())) }
		known, wanted := text(s.ClockMark()), text(s.ClockMark().Add(-back))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		forged := forge(t, b.sealed(t, `SELECT sealed FROM clock_mark`), known, wanted)
		b.sql(t, fmt.Sprintf(`UPDATE clock_mark SET sealed = x'%x'`, forged))
		later := noon.Add(time.Minute)
		outcome, err := attempt(t.Context(), s, budi, code(t, offer, later), later)
		if opens := back == 0; outcome.Accepted != opens || (err == nil) != opens || (len(b.heard.failed) == 0) != opens {
			t.Errorf("%s: %v, %v, alarms %v", name, outcome.Reason, err, b.heard.failed)
		}
	}
}
