package deb

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"spse-totp/pamclient/hosts/people"
)

// From apt install to apt purge: nothing changes till a profile is on, the lines go
// before the files do, and at the end /etc is as it was.
func TestInstallRemovePurge(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		before := etc(t, o.Machine)
		said := o.install(t)
		if !strings.Contains(said, "nothing has changed yet") || !strings.Contains(said, "next: sudo spse-totp setup") {
			t.Errorf("apt said %s", said)
		}
		o.byPassword(t, "installed")
		for _, unit := range []string{"spse-totp-pam.socket", "spse-totp-control.socket"} {
			o.run(t, "systemctl", "is-active", unit)
			o.run(t, "systemctl", "is-enabled", unit)
		}
		o.run(t, "spse-totp", "config", "check")

		// Without a key nobody is let in, and nobody past the line.
		o.run(t, "pam-auth-update", "--enable", "spse-totp")
		if err := people.LogIn(o.Address+":22", "budi", ssh.Password(password)); err == nil {
			t.Error("in by the password alone")
		}

		// A line that was written by hand stops the removal before a file goes.
		byHand := o.Path("/etc/pam.d/byhand")
		if err := os.WriteFile(byHand, []byte("# auth required pam_spse_totp.so\n  auth\trequired pam_spse_totp.so services=sshd\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		said, err := o.Run("apt-get", "remove", "--yes", "spse-totp")
		if err == nil || !strings.Contains(said, "/etc/pam.d/byhand:2:") || strings.Contains(said, "byhand:1:") {
			t.Errorf("removed under a line by hand: %v: %s", err, said)
		}
		if _, err := os.Stat(o.Path("/usr/lib/x86_64-linux-gnu/security/pam_spse_totp.so")); err != nil {
			t.Error(err)
		}
		if err := os.Remove(byHand); err != nil {
			t.Fatal(err)
		}
		o.byPassword(t, "half removed")

		o.run(t, "apt-get", "remove", "--yes", "spse-totp")
		o.byPassword(t, "removed")
		o.run(t, "test", "-d", "/var/lib/spse-totp-setup") // state stays
		o.install(t)
		o.run(t, "apt-get", "purge", "--yes", "spse-totp")
		o.byPassword(t, "purged")
		expectSame(t, before, etc(t, o.Machine))
		for _, path := range []string{"/var/lib/spse-totp", "/var/lib/spse-totp-setup", "/run/spse-totp"} {
			if _, err := os.Lstat(o.Path(path)); err == nil {
				t.Errorf("%s is left", path)
			}
		}
		if said, err := o.Run("getent", "passwd", "spse-totp"); err == nil {
			t.Errorf("the user is left: %s", said)
		}
	})
}
