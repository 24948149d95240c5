package main

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/internal/config"
	"spse-totp/daemon/protocol"
)

// A configuration for siti, whom a rule of a date far off exempts.
var exemptsSiti = []string{"[[rule]]", `accounts = ["siti"]`, `verdict = "exempt"`, `reason = "x"`, "until = 2999-12-31"}

// unitBench is a bench whose daemons get their state directory from systemd.
func unitBench(t *testing.T) *bench {
	b := newBench(t)
	b.env = append(b.env, "STATE_DIRECTORY="+b.path("state"))
	return b
}

func (b *bench) copy() string { return b.path("state/" + config.CopyFile) }

// asked says whether a login is asked for a code; without it ends at once.
func (b *bench) asked(name string) bool {
	b.t.Helper()
	c, err := b.talk(person{t: b.t, name: name}.start())
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.close()
	reply, err := c.next()
	if err != nil {
		b.t.Fatal(err)
	}
	_, prompted := reply.(protocol.Prompt)
	if !prompted && reply != (protocol.Result{Verdict: protocol.NotAsked}) {
		b.t.Fatalf("%s: the daemon said %v", name, reply)
	}
	return prompted
}

func (d *process) mustStop() {
	d.b.t.Helper()
	if status := d.stop(); status != 0 {
		d.b.t.Errorf("exit status %d", status)
	}
}

// A file that got a fault since it was taken keeps nobody out at a start: what
// was in force is in force again, no more and no less, with an alarm.
func TestAFaultAtTheStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(b *bench, file string) error
		said  string
		hint  string
	}{
		"a typing error": {func(b *bench, _ string) error { b.configure(`contact = "a new one`); return nil },
			"spse-totp.toml:6: ", "config check"},
		"a typing error in a group": {func(b *bench, _ string) error {
			b.configure("[[rule]]", `groups = ["no-such-group"]`, `verdict = "refuse"`)
			return nil
		}, `spse-totp.toml:7: groups has "no-such-group"`, "config check"},
		"taken away": {func(_ *bench, file string) error { return os.Remove(file) },
			"spse-totp.toml: no such file", "config check"},
		"a folder": {func(_ *bench, file string) error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o700)) },
			"not a configuration file", "config check"},
		"all may write it": {func(b *bench, file string) error { b.configure(); return os.Chmod(file, 0o666) },
			"others than its owner may write it", "chmod go-w"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := unitBench(t)
			budi, file := b.people("budi", "siti")[0], b.path("spse-totp.toml")
			b.configure(exemptsSiti...)
			b.start().mustStop()
			if err := c.spoil(b, file); err != nil {
				t.Fatal(err)
			}
			systemd := b.supervise()
			d := b.start()
			systemd.await("READY=1\nSTATUS=started by the copy")
			alarm := d.await(audit.Fallback, c.said, b.copy())
			if hint := alarm["SPSE_TOTP_HINT"]; alarm["PRIORITY"] != "1" || !strings.Contains(hint, c.hint) || !strings.HasSuffix(hint, "systemctl reload spse-totpd") {
				t.Errorf("alarm %v", alarm)
			}
			if b.asked("siti") || !b.asked("budi") {
				t.Error("other rules are in force than before")
			}
			b.expectLogin(budi, budi.code(0), protocol.Accepted)
			d.signal(syscall.SIGHUP)
			d.await(audit.Alarm, "not reloaded", c.said)
			_ = os.RemoveAll(file) // it may be gone already
			b.configure()
			d.signal(syscall.SIGHUP)
			d.await(audit.Service, "configuration reloaded")
			if told := systemd.await("READY=1\nSTATUS="); told != "READY=1\nSTATUS=" {
				t.Errorf("systemd is told %q still", told)
			}
			if !b.asked("siti") {
				t.Error("after the cure the copy is in force still")
			}
			d.mustStop()
			d = b.start()
			if told := d.told(audit.Fallback); len(told) > 0 || !b.asked("siti") {
				t.Errorf("at the next start: %v", told)
			}
		})
	}
}

