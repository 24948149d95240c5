package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spse-totp/daemon/internal/seal"
)

// keyPlace is a machine without a keyset: its configuration, and where the
// keyset and the state go.
type keyPlace struct{ config, keyset, state string }

func newKeyPlace(t *testing.T) keyPlace {
	t.Helper()
	dir := t.TempDir()
	p := keyPlace{
		config: filepath.Join(dir, "spse-totp.toml"),
		keyset: filepath.Join(dir, "etc", "keyset.json"),
		state:  filepath.Join(dir, "state"),
	}
	text := fmt.Sprintf("keyset = %q\nstate_directory = %q\n", p.keyset, p.state)
	if err := os.WriteFile(p.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p keyPlace) init(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	return runAs(t, 0, append([]string{"key", "init", "--config", p.config}, args...)...)
}

// mode is the file's type and permissions, "" where there is none.
func mode(path string) string {
	info, err := os.Lstat(path)
	if err != nil {
		return ""
	}
	return info.Mode().String()
}

func TestKeyInitMakesAKeysetForRootAlone(t *testing.T) {
	p := newKeyPlace(t)
	status, stdout, stderr := p.init(t)
	if status != exitDone || stderr != "" || !strings.HasPrefix(stdout, "keyset made: "+p.keyset+"\nnext: ") {
		t.Fatalf("status %d, %q, %q", status, stdout, stderr)
	}
	keyset, err := os.ReadFile(p.keyset)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seal.New(keyset); err != nil {
		t.Error(err)
	}
	if got := mode(p.keyset); got != "-rw-------" {
		t.Errorf("keyset is %s", got)
	}
	if got := mode(filepath.Dir(p.keyset)); got != "drwx------" {
		t.Errorf("its folder is %s", got)
	}
}

func TestKeyInitTakesThePathFromTheFlag(t *testing.T) {
	p := newKeyPlace(t)
	path := filepath.Join(t.TempDir(), "other.json")
	status, stdout, _ := p.init(t, "--keyset", path, "--json")
	if want := fmt.Sprintf("{\n  \"keyset\": %q\n}", path); status != exitDone || stdout != want {
		t.Errorf("status %d, %q, want %q", status, stdout, want)
	}
	if mode(path) == "" || mode(p.keyset) != "" {
		t.Error("it was made elsewhere")
	}
}

func TestKeyInitNeverOverwrites(t *testing.T) {
	for what, make := range map[string]func(path string) error{
		"a file":          func(path string) error { return os.WriteFile(path, []byte("kept"), 0o644) },
		"a link":          func(path string) error { return os.Symlink("target", path) },
		"a dangling link": func(path string) error { return os.Symlink("nowhere", path) },
		"a folder":        func(path string) error { return os.Mkdir(path, 0o755) },
	} {
		p, dir := newKeyPlace(t), t.TempDir()
		path, target := filepath.Join(dir, "keyset.json"), filepath.Join(dir, "target")
		if err := os.WriteFile(target, []byte("kept"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		before := mode(path)
		status, _, stderr := p.init(t, "--keyset", path)
		if status != exitFailed || !strings.HasPrefix(stderr, "error: "+path+" exists already\nhint: ") {
			t.Errorf("%s: status %d, %q", what, status, stderr)
		}
		if mode(path) != before || mode(filepath.Join(dir, "nowhere")) != "" {
			t.Errorf("%s was changed", what)
		}
		if b, err := os.ReadFile(target); err != nil || !bytes.Equal(b, []byte("kept")) {
			t.Errorf("%s: what it led to holds %q, %v", what, b, err)
		}
	}
}

func TestKeyInitMakesNoneWhereADatabaseIs(t *testing.T) {
	for _, name := range []string{"accounts.db", "accounts.db-wal"} {
		p := newKeyPlace(t)
		if err := os.Mkdir(p.state, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("nowhere", filepath.Join(p.state, name)); err != nil { // be it unreadable
			t.Fatal(err)
		}
		status, stdout, stderr := p.init(t)
		if status != exitFailed || stdout != "" || !strings.HasPrefix(stderr, "error: there is a database already") {
			t.Errorf("%s: status %d, %q, %q", name, status, stdout, stderr)
		}
		if mode(filepath.Dir(p.keyset)) != "" {
			t.Errorf("%s: something was made all the same", name)
		}
	}
}

func TestKeyInitFailsWhereTheStateCannotBeSeen(t *testing.T) {
	p := newKeyPlace(t)
	if err := os.WriteFile(p.state, nil, 0o600); err != nil { // a file in place of the folder
		t.Fatal(err)
	}
	if status, _, stderr := p.init(t); status != exitFailed || !strings.HasPrefix(stderr, "error: looking for a database: ") {
		t.Errorf("status %d, %q", status, stderr)
	}
	if mode(p.keyset) != "" {
		t.Error("a keyset was made all the same")
	}
}

func TestKeyInitMakesOneFolderAtMost(t *testing.T) {
	p := newKeyPlace(t)
	path := filepath.Join(t.TempDir(), "no", "such", "keyset.json")
	if status, _, stderr := p.init(t, "--keyset", path); status != exitFailed || !strings.Contains(stderr, "no such file or directory") {
		t.Errorf("status %d, %q", status, stderr)
	}
	if mode(filepath.Dir(filepath.Dir(path))) != "" {
		t.Error("folders were made")
	}
}

func TestKeyInitWantsAConfigurationItCanRead(t *testing.T) {
	p := newKeyPlace(t)
	if err := os.Remove(p.config); err != nil {
		t.Fatal(err)
	}
	if status, _, stderr := p.init(t); status != exitFailed || !strings.HasPrefix(stderr, "error: "+p.config+": no such file") {
		t.Errorf("status %d, %q", status, stderr)
	}
}

func TestOnlyRootMakesAKeyset(t *testing.T) {
	p := newKeyPlace(t)
	status, stdout, stderr := runAs(t, 1000, "key", "init", "--config", p.config)
	if status != exitFailed || stdout != "" || stderr != "error: only root makes a keyset\nhint: as root: sudo spse-totp key init" {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
	if mode(filepath.Dir(p.keyset)) != "" {
		t.Error("something was made all the same")
	}
}
