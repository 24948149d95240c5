package deb

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"spse-totp/packaging/boot/machine"
)

// volatile are files of /etc that Debian's own tools for users leave behind: a
// lock, and their last copies of the four files.
var volatile = []string{".pwd.lock", "passwd-", "shadow-", "group-", "gshadow-"}

// etc is all of a machine's /etc: for each path what it is, whose, and what is in
// it.
func etc(t *testing.T, m *machine.Machine) map[string]string {
	t.Helper()
	root := m.Path("/etc")
	seen := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil || slices.Contains(volatile, name) {
			return err
		}
		var stat unix.Stat_t
		if err := unix.Lstat(path, &stat); err != nil {
			return err
		}
		content := ""
		switch {
		case entry.Type().IsRegular():
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = string(b)
		case entry.IsDir():
			if within, err := os.ReadDir(path); err != nil || len(within) == 0 {
				return err // deb-systemd-helper removes folders of links that are empty
			}
		case entry.Type()&os.ModeSymlink != 0:
			if content, err = os.Readlink(path); err != nil {
				return err
			}
		}
		seen[name] = fmt.Sprintf("%o %d:%d %q", stat.Mode, stat.Uid, stat.Gid, content)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// expectSame demands that /etc is as it was, to the byte.
func expectSame(t *testing.T, before, after map[string]string) {
	t.Helper()
	for name, was := range before {
		if is := after[name]; is != was {
			t.Errorf("/etc/%s was\n  %.300s\nand is\n  %.300s", name, was, is)
		}
	}
	for name, is := range after {
		if _, found := before[name]; !found {
			t.Errorf("/etc/%s is new: %.300s", name, is)
		}
	}
}
