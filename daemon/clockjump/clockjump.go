// Package clockjump plays a clock that jumps, for tests of the programs as they
// ship: none of these has a switch for its clock, and the machine's cannot be set.
// So it moves the database the other way.
//
// Where the host's clock jumps ahead by an hour, all that was written down before
// lies an hour further back, and the phones, which did not jump, are an hour
// behind. Where an hour passes, all lies further back, and the phones are right.
package clockjump

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/seal"
	"spse-totp/daemon/internal/store"
	"spse-totp/daemon/internal/store/sqlite"
	"spse-totp/totp"
)

// writers is how many records are on their way at once, to share commits.
const writers = 64

// Jump moves every time and every time step in the database back by so much, as the
// clock mark, so that it is as after the host's clock jumped ahead; a negative one
// sets the clock back. No daemon may run meanwhile. keyset is the one that seals the
// database, in the clear; by must be a whole number of every phone's periods.
func Jump(ctx context.Context, keyset []byte, database string, by time.Duration) error {
	if _, err := os.Stat(database); err != nil { // which the store would make
		return err
	}
	sealer, err := seal.New(keyset)
	if err != nil {
		return err
	}
	s := store.New(sqlite.At(database), sealer, store.Unwatched{})
	return errors.Join(moveAll(ctx, s, by), s.Close())
}

func moveAll(ctx context.Context, s *store.Store, by time.Duration) error {
	var all []account.ID
	err := s.Each(ctx, func(id account.ID, a account.Account, err error) error {
		all = append(all, id)
		if period := a.Phone.Params.Period; err == nil && period > 0 && by%period != 0 {
			return fmt.Errorf("%v is no whole number of the periods of %s", by, id.Name)
		}
		return err
	})
	if err != nil {
		return err
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(writers)
	for _, id := range all {
		work.Go(func() error {
			_, _, err := s.Update(ctx, id, func(a account.Account) (account.Account, account.Outcome) {
				return moved(a, by), account.Outcome{}
			})
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	if mark := s.ClockMark(); !mark.IsZero() {
		return s.AcceptClock(context.WithoutCancel(ctx), mark.Add(-by))
	}
	return nil
}

// moved is the account with all its times and steps so much further back. What is
// none stays none.
func moved(a account.Account, by time.Duration) account.Account {
	a.AcceptedAt = back(a.AcceptedAt, by)
	a.Failures.MonthStart = back(a.Failures.MonthStart, by)
	a.Issued.At = back(a.Issued.At, by)
	a.Refusals, a.Happened = slices.Clone(a.Refusals), slices.Clone(a.Happened)
	for i := range a.Refusals {
		a.Refusals[i].Last = back(a.Refusals[i].Last, by)
	}
	for i := range a.Happened {
		a.Happened[i].At = back(a.Happened[i].At, by)
	}
	if a.Active() {
		steps := totp.Step(by / a.Phone.Params.Period)
		a.Phone.Spent -= steps
		if a.Phone.Noted.Step != 0 {
			a.Phone.Noted.Step -= steps
		}
	}
	return a
}

func back(t time.Time, by time.Duration) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(-by)
}