// The copy is of what was in force last: not of a file that a reload did not
// take, nor of one of before, and also after a daemon that was killed.
func TestTheCopyIsOfWhatWasInForce(t *testing.T) {
	t.Parallel()
	b := unitBench(t)
	b.people("budi")
	d := b.start()
	b.configure(exemptsSiti...)
	d.signal(syscall.SIGHUP)
	d.await(audit.Service, "configuration reloaded")
	b.configure("isuer = 7")
	for range 2 {
		d.signal(syscall.SIGHUP)
		d.await(audit.Alarm, "not reloaded", "isuer")
		d.kill()
		d = b.start()
		d.await(audit.Fallback, "isuer")
		if b.asked("siti") || !b.asked("budi") {
			t.Error("what is in force was not")
		}
	}
	if info, err := os.Stat(b.copy()); err != nil || info.Mode() != 0o600 {
		t.Errorf("the copy: %v, %v", info, err)
	}
}

// A copy is read as strictly as the file. Where it does not help, or there is
// none, the daemon does not run, and says what is the matter with both.
func TestACopyThatDoesNotHelp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(b *bench) error
		said  string
	}{
		"none":                  {func(b *bench) error { return os.Remove(b.copy()) }, ""},
		"of another version":    {func(b *bench) error { return os.WriteFile(b.copy(), []byte("password = true\n"), 0o600) }, config.CopyFile + `:1: unknown key "password"`},
		"others may write it":   {func(b *bench) error { return os.Chmod(b.copy(), 0o620) }, config.CopyFile + ": others than its owner may write it"},
		"something else":        {func(b *bench) error { return errors.Join(os.Remove(b.copy()), os.Mkdir(b.copy(), 0o700)) }, config.CopyFile + ": not a configuration file"},
		"the daemon is by hand": {func(b *bench) error { b.env = nil; return nil }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := unitBench(t)
			p := b.people("budi")[0]
			b.start().mustStop()
			b.configure("isuer = 7")
			if err := c.spoil(b); err != nil {
				t.Fatal(err)
			}
			d := b.launch(b.held)
			if status := d.exit(); status != 1 {
				t.Errorf("exit status %d", status)
			}
			said := d.said()
			if !strings.HasPrefix(said, "error: ") || !strings.Contains(said, `spse-totp.toml:6: unknown key "isuer"`) ||
				!strings.Contains(said, c.said) || strings.Contains(said, "copy") != (c.said != "") || !strings.Contains(said, "\nhint: correct it") {
				t.Errorf("it said %s", said)
			}
			b.configure()
			_ = os.RemoveAll(b.copy())
			b.start() // who waited is served
			b.expectLogin(p, p.code(0), protocol.Accepted)
		})
	}
}

// Where no copy can be kept the configuration is in force all the same, and the
// old copy, which is not, is gone.
func TestACopyThatCannotBeKept(t *testing.T) {
	t.Parallel()
	b := unitBench(t)
	p := b.people("budi")[0]
	b.configure(exemptsSiti...)
	d := b.start()
	if err := os.MkdirAll(b.copy()+".new/in the way", 0o700); err != nil {
		t.Fatal(err)
	}
	b.configure()
	d.signal(syscall.SIGHUP)
	alarm := d.await(audit.Alarm, "no copy of it could be kept", config.CopyFile)
	if !strings.Contains(alarm["SPSE_TOTP_HINT"], "state directory") {
		t.Errorf("hint %q", alarm["SPSE_TOTP_HINT"])
	}
	d.await(audit.Service, "configuration reloaded")
	if !b.asked("siti") {
		t.Error("the old configuration is in force")
	}
	b.expectLogin(p, p.code(0), protocol.Accepted)
	if _, err := os.Stat(b.copy()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old copy: %v", err)
	}
}

