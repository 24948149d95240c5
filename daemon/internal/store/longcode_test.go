package store_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/store"
	"spse-totp/totp"
)

// rounds is how many rounds a race has, more of them in a long run.
func rounds(short, full int) int {
	if os.Getenv("SPSE_TOTP_LONG") == "1" {
		return full
	}
	return short
}

// newRecovery gives the account recovery codes.
func newRecovery(t *testing.T, s *store.Store, id account.ID) []totp.LongCode {
	t.Helper()
	var offer account.RecoveryOffer
	_, outcome, err := s.Update(t.Context(), id, func(a account.Account) (account.Account, account.Outcome) {
		var err error
		if offer, err = account.OfferRecovery(a); err != nil {
			t.Fatal(err)
		}
		return account.ConfirmRecovery(a, offer, account.Try{Typed: typedLong(offer.Codes[offer.Asked-1]), Now: noon})
	})
	if err != nil || !outcome.Accepted {
		t.Fatalf("recovery codes: %v, %v", outcome.Reason, err)
	}
	return offer.Codes
}

// issue gives the account an issued code, good for an hour from noon.
func issue(t *testing.T, s *store.Store, id account.ID) totp.LongCode {
	t.Helper()
	code, err := totp.NewLongCode(totp.Issued)
	if err != nil {
		t.Fatal(err)
	}
	change(t, s, id, func(a account.Account) account.Account {
		return account.Issue(a, code, account.NewSalt(), time.Hour, false, "test", noon)
	})
	return code
}

