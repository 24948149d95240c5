package clockjump

import (
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/seal"
	"spse-totp/daemon/internal/store"
	"spse-totp/daemon/internal/store/sqlite"
	"spse-totp/totp"
)

// filled has a value in every field that can hold one.
func filled(t *testing.T) account.Account {
	t.Helper()
	secret, err := totp.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1_800_000_000, 0).UTC()
	params := totp.DefaultParams()
	return account.Account{
		Generation: 7,
		Phone:      account.Phone{Secret: secret, Params: params, Drift: 3, Spent: params.StepAt(at), Noted: account.Note{Step: params.StepAt(at), Source: "sshd"}},
		WasActive:  true,
		AcceptedAt: at,
		Failures:   account.Failures{Run: 2, Month: 3, MonthStart: at},
		Refusals:   []account.Refusal{{Reason: account.Wrong, Source: "sshd", Count: 2, Last: at}},
		Issued:     account.IssuedCode{Salt: account.NewSalt(), At: at, Valid: time.Hour},
		Happened:   []account.Happening{{Change: account.CodeIssued, At: at}},
	}
}

// Every time and every step of an account moves, of whatever is added to it too;
// and there and back is where it was.
func TestAllThatIsOfATimeMoves(t *testing.T) {
	const by = 48 * time.Hour
	before := filled(t)
	after := moved(before, by)
	times := 0
	compare(t, "account", reflect.ValueOf(before), reflect.ValueOf(after), &times, by)
	if times != 7 {
		t.Errorf("saw %d times and steps, want 7: is there one in filled for each field?", times)
	}
	if again := moved(after, -by); !reflect.DeepEqual(again, before) {
		t.Errorf("there and back: %+v, want %+v", again, before)
	}
	if none := moved(account.Account{}, by); !reflect.DeepEqual(none, account.Account{}) {
		t.Errorf("of nothing comes %+v", none)
	}
}

func compare(t *testing.T, what string, before, after reflect.Value, times *int, by time.Duration) {
	t.Helper()
	switch {
	case before.Type() == reflect.TypeFor[time.Time]():
		*times++
		if got := before.Interface().(time.Time).Sub(after.Interface().(time.Time)); got != by {
			t.Errorf("%s moved by %v", what, got)
		}
	case before.Type() == reflect.TypeFor[totp.Step]():
		*times++
		if got := before.Int() - after.Int(); got != int64(by/(30*time.Second)) {
			t.Errorf("%s moved by %d", what, got)
		}
	case before.Type() == reflect.TypeFor[totp.Secret]():
	case before.Kind() == reflect.Struct:
		for i := range before.NumField() {
			compare(t, what+"."+before.Type().Field(i).Name, before.Field(i), after.Field(i), times, by)
		}
	case before.Kind() == reflect.Slice:
		for i := range before.Len() {
			compare(t, what, before.Index(i), after.Index(i), times, by)
		}
	}
}

// A database that jumped has moved records and a moved mark; there is none to jump
// where there is no database, and none by a part of a step.
func TestJump(t *testing.T) {
	keyset, err := seal.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "accounts.db")
	if err := Jump(t.Context(), keyset, path, time.Hour); err == nil {
		t.Error("a database that is not there jumps")
	}
	sealer, err := seal.New(keyset)
	if err != nil {
		t.Fatal(err)
	}
	want := filled(t)
	now := time.Unix(1_800_000_000, 0).UTC()
	with := func(use func(*store.Store) error) {
		t.Helper()
		s := store.New(sqlite.At(path), sealer, store.Unwatched{})
		if err := use(s); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	with(func(s *store.Store) error {
		_, _, err := s.Update(t.Context(), account.Host("budi"), func(account.Account) (account.Account, account.Outcome) {
			return want, account.Outcome{Accepted: true, Reason: account.Accepted, Mark: now}
		})
		return err
	})
	if err := Jump(t.Context(), keyset, path, 31*time.Second); err == nil {
		t.Error("it jumps by a part of a step")
	}
	if err := Jump(t.Context(), keyset, path, -time.Hour); err != nil {
		t.Fatal(err)
	}
	with(func(s *store.Store) error {
		got, err := s.View(t.Context(), account.Host("budi"))
		if !got.AcceptedAt.Equal(now.Add(time.Hour)) || got.Phone.Spent != want.Phone.Spent+120 {
			t.Errorf("the record is %+v", got)
		}
		if mark := s.ClockMark(); !mark.Equal(now.Add(time.Hour)) {
			t.Errorf("the mark is %v", mark)
		}
		return err
	})
}
