// populate makes a database of many activated accounts, for the benchmark. It is
// no program of the package.
//
// An account of it looks as after some years of use: last accepted yesterday,
// all rows of refusals taken and told, recovery codes kept. So a login is that of
// every day, with nothing to tell and nothing to offer.
package main

import (
	"bufio"
	"context"
	crand "crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/seal"
	"spse-totp/daemon/internal/store"
	"spse-totp/daemon/internal/store/sqlite"
	"spse-totp/totp"
)

const usage = `usage: populate KEYSET DATABASE <ACCOUNTS

Makes DATABASE, sealed by the keyset in the file KEYSET, with the accounts on
standard input: one a line, its name, a space and its secret in base32.
`

// writers is how many accounts are on their way at once, to share commits.
const writers = 256

func main() {
	if len(os.Args) != 3 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if err := populate(context.Background(), os.Args[1], os.Args[2], os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func populate(ctx context.Context, keyset, database string, lines io.Reader) error {
	clear, err := os.ReadFile(keyset)
	if err != nil {
		return err
	}
	sealer, err := seal.New(clear)
	if err != nil {
		return fmt.Errorf("keyset %s: %w", keyset, err)
	}
	accounts := store.New(opener(database), sealer, store.Unwatched{})
	return errors.Join(fill(ctx, accounts, lines), accounts.Close())
}

// opener makes the database, and opens none that is there already.
func opener(path string) store.Opener {
	return func(ctx context.Context, firstMark []byte) (store.Engine, bool, error) {
		engine, made, err := sqlite.At(path)(ctx, firstMark)
		if err != nil {
			return nil, false, err
		}
		if !made {
			return nil, false, errors.Join(fmt.Errorf("%s is there already", path), engine.Close())
		}
		return engine, true, nil
	}
}

// fill adds an account for each line.
func fill(ctx context.Context, accounts *store.Store, lines io.Reader) error {
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(writers)
	now := time.Now()
	read := bufio.NewScanner(lines)
	for number := 1; read.Scan() && ctx.Err() == nil; number++ {
		name, secret, err := parse(read.Text())
		if err != nil {
			return errors.Join(fmt.Errorf("line %d: %w", number, err), work.Wait())
		}
		work.Go(func() error { return add(ctx, accounts, name, used(secret, now)) })
	}
	return errors.Join(read.Err(), work.Wait())
}

func parse(line string) (name string, secret totp.Secret, err error) {
	name, text, _ := strings.Cut(line, " ")
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	if err != nil || name == "" {
		return "", totp.Secret{}, errors.New("not a name, a space and a secret in base32") // and not the secret's text
	}
	secret, err = totp.SecretFromBytes(raw)
	return name, secret, err
}

func add(ctx context.Context, accounts *store.Store, name string, new account.Account) error {
	_, outcome, err := accounts.Update(ctx, account.Host(name), func(before account.Account) (account.Account, account.Outcome) {
		if before.Version != 0 {
			return before, account.Outcome{}
		}
		return new, account.Outcome{Accepted: true, Reason: account.Accepted}
	})
	if err == nil && !outcome.Accepted {
		err = fmt.Errorf("%q is there twice", name)
	}
	return err
}

// used is an activated account whose phone's clock is right.
func used(secret totp.Secret, now time.Time) account.Account {
	yesterday := now.Add(-24 * time.Hour)
	params := totp.DefaultParams()
	a := account.Account{
		Generation: account.Generation(rand.Uint64() | 1), // never 0
		Phone:      account.Phone{Secret: secret, Params: params, Spent: params.StepAt(yesterday)},
		WasActive:  true,
		AcceptedAt: yesterday,
		Failures:   account.Failures{Month: 3, MonthStart: now.Add(-10 * 24 * time.Hour)},
	}
	a.Recovery = account.RecoverySet{Salt: account.NewSalt(), Codes: make([]account.RecoveryCode, account.RecoveryCodes)}
	for i := range a.Recovery.Codes {
		_, _ = crand.Read(a.Recovery.Codes[i].Digest[:]) // of a code that nobody has
	}
	for i, reason := range []account.Reason{account.Wrong, account.Replayed, account.Malformed, account.Withheld} {
		for j, from := range []string{"192.0.2.7", "2001:db8:1:2::/64"} {
			a.Refusals = append(a.Refusals, account.Refusal{
				Reason: reason, Source: account.LoginSource("sshd", from, "ssh"), Count: uint32(3 + i), Told: uint32(3 + i),
				Last: yesterday.Add(-time.Duration(i+j) * time.Hour),
			})
		}
	}
	return a
}
