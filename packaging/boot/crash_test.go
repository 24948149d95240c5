package boot

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode"
)

// kill kills the daemon's main process, which there must be.
func (o *office) kill(t *testing.T) (pid int) {
	t.Helper()
	if pid = o.daemon(); pid == 0 {
		t.Fatal("no daemon to kill")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	return pid
}

// Twenty kills, each of a new main process, in a row: systemd starts the
// daemon every time, and never gives the sockets up.
func TestTwentyKills(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		const kills = 20
		o.mustWork(t)
		begin := time.Now()
		killed := o.kill(t)
		for range kills - 1 {
			o.awaitDaemon(t, killed)
			killed = o.kill(t)
		}
		took := time.Since(begin)
		t.Logf("%d kills, each of a new main process, in %.1f s", kills, took.Seconds())
		if took > 20*time.Second { // twice as fast as systemd's default limit lets pass: 5 starts in 10 s
			t.Error("too slow for a start limit to be met")
		}
		o.awaitDaemon(t, killed)
		mustBeSockets(t, o)
		o.mustWork(t)
	})
}

// Half a minute without the credential, with 30 clients waiting: the daemon
// cannot start, logins are refused in bounded time, and right codes get in as
// soon as it is back.
func TestWithoutTheCredential(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		const clients, without = 30, 30 * time.Second
		o.mustWork(t)
		mark := o.mark(t)
		path := o.Path(credential)
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		o.kill(t)
		var waiting sync.WaitGroup
		end := time.Now().Add(without)
		for range clients {
			p, code := o.code(t)
			waiting.Go(func() {
				for time.Now().Before(end) {
					o.refused(t, "no credential", p, code)
				}
			})
		}
		waiting.Wait()
		if o.daemon() != 0 {
			t.Error("a daemon runs without its credential")
		}
		for _, socket := range []string{unitPAM, unitCtrl} {
			if is, err := o.Run("systemctl", "is-active", socket); err != nil {
				t.Errorf("%s is %s", socket, is)
			}
		}
		mustBeSockets(t, o)
		o.awaitEntry(t, mark, "MESSAGE", "hint: seal the copy of the keyset on this host")
		if err := os.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
		o.awaitDaemon(t, 0)
		o.mustWork(t)
	})
}

// A credential that does not open, or holds no keyset, or another one: refused
// in bounded time, with a line in the journal that says what to do; and it
// heals by the right one.
func TestCredentialsThatAreNotOurs(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		o.mustWork(t)
		path := o.Path(credential)
		right, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		other, err := makeKeyset(o.Suite + ".other")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			what string
			put  func() error
			hint string
		}{
			{"truncated", func() error { return os.WriteFile(path, right[:len(right)/2], 0o600) }, "seal the copy of the keyset on this host"},
			{"empty", func() error { return os.WriteFile(path, nil, 0o600) }, "seal the copy of the keyset on this host"},
			{"edited", func() error { return os.WriteFile(path, edited(right), 0o600) }, "seal the copy of the keyset on this host"},
			{"of another host", o.sealElsewhere, "seal the copy of the keyset on this host"},
			{"no keyset", func() error { return o.seal("no keyset\n") }, "holds is no keyset: seal the copy of the keyset there again"},
			{"another keyset", func() error { return o.seal(other) }, "the keyset is not the one of this database"},
		} {
			mark := o.mark(t)
			if err := c.put(); err != nil {
				t.Fatal(err)
			}
			o.kill(t)
			o.mustRefuse(t, c.what)
			o.awaitEntry(t, mark, "MESSAGE", c.hint)
			mustBeSockets(t, o)
			if err := os.WriteFile(path, right, 0o600); err != nil {
				t.Fatal(err)
			}
			o.run(t, "systemctl", "restart", unit)
			o.mustWork(t)
		}
	})
}

// edited is a sealed credential, in base64, with one letter of it changed.
func edited(sealed []byte) []byte {
	changed := bytes.Clone(sealed)
	letter := &changed[bytes.IndexFunc(changed[len(changed)/2:], unicode.IsLetter)+len(changed)/2]
	*letter = 'A' + (*letter-'A'+1)%2
	return changed
}

// sealElsewhere seals the right keyset as another host would: with another
// host key.
func (o *office) sealElsewhere() error {
	const hostKey = "/var/lib/systemd/credential.secret"
	key := o.Path(hostKey)
	if err := os.Rename(key, key+".ours"); err != nil {
		return err
	}
	return errors.Join(o.seal(o.keyset), os.Rename(key+".ours", key))
}

// With a configuration that does not parse, and no copy of the one taken last,
// the daemon does not start, says which line to mend, and keeps the sockets.
func TestStartedWithABadConfiguration(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		o.mustWork(t)
		right, err := os.ReadFile(o.Path(config))
		if err != nil {
			t.Fatal(err)
		}
		configure := o.configurable(t)
		mark := o.mark(t)
		configure("contact = 291\n", 0o644)
		o.run(t, "rm", state+"/last-good.toml")
		o.kill(t)
		o.mustRefuse(t, "a bad configuration")
		o.awaitEntry(t, mark, "MESSAGE", "error: "+config+":1: ")
		o.awaitEntry(t, mark, "MESSAGE", "hint: correct it, then look again: spse-totp config check")
		configure(string(right), 0o644)
		o.awaitDaemon(t, 0)
		o.mustWork(t)
		mustBeSockets(t, o)
	})
}

// A daemon that hangs is killed by systemd's watchdog and started again; a
// login meanwhile is refused in bounded time.
func TestWatchdog(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		o.mustWork(t)
		mark := o.mark(t)
		pid := o.daemon()
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		o.mustRefuse(t, "the daemon hangs")
		begin := time.Now()
		o.awaitDaemon(t, pid)
		t.Logf("started again %.0f s later", time.Since(begin).Seconds())
		o.mustWork(t)
		o.awaitEntry(t, mark, "MESSAGE", "Watchdog timeout")
		for _, e := range o.since(t, mark) {
			if strings.Contains(e["MESSAGE"], "goroutine") {
				t.Error("the daemon's stacks are in the journal")
			}
		}
	})
}
