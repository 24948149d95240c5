// Package deb tests the Debian package as a file: what it holds, and that it is
// built the same each time.
package deb

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	maxPackage = 12 << 20 // bytes
	maxModule  = 64 << 10
)

// build builds the package in a copy of the tree of its own, and returns its path.
func build(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	run(t, "../build-deb", "go", folder)
	built, err := filepath.Glob(filepath.Join(folder, "*.deb"))
	if err != nil || len(built) != 1 {
		t.Fatalf("built %q: %v", built, err)
	}
	return built[0]
}

func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	said, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", program, strings.Join(args, " "), err, said)
	}
	return string(said)
}

// tool leaves a test out where a program is missing and nobody promised it.
func tool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("SPSE_TOTP_REQUIRE_TOOLS") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// Two builds of one tree, each in a folder of its own, are the same bytes; and
// what they hold is small, in order and complete.
func TestPackage(t *testing.T) {
	tool(t, "dh")
	first, second := build(t), build(t)

	t.Run("reproducible", func(t *testing.T) {
		one, err := os.ReadFile(first)
		if err != nil {
			t.Fatal(err)
		}
		other, err := os.ReadFile(second)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one, other) {
			t.Error("two builds differ")
		}
		if len(one) > maxPackage {
			t.Errorf("it has %d bytes", len(one))
		}
	})
	t.Run("lintian", func(t *testing.T) {
		tool(t, "lintian")
		said := run(t, "lintian", "--allow-root", "--fail-on=error,warning", first)
		t.Log(said)
	})
	t.Run("module", func(t *testing.T) {
		root := t.TempDir()
		run(t, "dpkg-deb", "-x", first, root)
		module, err := os.Stat(filepath.Join(root, "usr/lib/x86_64-linux-gnu/security/pam_spse_totp.so"))
		if err != nil {
			t.Fatal(err)
		}
		if module.Size() > maxModule {
			t.Errorf("the module has %d bytes", module.Size())
		}
		// stripped: it has no symbols but those that libpam calls
		if said := run(t, "nm", "--defined-only", "-D", filepath.Join(root, "usr/lib/x86_64-linux-gnu/security/pam_spse_totp.so")); strings.Count(said, "\n") != strings.Count(said, "pam_sm_") {
			t.Errorf("it exports\n%s", said)
		}
		// Until somebody chooses otherwise, no profile is on.
		profiles, err := filepath.Glob(filepath.Join(root, "usr/share/pam-configs/*"))
		if err != nil || len(profiles) != 2 {
			t.Fatalf("profiles %q: %v", profiles, err)
		}
		for _, profile := range profiles {
			content, err := os.ReadFile(profile)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(content), "\nDefault: no\n") || strings.Contains(string(content), "sufficient") {
				t.Errorf("%s:\n%s", filepath.Base(profile), content)
			}
		}
		// What the commented file shows is what is in force without it.
		shown := run(t, "../../build/spse-totp", "config", "check", "--config", filepath.Join(root, "usr/share/spse-totp/spse-totp.toml"))
		text, err := os.ReadFile(filepath.Join(root, "usr/share/spse-totp/spse-totp.toml"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(shown) {
			if key, _, is := strings.Cut(line, " = "); is && !strings.HasPrefix(line, "#") && !strings.Contains(string(text), "\n# "+line) {
				t.Errorf("the default file does not show %s as it is: %s", key, line)
			}
		}
	})
}