func change(t *testing.T, s *store.Store, id account.ID, apply func(account.Account) account.Account) {
	t.Helper()
	if _, _, err := s.Update(t.Context(), id, func(a account.Account) (account.Account, account.Outcome) {
		return apply(a), account.Outcome{}
	}); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, s *store.Store, id account.ID) account.Account {
	t.Helper()
	a, err := s.View(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func typedLong(code totp.LongCode) totp.Typed { return totp.NewTyped(code.Grouped()) }

const callers = 200

// crowd is what so many callers at once are answered.
func crowd(t *testing.T, call func(i int) (account.Outcome, error)) map[account.Reason]int {
	t.Helper()
	var together sync.WaitGroup
	outcomes := make([]account.Outcome, callers)
	for i := range callers {
		together.Go(func() {
			var err error
			if outcomes[i], err = call(i); err != nil {
				t.Error(err)
			}
		})
	}
	together.Wait()
	count := map[account.Reason]int{}
	for _, outcome := range outcomes {
		count[outcome.Reason]++
	}
	return count
}

// guess leaves failures that no long code may move.
func guess(t *testing.T, s *store.Store, id account.ID, now time.Time) account.Failures {
	t.Helper()
	if _, err := attempt(t.Context(), s, id, totp.NewTyped("000000"), now); err != nil {
		t.Fatal(err)
	}
	return view(t, s, id).Failures
}

func TestOneRecoveryCodeOneSuccessInARace(t *testing.T) {
	s := newBench(t).open(t)
	activate(t, s, budi, noon)
	var kept []totp.LongCode
	for round := range rounds(10, 100) {
		if len(kept) == 0 {
			kept = newRecovery(t, s, budi)
		}
		before := guess(t, s, budi, noon)
		count := crowd(t, func(int) (account.Outcome, error) {
			return attempt(context.Background(), s, budi, typedLong(kept[0]), noon)
		})
		kept = kept[1:]
		a := view(t, s, budi)
		switch {
		case count[account.AcceptedRecovery] != 1, count[account.Replayed] != callers-1:
			t.Fatalf("round %d: %v", round, count)
		case a.Failures.Month != before.Month || a.Failures.Run != 0:
			t.Fatalf("round %d: counted %+v, before %+v", round, a.Failures, before)
		case a.Recovery.Left() != len(kept):
			t.Fatalf("round %d: %d recovery codes left, want %d", round, a.Recovery.Left(), len(kept))
		}
	}
}

// Many type one issued code, each is shown a phone of his own and confirms it
// with a right code: one phone is the account's, and the others are told that the
// code is used.
func TestOneIssuedCodeOnePhoneInARace(t *testing.T) {
	s := newBench(t).open(t)
	activate(t, s, budi, noon)
	for round := range rounds(10, 100) {
		change(t, s, budi, func(a account.Account) account.Account {
			return account.Reset(a, account.NewGeneration(), "test", noon)
		})
		issued := issue(t, s, budi)
		// no phone is there whose code could be wrong
		change(t, s, budi, func(a account.Account) account.Account {
			a.Failures = account.Failures{Run: 3, Month: 7, MonthStart: noon}
			return a
		})
		entitled := crowd(t, func(int) (account.Outcome, error) {
			return attempt(context.Background(), s, budi, typedLong(issued), noon)
		})
		before := view(t, s, budi)
		if entitled[account.Entitled] != callers || before.Issued.Spent || before.Active() {
			t.Fatalf("round %d: typed: %v, spent %v", round, entitled, before.Issued.Spent)
		}
		offers := make([]account.Offer, callers)
		for i := range offers {
			secret, err := totp.NewSecret()
			if err != nil {
				t.Fatal(err)
			}
			offers[i] = account.Offer{
				Secret: secret, Params: totp.DefaultParams(), Generation: before.Generation,
				By: account.ByIssued, Issued: before.Issued.Salt,
			}
		}
		var mu sync.Mutex
		activated := -1
		count := crowd(t, func(i int) (account.Outcome, error) {
			typed, next := []totp.Typed{code(t, offers[i], noon)}, account.NewGeneration()
			_, outcome, err := s.Update(context.Background(), budi, func(a account.Account) (account.Account, account.Outcome) {
				return account.Confirm(a, offers[i], typed, account.Try{Source: "test", Now: noon}, next)
			})
			if outcome.Accepted {
				mu.Lock()
				activated = i
				mu.Unlock()
			}
			return outcome, err
		})
		a := view(t, s, budi)
		switch {
		case count[account.Accepted] != 1, count[account.Replayed] != callers-1:
			t.Fatalf("round %d: %v", round, count)
		case !a.Issued.Spent || !a.Active() || a.Failures.Run != 0 || a.Failures.Month != 7:
			t.Fatalf("round %d: spent %v, active %v, failures %+v", round, a.Issued.Spent, a.Active(), a.Failures)
		}
		later := noon.Add(time.Minute)
		if outcome, err := attempt(t.Context(), s, budi, code(t, offers[activated], later), later); err != nil || !outcome.Accepted {
			t.Fatalf("round %d: the phone that was told so: %v, %v", round, outcome.Reason, err)
		}
		if outcome, err := attempt(t.Context(), s, budi, typedLong(issued), noon); err != nil || outcome.Reason != account.Replayed {
			t.Fatalf("round %d: the issued code once more: %v, %v", round, outcome.Reason, err)
		}
	}
}

// A code of somebody else's is nobody's here, moves nothing, and stays good where
// it belongs.
func TestACodeOfAnotherAccountStaysUnspent(t *testing.T) {
	s := newBench(t).open(t)
	activate(t, s, budi, noon)
	activate(t, s, siti, noon)
	newRecovery(t, s, budi)
	issue(t, s, budi)
	recovery, issued := newRecovery(t, s, siti), issue(t, s, siti)
	guess(t, s, budi, noon)
	before, owner := view(t, s, budi), view(t, s, siti)
	for _, typed := range append(recovery, issued) {
		outcome, err := attempt(t.Context(), s, budi, typedLong(typed), noon)
		if err != nil || outcome.Accepted || outcome.Reason != account.UnknownCode {
			t.Errorf("siti's code for budi: %v, %v", outcome.Reason, err)
		}
	}
	after := view(t, s, budi)
	if after.Failures != before.Failures || after.Recovery.Left() != before.Recovery.Left() || after.Issued != before.Issued {
		t.Errorf("budi's account: %+v, before %+v", after, before)
	}
	if got := view(t, s, siti); got.Version != owner.Version {
		t.Errorf("siti's account was written: version %d, before %d", got.Version, owner.Version)
	}
	for i, typed := range recovery {
		if outcome, err := attempt(t.Context(), s, siti, typedLong(typed), noon); err != nil || outcome.Reason != account.AcceptedRecovery {
			t.Errorf("siti's code %d for siti: %v, %v", i+1, outcome.Reason, err)
		}
	}
	if outcome, err := attempt(t.Context(), s, siti, typedLong(issued), noon); err != nil || outcome.Reason != account.Entitled {
		t.Errorf("siti's issued code for siti: %v, %v", outcome.Reason, err)
	}
}
