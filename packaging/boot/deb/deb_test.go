// Package deb tests the Debian package on booted releases: how it comes onto a
// host, and leaves it.
//
// It needs what packaging/boot needs, and build/*.deb (make deb).
package deb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"spse-totp/packaging/boot/machine"
	"spse-totp/pamclient/hosts/people"
)

// Everybody's password, and its hash.
const (
	password = "sandi-kudus-1122"
	hash     = "$6$boot$0P.Gd6Ld8HvVYNAROKnwIYtEhI7/p/pDbMCk5Gg4zMG4/UMo6byzql5zYgIq6JcztyqWATlQS5PK3Tu6xA7Bs/"
)

func TestMain(m *testing.M) { machine.Main(machine.ShortOrLong(), m.Run) }

// everywhere runs a test on a machine of each release, on which nothing of ours is.
func everywhere(t *testing.T, test func(t *testing.T, o *office)) {
	t.Helper()
	for number, suite := range machine.ShortOrLong() {
		t.Run(suite, func(t *testing.T) {
			m, err := machine.Boot(suite, number, withPeople)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := m.Halt(); err != nil {
					t.Error(err)
				}
			})
			test(t, &office{m})
		})
	}
}

// withPeople are admin, who may sudo, budi and siti.
func withPeople(root string) error {
	var faults []error
	for path, more := range map[string]string{
		"passwd": "admin:x:1000:1000::/:/bin/sh\nbudi:x:1001:1001::/:/bin/sh\nsiti:x:1002:1002::/:/bin/sh\n",
		"shadow": fmt.Sprintf("admin:%[1]s:19000:0:99999:7:::\nbudi:%[1]s:19000:0:99999:7:::\nsiti:%[1]s:19000:0:99999:7:::\n", hash),
		"group":  "admin:x:1000:\nbudi:x:1001:\nsiti:x:1002:\n",
	} {
		file, err := os.OpenFile(filepath.Join(root, "etc", path), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = file.WriteString(more)
		faults = append(faults, err, file.Close())
	}
	return errors.Join(faults...)
}

type office struct{ *machine.Machine }

// run runs a program inside that must succeed.
func (o *office) run(t *testing.T, args ...string) string {
	t.Helper()
	said, err := o.Run(args...)
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, said)
	}
	return said
}

// install installs the package as an administrator does, and returns what was said.
func (o *office) install(t *testing.T) string {
	t.Helper()
	built, err := filepath.Glob("../../../build/spse-totp_*_amd64.deb")
	if err != nil || len(built) != 1 {
		t.Fatalf("packages %q: %v (make deb)", built, err)
	}
	content, err := os.ReadFile(built[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.Path("/root/spse-totp.deb"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	return o.run(t, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--yes", "/root/spse-totp.deb")
}

// byPassword logs in with the password alone.
func (o *office) byPassword(t *testing.T, when string) {
	t.Helper()
	if err := people.LogIn(o.Address+":22", "budi", ssh.Password(password)); err != nil {
		t.Errorf("%s: budi's password alone: %v", when, err)
	}
}
