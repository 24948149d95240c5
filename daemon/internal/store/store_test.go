package store_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/seal"
	"spse-totp/daemon/internal/store"
	"spse-totp/daemon/internal/store/sqlite"
	"spse-totp/totp"
)

var (
	budi = account.Host("budi")
	siti = account.Host("siti")
	noon = time.Unix(1.79e9, 0).UTC()
)

// heard is a store.Watch that keeps what it hears.
type heard struct {
	mu       sync.Mutex
	made     int
	failed   []error
	healed   int
	tampered []account.ID
	behind   []time.Duration
	right    int
}

func (h *heard) Failed(err error) { h.mu.Lock(); defer h.mu.Unlock(); h.failed = append(h.failed, err) }
func (h *heard) Made()            { h.mu.Lock(); defer h.mu.Unlock(); h.made++ }
func (h *heard) Healed()          { h.mu.Lock(); defer h.mu.Unlock(); h.healed++ }
func (h *heard) ClockBehind(by time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.behind = append(h.behind, by)
}
func (h *heard) ClockRight() { h.mu.Lock(); defer h.mu.Unlock(); h.right++ }
func (h *heard) Tampered(id account.ID, _ error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tampered = append(h.tampered, id)
}

// bench is one database with its keyset, opened and reopened by a test.
type bench struct {
	path   string
	sealer *seal.Sealer
	heard  *heard
}

func newBench(t *testing.T) *bench {
	t.Helper()
	keyset, err := seal.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.New(keyset)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{path: filepath.Join(t.TempDir(), "accounts.db"), sealer: sealer, heard: &heard{}}
}

func (b *bench) opener(ctx context.Context, mark []byte) (store.Engine, bool, error) {
	engine, made, err := sqlite.Open(ctx, b.path, mark)
	if err != nil {
		return nil, false, err // not a nil *Engine
	}
	return engine, made, nil
}

func (b *bench) open(t *testing.T) *store.Store {
	t.Helper()
	s := store.New(b.opener, b.sealer, b.heard)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// sql edits the closed database, as somebody with the sqlite3 program could.
func (b *bench) sql(t *testing.T, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", b.path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	result, err := db.ExecContext(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%s: changed %d rows, %v", statement, n, err)
	}
}

func activate(t *testing.T, s *store.Store, id account.ID, now time.Time) account.Offer {
	t.Helper()
	secret, err := totp.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	offer := account.Offer{Secret: secret, Params: totp.DefaultParams(), By: account.ByPassword}
	_, outcome, err := s.Update(t.Context(), id, func(a account.Account) (account.Account, account.Outcome) {
		offer.Generation = a.Generation
		return account.Confirm(a, offer, []totp.Typed{code(t, offer, now)}, account.Try{Now: now}, 1)
	})
	if err != nil || !outcome.Accepted {
		t.Fatalf("activation: %v, %v", outcome.Reason, err)
	}
	return offer
}

func code(t *testing.T, o account.Offer, now time.Time) totp.Typed {
	t.Helper()
	c, err := totp.CodeAt(o.Secret, o.Params, o.Params.StepAt(now))
	if err != nil {
		t.Fatal(err)
	}
	return totp.NewTyped(c.Reveal())
}

func attempt(ctx context.Context, s *store.Store, id account.ID, typed totp.Typed, now time.Time) (account.Outcome, error) {
	_, outcome, err := s.Update(ctx, id, func(a account.Account) (account.Account, account.Outcome) {
		return account.Attempt(a, account.Try{Typed: typed, Source: "test", Now: now}, account.Limits{})
	})
	return outcome, err
}

func TestOneCodeOneSuccessInARace(t *testing.T) {
	s := newBench(t).open(t)
	offer := activate(t, s, budi, noon)
	for round := range 20 {
		now := noon.Add(time.Duration(round+1) * time.Minute)
		typed := code(t, offer, now)
		var wg sync.WaitGroup
		reasons := make(chan account.Reason, 200)
		for range 200 {
			wg.Go(func() {
				outcome, err := attempt(context.Background(), s, budi, typed, now)
				if err != nil {
					t.Error(err)
				}
				reasons <- outcome.Reason
			})
		}
		wg.Wait()
		close(reasons)
		count := map[account.Reason]int{}
		for r := range reasons {
			count[r]++
		}
		if count[account.Accepted] != 1 || count[account.Replayed] != 199 {
			t.Fatalf("round %d: %v", round, count)
		}
	}
}