// A file whose group was taken away since is in force as it is, with the copy or
// without: the copy has that group too.
func TestAGroupThatIsGoneIsNoFaultAtTheStart(t *testing.T) {
	t.Parallel()
	b := unitBench(t)
	b.people("budi")
	b.configure("[[rule]]", `groups = ["no-such-group"]`, `verdict = "exempt"`, `reason = "x"`, "until = 2999-12-31")
	for range 2 {
		d := b.start()
		d.await(audit.Service, "spse-totp.toml:6", "group that is gone")
		if told := d.told(audit.Fallback); len(told) > 0 {
			t.Errorf("told %v", told)
		}
		if _, err := os.Stat(b.copy()); err != nil {
			t.Error(err)
		}
		d.mustStop()
	}
}

// An exemption that ended while the host was off is no fault at a start; at a
// reload it is one, each time, that says what to do.
func TestAnExemptionThatIsOver(t *testing.T) {
	t.Parallel()
	b := unitBench(t)
	b.people("siti")
	b.configure("[[rule]]", `accounts = ["siti"]`, `verdict = "exempt"`, `reason = "x"`, "until = 2026-01-31")
	d := b.start()
	d.await(audit.Service, "spse-totp.toml:6", "this exemption is over")
	if told := d.told(audit.Fallback); len(told) > 0 || !b.asked("siti") {
		t.Errorf("at the start: told %v", told)
	}
	b.configure(append([]string{`contact = "new"`}, "[[rule]]", `accounts = ["siti"]`, `verdict = "exempt"`, `reason = "x"`, "until = 2026-01-31")...)
	for count := range 2 {
		d.signal(syscall.SIGHUP)
		d.awaitCount(count+1, audit.Alarm, "not reloaded", "spse-totp.toml:11: until is over, 2026-01-31 was the last day: take the rule out, or give it a new date")
	}
	b.configure("[[rule]]", `verdict = "allow"`, "mandatory_from = 2022-04-11") // which is as it should be
	d.signal(syscall.SIGHUP)
	d.await(audit.Service, "configuration reloaded")
}

// --check says what a reload would, and does nothing.
func TestCheck(t *testing.T) {
	t.Parallel()
	b := unitBench(t)
	for name, c := range map[string]struct {
		spoil func() error
		said  string
	}{
		"in order": {func() error { return nil }, ""},
		"a fault":  {func() error { b.configure("isuer = 7"); return nil }, `spse-totp.toml:6: unknown key "isuer"`},
		"a group":  {func() error { b.configure("[[rule]]", `groups = ["no-such-group"]`); return nil }, "spse-totp.toml:7: groups has"},
		"over": {func() error {
			b.configure("[[rule]]", `verdict = "exempt"`, `reason = "x"`, "until = 2026-01-31")
			return nil
		}, "spse-totp.toml:9: until is over"},
		"all may write it": {func() error { return os.Chmod(b.path("spse-totp.toml"), 0o666) }, "others than its owner"},
		"missing":          {func() error { return os.Remove(b.path("spse-totp.toml")) }, "no such file"},
	} {
		b.configure()
		if err := errors.Join(os.Chmod(b.path("spse-totp.toml"), 0o600), c.spoil()); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), b.program, "--check", "--config", b.path("spse-totp.toml"))
		cmd.Env = append(os.Environ(), b.env...)
		said, err := cmd.CombinedOutput()
		if c.said == "" && (err != nil || len(said) > 0) {
			t.Errorf("%s: %v: %s", name, err, said)
		}
		if c.said != "" && (cmd.ProcessState.ExitCode() != 1 || !strings.HasPrefix(string(said), "error: ") || !strings.Contains(string(said), c.said) || !strings.Contains(string(said), "\nhint: ")) {
			t.Errorf("%s: %v: %s", name, err, said)
		}
	}
	if there, err := os.ReadDir(b.path("state")); err != nil || len(there) > 0 {
		t.Errorf("it left %v, %v", there, err)
	}
}

