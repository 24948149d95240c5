package boot

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"spse-totp/pamclient/hosts/people"
)

// With no room left at the start logins are refused, and the journal says what to
// do; once that is done they work, with nothing started again. (A daemon that
// runs has taken the room that logins need.)
func TestAFullDisk(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		d := o.onADiskOfItsOwn(t)
		o.run(t, "systemctl", "stop", unit)
		mark := o.mark(t)
		o.run(t, "sh", "-c", "! dd if=/dev/zero of="+state+"/fill bs=1k 2>/dev/null")
		d.mustRefuse(t, "nothing can be written")
		d.mustAlarm(t, mark, "make room on the disk of the state directory")
		pid := o.daemon()
		o.run(t, "rm", state+"/fill")
		d.mustHeal(t)
		if o.daemon() != pid {
			t.Error("the daemon did not heal by itself, it was started again")
		}
	})
}

// The same on a disk that is read-only: refused, told, and healed.
func TestAReadOnlyDisk(t *testing.T) {
	for name, c := range map[string]struct {
		to      func(t *testing.T, o *office, access string) // "ro" or "rw"
		restart bool
	}{
		// As the kernel does when it finds the file system damaged.
		"made so by the kernel": {to: remakeFilesystem},
		// A sandbox that was built meanwhile keeps the mount as it was.
		"mounted so": {to: remount, restart: true},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, o *office) {
				d := o.onADiskOfItsOwn(t)
				o.run(t, "systemctl", "stop", unit) // what it has open for writing keeps the disk writable
				c.to(t, o, "ro")
				mark := o.mark(t)
				d.mustRefuse(t, "a read-only disk")
				d.mustAlarm(t, mark, "make the state directory and its files writable for the daemon")
				mustBeSockets(t, o)
				pid := o.daemon()
				c.to(t, o, "rw")
				if c.restart {
					o.run(t, "systemctl", "restart", unit)
				}
				d.mustHeal(t)
				if !c.restart && o.daemon() != pid {
					t.Error("the daemon did not heal by itself, it was started again")
				}
			})
		})
	}
}

func remount(t *testing.T, o *office, access string) {
	t.Helper()
	o.run(t, "mount", "-o", "remount,"+access, state)
}

// remakeFilesystem leaves the mount alone, which mount(8) changes too.
func remakeFilesystem(t *testing.T, o *office, access string) {
	t.Helper()
	fd, err := unix.Fspick(unix.AT_FDCWD, o.Path(state), unix.FSPICK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := errors.Join(unix.FsconfigSetFlag(fd, access), unix.FsconfigReconfigure(fd)); err != nil {
		t.Fatal(err)
	}
}

// disk is a small one that the daemon has to itself, with one account.
type disk struct {
	o *office
	p *people.Person
}

// onADiskOfItsOwn puts the state there until the test ends.
func (o *office) onADiskOfItsOwn(t *testing.T) disk {
	t.Helper()
	o.run(t, "systemctl", "stop", unit)
	o.run(t, "mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", state)
	t.Cleanup(func() {
		o.run(t, "systemctl", "stop", unit)
		o.run(t, "umount", state)
		o.mustWork(t)
	})
	p, err := people.Activate(people.Control(o.Path("/run/spse-totp/control.sock")), notActivated)
	if err != nil {
		t.Fatal(err)
	}
	return disk{o, p}
}

func (d disk) code(t *testing.T) string {
	t.Helper()
	code, ok := d.p.Code()
	if !ok {
		t.Fatal("no code left")
	}
	return code
}

func (d disk) mustRefuse(t *testing.T, what string) {
	t.Helper()
	d.o.refused(t, what, d.p, d.code(t))
}

func (d disk) mustAlarm(t *testing.T, mark, hint string) {
	t.Helper()
	if alarm := d.o.awaitEntry(t, mark, "SPSE_TOTP_HINT", hint); alarm["PRIORITY"] != "1" || alarm["SPSE_TOTP_EVENT"] != "alarm" {
		t.Errorf("no alarm: %v", alarm)
	}
}

// mustHeal demands that a right code gets in once the store was opened again.
func (d disk) mustHeal(t *testing.T) {
	t.Helper()
	until(t, "the store to be opened again", func() bool {
		_, err := d.o.Run("spse-totp", "status", d.p.Name)
		return err == nil
	})
	if err := d.o.logIn(d.p.Name, people.Answers(password, d.code(t))); err != nil {
		t.Errorf("after the cure: %v", err)
	}
}

// Once activated, an owner's own processes get at no secret, nor at the daemon,
// the keyset or the records; nor do they read of others in the journal.
func TestTheOwnersProcessesReadNoSecret(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		p, code := o.code(t)
		if err := o.logIn(p.Name, people.Answers(password, code)); err != nil {
			t.Fatal(err)
		}
		proc := "/proc/" + o.run(t, "systemctl", "show", "--property=MainPID", "--value", unit)
		credentials := "/run/credentials/" + unit
		for _, args := range [][]string{
			{"cat", state + "/accounts.db"}, {"cat", state + "/accounts.db-wal"}, {"ls", state},
			{"cat", credential}, {"cat", credentials + "/keyset"}, {"ls", credentials},
			{"cat", "/var/lib/systemd/credential.secret"},
			{"cat", proc + "/environ"}, {"cat", proc + "/maps"}, {"head", "-c1", proc + "/mem"}, {"cat", proc + "/auxv"},
			{"ls", proc + "/fd"}, {"ls", proc + "/root/"}, {"readlink", proc + "/exe"}, {"kill", "-0", filepath.Base(proc)},
			{"systemd-creds", "decrypt", credential}, {"systemctl", "kill", unit}, {"systemctl", "restart", unit},
			{"perl", "-MSocket", "-e", `socket(S, AF_UNIX, SOCK_SEQPACKET, 0) && connect(S, sockaddr_un("/run/spse-totp/pam.sock")) or exit 1`},
		} {
			if said, err := o.as(p.Name, args...); err == nil {
				t.Errorf("%v: %s", args, said)
			}
		}
		if said, err := o.as(p.Name, "spse-totp", "status"); err != nil { // the daemon knows who asks
			t.Errorf("an owner's own status: %s", said)
		}
		for _, args := range [][]string{
			{"spse-totp", "status"}, {"spse-totp", "status", "--json"}, {"journalctl", "--all", "--output=export"},
			{"systemctl", "status", unit}, {"systemctl", "show", unit},
		} {
			said, _ := o.as(p.Name, args...) // what it may say is not the question
			for _, never := range []string{p.Key.Secret.Base32(), p.Key.Secret.Grouped(), string(p.Key.Secret.Bytes()), "login of"} {
				if strings.Contains(said, never) {
					t.Errorf("%v tells too much", args)
				}
			}
		}
	})
}