// tried is an attempt's reason by an update that was read ahead.
func tried(t *testing.T, update store.Update, typed totp.Typed, now time.Time) account.Reason {
	t.Helper()
	_, outcome, err := update(t.Context(), func(a account.Account) (account.Account, account.Outcome) {
		return account.Attempt(a, account.Try{Typed: typed, Source: "test", Now: now}, account.Limits{})
	})
	if err != nil {
		t.Fatal(err)
	}
	return outcome.Reason
}

func readAhead(t *testing.T, s *store.Store, id account.ID) store.Update {
	t.Helper()
	_, update, err := s.ReadAhead(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return update
}

// What was read ahead is no more than a guess: what counts is what is there when
// the answer comes, whatever happened in between.
func TestAStaleReadAheadDecidesNothing(t *testing.T) {
	later := noon.Add(time.Minute)
	for name, c := range map[string]struct {
		meanwhile func(*testing.T, *store.Store, totp.Typed)
		want      account.Reason
	}{
		"nothing": {func(*testing.T, *store.Store, totp.Typed) {}, account.Accepted},
		"the code let somebody in": {func(t *testing.T, s *store.Store, typed totp.Typed) {
			if got := tried(t, readAhead(t, s, budi), typed, later); got != account.Accepted {
				t.Fatal(got)
			}
		}, account.Replayed},
		"disabled": {func(t *testing.T, s *store.Store, _ totp.Typed) {
			if _, _, err := s.Update(t.Context(), budi, func(a account.Account) (account.Account, account.Outcome) {
				a.Disabled = true
				return a, account.Outcome{}
			}); err != nil {
				t.Fatal(err)
			}
		}, account.Disabled},
		"guarded by wrong codes": {func(t *testing.T, s *store.Store, _ totp.Typed) {
			for range 10 {
				if got := tried(t, readAhead(t, s, budi), totp.NewTyped("000000"), noon.Add(24*time.Hour)); got != account.Wrong {
					t.Fatal(got)
				}
			}
		}, account.Noted},
		"removed": {func(t *testing.T, s *store.Store, _ totp.Typed) { removed(t, s, budi) }, account.NotActivated},
		// The record of another phone, and of the same version.
		"removed and activated anew": {func(t *testing.T, s *store.Store, _ totp.Typed) {
			removed(t, s, budi)
			activate(t, s, budi, noon)
		}, account.Wrong},
	} {
		t.Run(name, func(t *testing.T) {
			s := newBench(t).open(t)
			typed := code(t, activate(t, s, budi, noon), later)
			update := readAhead(t, s, budi)
			c.meanwhile(t, s, typed)
			if got := tried(t, update, typed, later); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if got := tried(t, update, typed, later); got == account.Accepted {
				t.Error("the update let the code in again")
			}
		})
	}
}

func removed(t *testing.T, s *store.Store, id account.ID) {
	t.Helper()
	if a, err := s.Remove(t.Context(), id); err != nil || a.Version == 0 {
		t.Fatalf("version %d, %v", a.Version, err)
	}
}

// A decision that changes nothing is compared by no commit, so it is made on what
// is there now.
func TestWhatChangesNothingIsDecidedOnWhatIsThere(t *testing.T) {
	s := newBench(t).open(t)
	update := readAhead(t, s, budi) // there is no record yet
	offer := activate(t, s, budi, noon)
	later := noon.Add(time.Minute)
	if got := tried(t, update, code(t, offer, later), later); got != account.Accepted {
		t.Errorf("got %v", got)
	}
}

func TestARecordEditedAfterItWasReadAheadIsNotWrittenOver(t *testing.T) {
	b := newBench(t)
	s := b.open(t)
	offer := activate(t, s, budi, noon)
	update := readAhead(t, s, budi)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b.sql(t, `UPDATE account SET sealed = zeroblob(length(sealed))`)
	later := noon.Add(time.Minute)
	_, outcome, err := update(t.Context(), func(a account.Account) (account.Account, account.Outcome) {
		return account.Attempt(a, account.Try{Typed: code(t, offer, later), Now: later}, account.Limits{})
	})
	if !errors.Is(err, store.ErrTampered) || outcome.Accepted || len(b.heard.tampered) == 0 {
		t.Errorf("%v, %v, told of %d", outcome.Reason, err, len(b.heard.tampered))
	}
}

func TestTheUpdateIsGoodAlsoWhereReadingAheadFailed(t *testing.T) {
	b := newBench(t)
	s := b.open(t)
	offer := activate(t, s, budi, noon)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, update, err := s.ReadAhead(gone, budi)
	if err == nil {
		t.Fatal("it read for a caller who left")
	}
	later := noon.Add(time.Minute)
	if got := tried(t, update, code(t, offer, later), later); got != account.Accepted {
		t.Errorf("got %v", got)
	}
}

func TestWhatWasCommittedIsThereAfterReopening(t *testing.T) {
	b := newBench(t)
	s := b.open(t)
	offer := activate(t, s, budi, noon)
	for range 3 {
		if _, err := attempt(t.Context(), s, budi, totp.NewTyped("000000"), noon); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := b.open(t)
	a, err := again.View(t.Context(), budi)
	if err != nil || a.Failures.Run != 3 {
		t.Errorf("run is %d, %v", a.Failures.Run, err)
	}
	if outcome, err := attempt(t.Context(), again, budi, code(t, offer, noon), noon); err != nil || outcome.Reason != account.Replayed {
		t.Errorf("the code of the activation again: %v, %v", outcome.Reason, err)
	}
}

func TestWhatChangesNothingWritesNothing(t *testing.T) {
	s := newBench(t).open(t)
	if _, err := attempt(t.Context(), s, budi, totp.NewTyped("123456"), noon); err != nil {
		t.Fatal(err)
	}
	count := 0
	if err := s.Each(t.Context(), func(account.ID, account.Account, error) error { count++; return nil }); err != nil || count != 0 {
		t.Errorf("a failing unknown name made %d records, %v", count, err)
	}
	activate(t, s, budi, noon)
	same := func(a account.Account) (account.Account, account.Outcome) { return a, account.Outcome{} }
	if a, _, err := s.Update(t.Context(), budi, same); err != nil || a.Version != 1 {
		t.Errorf("version %d after an update that changed nothing, %v", a.Version, err)
	}
}

// A record edited, moved or replaced by an old one of another version does not
// open: its owner is refused, others are not, and an alarm is raised.
func TestEditedRecordsDoNotOpen(t *testing.T) {
	for name, statement := range map[string]string{
		"a byte changed":       `UPDATE account SET sealed = CAST(substr(sealed, 1, 30) || iif(substr(sealed, 31, 1) = x'00', x'01', x'00') || substr(sealed, 32) AS BLOB) WHERE name = CAST('budi' AS BLOB)`,
		"cut":                  `UPDATE account SET sealed = substr(sealed, 1, 40) WHERE name = CAST('budi' AS BLOB)`,
		"empty":                `UPDATE account SET sealed = x'' WHERE name = CAST('budi' AS BLOB)`,
		"another account's":    `UPDATE account SET sealed = (SELECT sealed FROM account WHERE name = CAST('siti' AS BLOB)) WHERE name = CAST('budi' AS BLOB)`,
		"version put forward":  `UPDATE account SET version = version + 1 WHERE name = CAST('budi' AS BLOB)`,
		"realm changed":        `UPDATE account SET realm = 'host', name = CAST('admin' AS BLOB) WHERE name = CAST('budi' AS BLOB)`,
		"clock mark in record": `UPDATE account SET sealed = (SELECT sealed FROM clock_mark) WHERE name = CAST('budi' AS BLOB)`,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			s := b.open(t)
			offers := map[account.ID]account.Offer{budi: activate(t, s, budi, noon), siti: activate(t, s, siti, noon)}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			b.sql(t, statement)
			victim := budi
			if name == "realm changed" {
				victim = account.Host("admin")
			}
			later := noon.Add(time.Minute)
			outcome, err := attempt(t.Context(), s, victim, code(t, offers[budi], later), later)
			if outcome.Accepted || err == nil {
				t.Errorf("edited record: %v, %v", outcome, err)
			}
			if len(b.heard.tampered) == 0 {
				t.Error("no alarm")
			}
			if outcome, err := attempt(t.Context(), s, siti, code(t, offers[siti], later), later); err != nil || !outcome.Accepted {
				t.Errorf("another account: %v, %v", outcome.Reason, err)
			}
			if _, err := s.Remove(t.Context(), victim); err != nil {
				t.Errorf("the spoilt record cannot be removed: %v", err)
			}
		})
	}
}