// A file that somebody else owns is his to change at any time.
func TestAConfigurationOfAnotherUser(t *testing.T) {
	needRoot(t, "give a file away")
	t.Parallel()
	b := unitBench(t)
	p := b.people("budi")[0]
	d := b.start()
	if err := os.Chown(b.path("spse-totp.toml"), 65534, 65534); err != nil {
		t.Fatal(err)
	}
	d.signal(syscall.SIGHUP)
	if alarm := d.await(audit.Alarm, "not reloaded", "belongs to uid 65534"); !strings.Contains(alarm["SPSE_TOTP_HINT"], "chown root:root "+b.path("spse-totp.toml")) {
		t.Errorf("hint %q", alarm["SPSE_TOTP_HINT"])
	}
	d.mustStop()
	d = b.start()
	d.await(audit.Fallback, "belongs to uid 65534")
	b.expectLogin(p, p.code(0), protocol.Accepted)
	d.mustStop()
	if err := os.Chown(b.copy(), 65534, 65534); err != nil {
		t.Fatal(err)
	}
	d = b.launch(b.held)
	if status := d.exit(); status != 1 || strings.Count(d.said(), "belongs to uid 65534") != 2 {
		t.Errorf("exit status %d: %s", status, d.said())
	}
}

// Days begin at midnight in the zone that the host has at the reload.
func TestAReloadTakesTheHostsNewTimeZone(t *testing.T) {
	needRoot(t, "change the time zone")
	t.Parallel()
	b := newBench(t)
	// A daemon with an /etc of its own.
	etc := b.path("etc")
	b.privately(`cp -a /etc/. "$0" && rm -f "$0/localtime" && cp "$0/../zone" "$0/localtime" && mount --bind "$0" /etc && unset TZ`, etc)
	if err := os.Mkdir(etc, 0o755); err != nil {
		t.Fatal(err)
	}
	const west, east = -12, 14
	b.write("zone", string(zoneData(west)))
	// The day that is tomorrow in the west is always there in the east.
	tomorrow := time.Now().In(time.FixedZone("", west*3600)).AddDate(0, 0, 1)
	b.configure("[[rule]]", `verdict = "allow"`, "mandatory_from = "+tomorrow.Format(time.DateOnly))
	expect := func(want protocol.Verdict) {
		t.Helper()
		start := person{t: t, name: "siti"}.start()
		start.Phase = protocol.PhaseAccount // which is let in without a code where it may still go without
		c, err := b.talk(start)
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		if verdict, err := c.result(); err != nil || verdict != want {
			t.Errorf("%v, %v; want %v", verdict, err, want)
		}
	}
	d := b.start()
	d.signal(syscall.SIGHUP) // by now whatever a program reads once has been read
	d.await(audit.Service, "configuration reloaded")
	expect(protocol.NotAsked)
	b.write("etc/zone.new", string(zoneData(east)))
	if err := os.Rename(b.path("etc/zone.new"), b.path("etc/localtime")); err != nil { // as timedatectl does
		t.Fatal(err)
	}
	expect(protocol.NotAsked)
	d.signal(syscall.SIGHUP)
	d.awaitCount(2, audit.Service, "configuration reloaded")
	expect(protocol.Refused)
}

// zoneData is the file of a zone that is ever so many hours east of UTC
// (RFC 9636 §3: version 1, one type and no transitions).
func zoneData(hours int) []byte {
	data := append([]byte("TZif"), make([]byte, 16+3*4)...)
	for _, count := range []uint32{0 /* transitions */, 1 /* types */, 4 /* letters */, uint32(int32(hours * 3600))} {
		data = binary.BigEndian.AppendUint32(data, count)
	}
	return append(data, "\x00\x00LPS\x00"...)
}
