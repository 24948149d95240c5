package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/seal"
	"spse-totp/daemon/internal/store"
	"spse-totp/daemon/internal/store/sqlite"
	"spse-totp/totp"
)

// keysetFile draws a keyset into a file of the test's own.
func keysetFile(t *testing.T) string {
	t.Helper()
	clear := must(seal.NewKeyset())
	path := filepath.Join(t.TempDir(), "keyset.json")
	if err := os.WriteFile(path, clear, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Everybody in the database gets in with a right code, once, and what they look
// like is what the benchmark says.
func TestPopulatedAccountsLogIn(t *testing.T) {
	const accounts = 300
	keyset, database := keysetFile(t), filepath.Join(t.TempDir(), "accounts.db")
	secrets := make([]totp.Secret, accounts)
	var lines strings.Builder
	for i := range secrets {
		secrets[i] = must(totp.NewSecret())
		fmt.Fprintf(&lines, "budi%03d %s\n", i, secrets[i].Base32())
	}
	if err := populate(context.Background(), keyset, database, strings.NewReader(lines.String())); err != nil {
		t.Fatal(err)
	}
	made := store.New(sqlite.At(database), must(seal.New(must(os.ReadFile(keyset)))), store.Unwatched{})
	t.Cleanup(func() { _ = made.Close() })
	now := time.Now()
	params := totp.DefaultParams()
	for i, secret := range secrets {
		a := must(made.View(context.Background(), account.Host(fmt.Sprintf("budi%03d", i))))
		if len(a.Refusals) != 8 || !a.WasActive || a.Generation == 0 || a.Guarded(now) || a.Recovery.Left() != account.RecoveryCodes {
			t.Fatalf("account %d: %d rows of refusals, was active %t, %d recovery codes", i, len(a.Refusals), a.WasActive, a.Recovery.Left())
		}
		if _, news := account.Tell(a, ""); !news.IsZero() {
			t.Fatalf("account %d has news: %+v", i, news)
		}
		code := must(totp.CodeAt(secret, params, params.StepAt(now)))
		try := account.Try{Typed: totp.NewTyped(code.Reveal()), Now: now}
		after, outcome := account.Attempt(a, try, account.Limits{})
		if !outcome.Accepted {
			t.Fatalf("account %d is refused: %s", i, outcome.Reason)
		}
		if _, outcome := account.Attempt(after, try, account.Limits{}); outcome.Accepted {
			t.Fatalf("account %d gets in twice", i)
		}
	}
}

func TestPopulateRefuses(t *testing.T) {
	const secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	tests := map[string]struct{ lines, wantError string }{
		"no secret":        {"budi\n", "line 1"},
		"no name":          {"siti " + secret + "\n " + secret + "\n", "line 2"},
		"no base32":        {"budi 18\n", "line 1"},
		"a short secret":   {"budi MFRGG\n", "line 1"},
		"a name twice":     {"budi " + secret + "\nbudi " + secret + "\n", "twice"},
		"a trailing space": {"budi " + secret + " \n", "line 1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := populate(context.Background(), keysetFile(t), filepath.Join(t.TempDir(), "accounts.db"), strings.NewReader(test.lines))
			if err == nil || !strings.Contains(err.Error(), test.wantError) {
				t.Errorf("error %v, want one with %q", err, test.wantError)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Error("the error tells the secret")
			}
		})
	}
}

func TestPopulateTouchesNoDatabaseThatIsThere(t *testing.T) {
	keyset, database := keysetFile(t), filepath.Join(t.TempDir(), "accounts.db")
	line := "budi JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP\n"
	if err := populate(context.Background(), keyset, database, strings.NewReader(line)); err != nil {
		t.Fatal(err)
	}
	before := must(os.ReadFile(database))
	if err := populate(context.Background(), keyset, database, strings.NewReader("siti"+line[4:])); err == nil {
		t.Error("a database was filled that was there before")
	}
	if string(must(os.ReadFile(database))) != string(before) {
		t.Error("it was written to")
	}
}
