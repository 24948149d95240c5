package main

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func TestPNG(t *testing.T) {
	d := office{language: "id"}.daemon(t)
	file := filepath.Join(t.TempDir(), "qr.png")
	p := activates(t, d, "--png", file)
	screen := p.sees(prompt)
	if want := texts.PictureFile(file) + "\r\n" + prompt; screen != want {
		t.Errorf("the screen is %q, want %q", screen, want)
	}
	if got := mode(file); got != "-rw-------" {
		t.Errorf("the file is %s", got)
	}
	p.types("?\n") // there is no other picture
	p.sees(texts.PictureFile(file))
	p.sees(prompt)
	p.types(rightCode + "\n")
	p.sees(rightCode + "\r\n")
	expectEnd(t, p, exitDone, texts.Activated())
	if looksLikeASecret.MatchString(p.seen) {
		t.Errorf("a secret was shown: %q", p.seen)
	}
	if got := scan(t, file); got != keyURI {
		t.Errorf("the picture says %q", got)
	}
}

func TestPNGTouchesNothingThatExists(t *testing.T) {
	for what, make := range map[string]func(folder, path string) error{
		"a file":          func(_, path string) error { return os.WriteFile(path, []byte("kept"), 0o644) },
		"a link":          func(folder, path string) error { return os.Symlink(filepath.Join(folder, "target"), path) },
		"a dangling link": func(folder, path string) error { return os.Symlink(filepath.Join(folder, "nowhere"), path) },
		"a folder":        func(_, path string) error { return os.Mkdir(path, 0o755) },
	} {
		folder := t.TempDir()
		path, target := filepath.Join(folder, "qr.png"), filepath.Join(folder, "target")
		if err := os.WriteFile(target, []byte("kept"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := make(folder, path); err != nil {
			t.Fatal(err)
		}
		before := mode(path)
		d := office{language: "id"}.daemon(t)
		status, rest := activates(t, d, "--png", path).leaves()
		if status != exitFailed || !strings.HasPrefix(rest, "error: "+path+" exists already\r\nhint: ") {
			t.Errorf("%s: exit code %d, %q", what, status, rest)
		}
		if mode(path) != before || mode(filepath.Join(folder, "nowhere")) != "" {
			t.Errorf("%s was changed", what)
		}
		for _, kept := range []string{path, target} {
			if b, err := os.ReadFile(kept); err == nil && string(b) != "kept" {
				t.Errorf("%s: %s holds %q", what, kept, b)
			}
		}
		d.expectRequests(t, askedIn...)
	}
}

func TestPNGIsLedNowhereByLinks(t *testing.T) {
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "real", "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	for _, way := range []string{"link/qr.png", "link/sub/qr.png", "link/../qr.png"} {
		d := office{language: "id"}.daemon(t)
		path := folder + "/" + way
		status, rest := activates(t, d, "--png", path).leaves()
		if status != exitFailed || !strings.HasPrefix(rest, "error: "+path+" leads through a symbolic link\r\n") {
			t.Errorf("%s: exit code %d, %q", way, status, rest)
		}
		d.expectRequests(t, askedIn...)
	}
	for _, made := range []string{"qr.png", "real/qr.png", "real/sub/qr.png"} {
		if mode(filepath.Join(folder, made)) != "" {
			t.Errorf("%s was made", made)
		}
	}
}

func TestPNGWantsAFileInAFolder(t *testing.T) {
	for _, path := range []string{"", ".", "..", "/", t.TempDir() + "/"} {
		d := office{language: "id"}.daemon(t)
		if status, rest := activates(t, d, "--png="+path).leaves(); status != exitUsage {
			t.Errorf("%q: exit code %d, %q", path, status, rest)
		}
	}
	d := office{language: "id"}.daemon(t)
	status, rest := activates(t, d, "--png", filepath.Join(t.TempDir(), "no", "qr.png")).leaves()
	if status != exitFailed || !strings.Contains(rest, "no such file or directory") {
		t.Errorf("exit code %d, %q", status, rest)
	}
}

// A file that no picture came into does not stay, and the name is free for the
// next try.
func TestPNGLeavesNoEmptyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "qr.png")
	var made atomic.Bool
	p := activates(t, office{language: "id", active: true, before: func(request string) {
		if request == "POST /v1/account/offer" {
			made.Store(mode(file) == "-rw-------")
		}
	}}.daemon(t), "--png", file)
	p.sees(texts.CurrentOr())
	p.types("000000\n")
	p.sees(texts.CurrentOr())
	p.types("\x04")
	if status, _ := p.leaves(); status != exitFailed {
		t.Errorf("exit code %d", status)
	}
	if !made.Load() {
		t.Error("the file was not made before a code was spent")
	}
	if mode(file) != "" {
		t.Error("an empty file stays")
	}
}