func TestNobodyGetsInWithoutTheClockMark(t *testing.T) {
	for name, statement := range map[string]string{
		"taken out": `DELETE FROM clock_mark`,
		"edited":    `UPDATE clock_mark SET sealed = x'00'`,
		"a record":  `UPDATE clock_mark SET sealed = (SELECT sealed FROM account)`,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			s := b.open(t)
			offer := activate(t, s, budi, noon)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			b.sql(t, statement)
			later := noon.Add(time.Minute)
			if outcome, err := attempt(t.Context(), s, budi, code(t, offer, later), later); err == nil || outcome.Accepted {
				t.Errorf("got %v, %v", outcome, err)
			}
			if len(b.heard.failed) == 0 {
				t.Error("no alarm")
			}
		})
	}
}

func TestAnotherKeysetOpensNothing(t *testing.T) {
	b := newBench(t)
	s := b.open(t)
	activate(t, s, budi, noon)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	other := newBench(t)
	other.path = b.path
	if _, err := other.open(t).View(t.Context(), budi); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("got %v", err)
	}
}

// flaky is an opener that fails for as long as it is told to.
func TestTheStoreHealsOnceTheCauseIsGone(t *testing.T) {
	b := newBench(t)
	var mu sync.Mutex
	broken := true
	s := store.New(func(ctx context.Context, mark []byte) (store.Engine, bool, error) {
		mu.Lock()
		defer mu.Unlock()
		if broken {
			return nil, false, store.ErrReadOnly
		}
		return b.opener(ctx, mark)
	}, b.sealer, b.heard)
	defer s.Close()
	for range 50 {
		if _, err := s.View(t.Context(), budi); !errors.Is(err, store.ErrReadOnly) {
			t.Fatalf("got %v", err)
		}
	}
	if len(b.heard.failed) != 1 {
		t.Errorf("told %d times of one failure", len(b.heard.failed))
	}
	mu.Lock()
	broken = false
	mu.Unlock()
	deadline := time.Now().Add(10 * time.Second)
	for {
		if _, err := s.View(t.Context(), budi); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it did not heal")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if b.heard.healed != 1 {
		t.Errorf("told %d times of the recovery", b.heard.healed)
	}
}

func TestTheClockMarkIsWrittenAtMostOnceAMinuteAndNeverBack(t *testing.T) {
	b := newBench(t)
	s := b.open(t)
	offer := activate(t, s, budi, noon)
	marks := map[string]bool{}
	read := func() {
		engine, _, err := sqlite.Open(t.Context(), b.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer engine.Close()
		sealed, err := engine.Mark(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		marks[string(sealed)] = true
	}
	for _, after := range []time.Duration{30 * time.Second, 60 * time.Second, 90 * time.Second, 120 * time.Second} {
		now := noon.Add(after)
		if outcome, err := attempt(t.Context(), s, budi, code(t, offer, now), now); err != nil || !outcome.Accepted {
			t.Fatalf("%v, %v", outcome.Reason, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		read()
	}
	if len(marks) != 3 {
		t.Errorf("%d marks in two minutes, want 3 (at the activation, and after each minute)", len(marks))
	}
}