// as runs a program with a user's own rights.
func (o *office) as(who string, args ...string) (string, error) {
	return o.Run(append([]string{"runuser", "-u", who, "--"}, args...)...)
}

// Neither the journal nor any file that was written since the boot, in memory or
// on the disk, holds a secret, a password or the keyset; nor does an entry of
// ours or of sshd hold a code that somebody typed.
func TestNothingWrittenHoldsASecret(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		p, code := o.code(t)
		for _, methods := range []string{code, people.Spoilt(code), password} {
			_ = o.logIn(p.Name, people.Answers(password, methods)) // canaries; who gets in is not the question
		}
		canaries := map[string][]byte{"the password": []byte(password)}
		for i, key := range keysOf(t, o.keyset) {
			canaries["key "+string(rune('0'+i))+" of the keyset"] = key
		}
		for _, p := range o.crowd.People()[:50] {
			canaries["the secret of "+p.Name] = p.Key.Secret.Bytes()
			canaries["the base32 of "+p.Name] = []byte(p.Key.Secret.Base32())
		}
		o.run(t, "journalctl", "--sync")
		journal := o.run(t, "journalctl", "--all", "--no-pager", "--output=export")
		if !strings.Contains(journal, "login of "+p.Name) {
			t.Error("the journal does not even hold the logins")
		}
		mustHoldNone(t, "the journal", []byte(journal), canaries)
		files := 0
		for _, root := range []string{o.Written(), o.Path("/run")} {
			err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
				switch {
				case err != nil || !entry.Type().IsRegular() && !entry.IsDir():
					return nil // it is gone, or nothing to read
				case entry.IsDir() && strings.Contains(path, "/run/credentials"):
					return fs.SkipDir // root's and the daemon's, in memory that is not swapped
				case entry.IsDir():
					return nil
				}
				content, err := os.ReadFile(path)
				if err != nil {
					return nil
				}
				files++
				mustHoldNone(t, path, content, canaries)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
		if files < 20 {
			t.Errorf("only %d files were looked into", files)
		}
		mustHoldNoCode(t, o)
	})
}

// keysOf are the secrets in a keyset.
func keysOf(t *testing.T, keyset string) [][]byte {
	t.Helper()
	var parsed struct {
		Key []struct {
			KeyData struct{ Value string }
		}
	}
	if err := json.Unmarshal([]byte(keyset), &parsed); err != nil || len(parsed.Key) == 0 {
		t.Fatalf("no keyset: %v", err)
	}
	var keys [][]byte
	for _, k := range parsed.Key {
		raw, err := base64.StdEncoding.DecodeString(k.KeyData.Value)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, []byte(k.KeyData.Value), raw[len(raw)-32:]) // the value ends in 32 bytes of key
	}
	return keys
}

func mustHoldNone(t *testing.T, what string, content []byte, canaries map[string][]byte) {
	t.Helper()
	for name, canary := range canaries {
		if bytes.Contains(content, canary) {
			t.Errorf("%s holds %s", what, name)
		}
	}
}

// mustHoldNoCode looks for codes as words of their own: digits in a time or a
// cursor are none.
func mustHoldNoCode(t *testing.T, o *office) {
	t.Helper()
	entries, err := o.Journal()
	if err != nil {
		t.Fatal(err)
	}
	typed := make(map[string]bool)
	for _, code := range o.typed {
		typed[code] = true
	}
	for _, e := range entries {
		for field, value := range e {
			if field != "MESSAGE" && !strings.HasPrefix(field, "SPSE_TOTP_") {
				continue
			}
			for word := range strings.FieldsFuncSeq(value, func(r rune) bool { return r < '0' || r > '9' }) {
				if typed[word] {
					t.Errorf("%s %q holds a code", field, value)
				}
			}
		}
	}
}
