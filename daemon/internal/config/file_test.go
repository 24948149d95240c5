package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// written is a file in a folder of its own.
func written(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.toml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"missing": filepath.Join(dir, "none.toml"), "folder": dir, "device": "/dev/zero", "fifo": filepath.Join(dir, "fifo"),
		"large": written(t, strings.Repeat("#", maxFile+1)),
	} {
		var located *Error
		if _, err := Load(path, here); !errors.As(err, &located) || errors.Is(err, fs.ErrNotExist) != (name == "missing") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := Load(written(t, strings.Repeat("#", maxFile)), here); err != nil {
		t.Errorf("the largest: %v", err)
	}
}

// Whoever may write the file may exempt himself: nobody but its owner may.
func TestAFileThatOthersMayWriteIsRefused(t *testing.T) {
	for mode := range fs.FileMode(0o1000) {
		mode |= 0o400 // its owner reads it
		path := written(t, "")
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path, here)
		if refused := err != nil; refused != (mode&0o022 != 0) {
			t.Errorf("mode %04o: %v", mode, err)
		}
		if err != nil && (!strings.Contains(err.Error(), fmt.Sprintf("mode %04o", mode)) || !strings.Contains(HintFor(err), "chmod go-w "+path)) {
			t.Errorf("mode %04o: %v\nhint: %s", mode, err, HintFor(err))
		}
	}
}

// A link is not the file: what counts is who may write what it leads to.
func TestALinkIsFollowedToTheFileThatCounts(t *testing.T) {
	path := written(t, "issuer = 'LPSE Kudus'\n")
	link := filepath.Join(t.TempDir(), "link.toml")
	if err := os.Symlink(path, link); err != nil { // a link's own mode is 0777
		t.Fatal(err)
	}
	if c, err := Load(link, here); err != nil || c.Issuer != "LPSE Kudus" {
		t.Errorf("a link: %v", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(link, here); err == nil {
		t.Error("a link to a file that all may write")
	}
}

func TestKeep(t *testing.T) {
	path := filepath.Join(t.TempDir(), CopyFile)
	keep := func(content string) {
		t.Helper()
		if err := Keep(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if kept, err := Read(path); err != nil || string(kept) != content {
			t.Errorf("kept %q, %v; want %q", kept, err, content)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		if there, err := os.ReadDir(filepath.Dir(path)); err != nil || len(there) != 1 {
			t.Errorf("the folder has %v, %v", there, err)
		}
	}
	keep("issuer = 'LPSE'\n")
	first, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	keep("issuer = 'LPSE'\n")
	if again, err := os.Stat(path); err != nil || !os.SameFile(first, again) {
		t.Error("the same content was written again")
	}
	if err := os.WriteFile(path+".new", []byte("half a fi"), 0o400); err != nil { // as a crash leaves it
		t.Fatal(err)
	}
	keep("issuer = 'LPSE Kudus'\n")
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	keep("issuer = 'LPSE Kudus'\n")
}

// A copy that could not be renewed is not what is in force: it goes.
func TestACopyThatCannotBeRenewedGoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), CopyFile)
	if err := Keep(path, []byte("# milder\n")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(path+".new/in the way", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Keep(path, []byte("# stricter\n")); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old copy: %v", err)
	}
}
