package main

import (
	"context"
	"fmt"
	"io"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/internal/store"
	"spse-totp/daemon/protocol"
	"spse-totp/totp"
)

// person has an account, a phone, and recovery codes on paper.
type person struct {
	t      *testing.T
	name   string
	secret totp.Secret
	kept   []totp.LongCode
}

// people writes active accounts into the database, while no daemon runs.
func (b *bench) people(names ...string) []person {
	b.t.Helper()
	all := make([]person, len(names))
	b.withStore(func(s *store.Store) {
		var work errgroup.Group
		work.SetLimit(256) // who write together share commits
		for i, name := range names {
			work.Go(func() error {
				secret, err := totp.NewSecret()
				if err != nil {
					return err
				}
				a := account.Account{
					Generation: 1, WasActive: true,
					Phone: account.Phone{Secret: secret, Params: totp.DefaultParams(), Spent: 1},
				}
				offer, err := account.OfferRecovery(a)
				if err != nil {
					return err
				}
				typed := totp.NewTyped(offer.Codes[offer.Asked-1].Grouped())
				a, _ = account.ConfirmRecovery(a, offer, account.Try{Typed: typed, Now: time.Now()})
				a.Happened = nil // there is nothing to tell
				all[i] = person{b.t, name, secret, offer.Codes}
				return put(b.t.Context(), s, name, a)
			})
		}
		if err := work.Wait(); err != nil {
			b.t.Fatal(err)
		}
	})
	return all
}

// numbered are so many names.
func numbered(name string, count int) []string {
	var names []string
	for i := range count {
		names = append(names, fmt.Sprintf("%s%d", name, i))
	}
	return names
}

func put(ctx context.Context, s *store.Store, name string, a account.Account) error {
	_, _, err := s.Update(ctx, account.Host(name), func(account.Account) (account.Account, account.Outcome) {
		return a, account.Outcome{}
	})
	return err
}

// read reads an account from the database, while no daemon runs.
func (b *bench) read(name string) account.Account {
	b.t.Helper()
	var a account.Account
	b.withStore(func(s *store.Store) {
		var err error
		if a, err = s.View(b.t.Context(), account.Host(name)); err != nil {
			b.t.Fatal(err)
		}
	})
	return a
}

func (b *bench) withStore(use func(*store.Store)) {
	b.t.Helper()
	s := store.New(databaseIn(filepath.Dir(b.database())), b.sealer, watch{audit.NewWriter(io.Discard)})
	defer func() {
		if err := s.Close(); err != nil {
			b.t.Error(err)
		}
	}()
	use(s)
}

// code is the one so many steps from now.
func (p person) code(off int) string {
	p.t.Helper()
	params := totp.DefaultParams()
	code, err := totp.CodeAt(p.secret, params, params.StepAt(time.Now())+totp.Step(off))
	if err != nil {
		p.t.Fatal(err)
	}
	return code.Reveal()
}

// wrong is none of the phone's codes for a while.
func (p person) wrong() string {
	p.t.Helper()
	var near []string
	for off := -30; off <= 30; off++ {
		near = append(near, p.code(off))
	}
	for i := 0; ; i++ {
		if code := fmt.Sprintf("%06d", i); !slices.Contains(near, code) {
			return code
		}
	}
}

func (p person) start() protocol.Start {
	return protocol.Start{
		Phase: protocol.PhaseAuth, Service: "sshd", User: p.name, RHost: "192.0.2.1",
		NSS: &protocol.Identity{Name: p.name, UID: p.uid()},
	}
}

// uid is the one of this machine's user of that name, if there is one: it is what
// an activation on control.sock binds the account to.
func (p person) uid() uint32 {
	known, err := user.Lookup(p.name)
	if err != nil {
		return 1000
	}
	uid, err := strconv.ParseUint(known.Uid, 10, 32)
	if err != nil {
		p.t.Fatal(err)
	}
	return uint32(uid)
}
