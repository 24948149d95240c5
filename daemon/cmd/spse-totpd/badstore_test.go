package main

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/internal/control"
	"spse-totp/daemon/protocol"
)

// edit is what somebody with the sqlite3 program could do.
func (b *bench) edit(statement string) {
	b.t.Helper()
	db, err := sql.Open("sqlite", "file:"+b.database()+"?_busy_timeout=5000")
	if err != nil {
		b.t.Fatal(err)
	}
	defer db.Close()
	result, err := db.ExecContext(b.t.Context(), statement)
	if err != nil {
		b.t.Fatalf("%s: %v", statement, err)
	}
	if changed, err := result.RowsAffected(); err != nil || changed == 0 {
		b.t.Fatalf("%s: changed %d rows, %v", statement, changed, err)
	}
}

// saved takes the database's content, and returns what puts it back.
func (b *bench) saved() (restore func()) {
	b.t.Helper()
	content, err := os.ReadFile(b.database())
	if err != nil {
		b.t.Fatal(err)
	}
	return func() {
		b.t.Helper()
		_ = os.Remove(b.database() + "-wal") // it may not be there
		if err := os.WriteFile(b.database(), content, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
}

// expectOutage looks at a daemon whose store does not work: a login is refused
// as unavailable, and the alarm says what to do.
func (d *process) expectOutage(p person, hint string) {
	t := d.b.t
	t.Helper()
	d.b.expectLogin(p, p.code(0), protocol.Unavailable)
	alarm := d.await(audit.Alarm, "no login can be judged")
	if !strings.Contains(alarm["SPSE_TOTP_HINT"], hint) {
		t.Errorf("the hint is %q, want %q; the alarm: %s", alarm["SPSE_TOTP_HINT"], hint, alarm["MESSAGE"])
	}
	if told := d.await(audit.Login, "unavailable"); told["SPSE_TOTP_HINT"] == "" {
		t.Errorf("the login's event has no hint: %v", told)
	}
	status, said, err := d.b.call(http.MethodGet, control.PathAccount, self(t), nil)
	if err != nil || status != http.StatusServiceUnavailable || !strings.Contains(said, control.ProblemUnavailable) {
		t.Errorf("on control.sock: %d %s, %v", status, said, err)
	}
}

// expectHealed looks at a daemon whose cause of failure is gone.
func (d *process) expectHealed(p person) {
	d.b.t.Helper()
	d.b.awaitLogin(p, p.code(0))
	d.await(audit.Recovery, "judged again")
}

// A store that does not work refuses everybody, says why and what to do, and
// works again without a restart once the cause is gone.
func TestAStoreThatFailsRefusesAndHeals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(*bench) (mend func())
		hint  string
	}{
		"no database at all": {hint: "restore the database", spoil: func(b *bench) func() {
			mend := b.saved()
			b.write("state/"+filepath.Base(b.database()), strings.Repeat("this is no database. ", 500))
			return mend
		}},
		"cut off": {hint: "restore the database", spoil: func(b *bench) func() {
			mend := b.saved()
			if err := os.Truncate(b.database(), 5000); err != nil {
				b.t.Fatal(err)
			}
			return mend
		}},
		"newer schema": {hint: "install the newer spse-totp", spoil: func(b *bench) func() {
			b.edit(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`)
			return func() { b.edit(`DELETE FROM goose_db_version WHERE version_id = 99`) }
		}},
		"no clock mark": {hint: "someone edited the database", spoil: func(b *bench) func() {
			mend := b.saved()
			b.edit(`DELETE FROM clock_mark`)
			return mend
		}},
		"edited clock mark": {hint: "keyset", spoil: func(b *bench) func() {
			mend := b.saved()
			b.edit(`UPDATE clock_mark SET sealed = zeroblob(length(sealed))`)
			return mend
		}},
		"no folder": {hint: "state directory", spoil: func(b *bench) func() {
			if err := os.Rename(b.path("state"), b.path("elsewhere")); err != nil {
				b.t.Fatal(err)
			}
			b.write("state", "in the way")
			return func() {
				if err := errors.Join(os.Remove(b.path("state")), os.Rename(b.path("elsewhere"), b.path("state"))); err != nil {
					b.t.Fatal(err)
				}
			}
		}},
		"another keyset": {hint: "restore that keyset", spoil: func(b *bench) func() {
			// The database is the one that comes to the keyset again.
			mend := b.saved()
			other := newBench(b.t)
			other.people("budi")
			content, err := os.ReadFile(other.database())
			if err != nil {
				b.t.Fatal(err)
			}
			b.write("state/"+filepath.Base(b.database()), string(content))
			return mend
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			p := b.people("budi")[0]
			mend := c.spoil(b)
			d := b.start()
			d.expectOutage(p, c.hint)
			mend()
			d.expectHealed(p)
			if status := d.stop(); status != 0 {
				t.Errorf("exit status %d", status)
			}
		})
	}
}

// A second daemon on the same file judges nothing, till the first is gone.
func TestOneDaemonForEachDatabase(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.people("budi")[0]
	first := b.start()
	b.expectLogin(p, p.wrong(), protocol.Refused)
	second := newBench(t)
	second.write("spse-totp.toml", fmt.Sprintf("state_directory = %q\nkeyset = %q\n", b.path("state"), b.path("keyset.json")))
	d := second.start()
	d.expectOutage(p, "stop the other daemon")
	b.expectLogin(p, p.wrong(), protocol.Refused)
	first.kill()
	d.expectHealed(p)
	first = b.start()
	first.expectOutage(p, "stop the other daemon")
}

// A read-only disk, as root sees it too.
func TestAReadOnlyDisk(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.people("budi")[0]
	state := b.path("state")
	mend := func(*process) {
		if err := errors.Join(os.Chmod(state, 0o700), os.Chmod(b.database(), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if os.Geteuid() == 0 {
		b.privately(`mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"`, state)
		mend = func(d *process) { d.mount("-o", "remount,bind,rw", state) }
	} else if err := errors.Join(os.Chmod(b.database(), 0o400), os.Chmod(state, 0o500)); err != nil {
		t.Fatal(err)
	}
	d := b.start()
	d.expectOutage(p, "writable")
	mend(d)
	d.expectHealed(p)
}

// privately runs the daemon in a mount namespace of its own, after a shell
// script whose $0 is the folder.
func (b *bench) privately(script, folder string) {
	b.wrap = []string{"unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script + ` && exec "$@"`, folder}
}

// mount is mount(8) within the daemon's namespace.
func (d *process) mount(args ...string) {
	d.b.t.Helper()
	args = append([]string{"-t", fmt.Sprint(d.cmd.Process.Pid), "-m", "-r", "mount"}, args...)
	if said, err := exec.CommandContext(d.b.t.Context(), "nsenter", args...).CombinedOutput(); err != nil {
		d.b.t.Fatalf("mount: %v: %s", err, said)
	}
}

func TestAFullDisk(t *testing.T) {
	needRoot(t, "make a disk that is full")
	t.Parallel()
	b := newBench(t)
	p := b.people("budi")[0]
	state := b.path("state")
	// It is full before the daemon starts, which else takes room for its commits.
	b.privately(`cp -a "$0" "$0.seed" && mount -t tmpfs -o size=2m,mode=700 tmpfs "$0" && cp -a "$0.seed/." "$0" &&
		! dd if=/dev/zero of="$0/ballast" bs=4k status=none 2>/dev/null`, state)
	d := b.start()
	ballast := filepath.Join(fmt.Sprintf("/proc/%d/root", d.cmd.Process.Pid), state, "ballast")
	// What finds no room lets nobody in and burns no code.
	code := p.code(0)
	b.expectLogin(p, code, protocol.Unavailable)
	alarm := d.await(audit.Alarm, "no login can be judged")
	if hint := alarm["SPSE_TOTP_HINT"]; !strings.Contains(hint, "make room") {
		t.Errorf("hint %q; the alarm: %s", hint, alarm["MESSAGE"])
	}
	// Opening it again is no recovery, and the same failure no new alarm.
	for range 15 {
		b.expectLogin(p, p.wrong(), protocol.Unavailable)
		time.Sleep(100 * time.Millisecond)
	}
	if again := append(d.told(audit.Recovery), d.told(audit.Alarm)[1:]...); len(again) > 0 {
		t.Errorf("told while the disk was full: %v", again)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	b.awaitLogin(p, code)
	b.expectLogin(p, code, protocol.Refused)
	// A commit now and then fits on a full disk too, so the recovery is told of
	// when commits went well for some time.
	for range 60 {
		if len(d.told(audit.Recovery)) > 0 {
			break
		}
		b.expectLogin(p, p.wrong(), protocol.Refused)
		time.Sleep(500 * time.Millisecond)
	}
	d.await(audit.Recovery, "judged again")
}

// A record that somebody edited lets nobody in by it, raises the alarm and
// hides nobody else.
func TestEditedRecordsAreRefused(t *testing.T) {
	t.Parallel()
	const ofBudi = ` WHERE name = CAST('budi' AS BLOB)`
	for name, statement := range map[string]string{
		"one byte": `UPDATE account SET sealed = CAST(substr(sealed, 1, 40) ||
			iif(substr(sealed, 41, 1) = x'00', x'01', x'00') || substr(sealed, 42) AS BLOB)` + ofBudi,
		"zeroes":          `UPDATE account SET sealed = zeroblob(length(sealed))` + ofBudi,
		"cut":             `UPDATE account SET sealed = substr(sealed, 1, length(sealed) - 1)` + ofBudi,
		"empty":           `UPDATE account SET sealed = x''` + ofBudi,
		"later version":   `UPDATE account SET version = version + 1` + ofBudi,
		"earlier version": `UPDATE account SET version = version - 1` + ofBudi,
		"another's record": `UPDATE account SET (version, sealed) =
			(SELECT version, sealed FROM account WHERE name = CAST('siti' AS BLOB))` + ofBudi,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			people := b.people("budi", "siti")
			budi, siti := people[0], people[1]
			d := b.start()
			b.expectLogin(budi, budi.wrong(), protocol.Refused) // so that there is an earlier version
			b.expectLogin(siti, siti.wrong(), protocol.Refused)
			if status := d.stop(); status != 0 {
				t.Fatalf("exit status %d", status)
			}
			restore := b.saved()
			b.edit(statement)
			d = b.start()
			for _, code := range []string{budi.code(0), budi.code(1), siti.code(0), budi.wrong()} {
				b.expectLogin(budi, code, protocol.Unavailable)
			}
			alarm := d.await(audit.Alarm, "does not open")
			if alarm["SPSE_TOTP_ACCOUNT"] != "budi" || alarm["SPSE_TOTP_HINT"] == "" {
				t.Errorf("alarm %v", alarm)
			}
			b.expectLogin(siti, siti.code(0), protocol.Accepted)
			if os.Geteuid() == 0 {
				b.expectFault("budi", "siti")
			}
			if status := d.stop(); status != 0 {
				t.Fatalf("exit status %d", status)
			}
			restore()
			b.start()
			b.expectLogin(budi, budi.code(0), protocol.Accepted)
		})
	}
}

// expectFault looks at the list, which is for root: one record that cannot be
// read, one that can.
func (b *bench) expectFault(edited, other string) {
	b.t.Helper()
	accounts, err := ask[[]control.Account](b, http.MethodGet, control.PathAccounts, "", nil)
	if err != nil || len(accounts) != 2 {
		b.t.Fatalf("the list: %v, %v", accounts, err)
	}
	for _, a := range accounts {
		if (a.Fault != "") != (a.Name == edited) || a.Active != (a.Name == other) {
			b.t.Errorf("the list has %+v", a)
		}
	}
}

// A row under another's name is that other's to no avail.
func TestAMovedRecordIsNobodys(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	budi := b.people("budi")[0]
	b.edit(`UPDATE account SET name = CAST('admin' AS BLOB)`)
	d := b.start()
	admin := person{t: t, name: "admin", secret: budi.secret}
	b.expectLogin(admin, admin.code(0), protocol.Unavailable)
	b.expectLogin(budi, budi.code(0), protocol.Refused)
	if alarm := d.await(audit.Alarm, "does not open"); alarm["SPSE_TOTP_ACCOUNT"] != "admin" {
		t.Errorf("alarm %v", alarm)
	}
}

// Without its keyset the daemon does not run, says what to do, and quotes
// nothing of what it read.
func TestWithoutAKeysetTheDaemonDoesNotRun(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(*bench) error
		hint  string
	}{
		"missing": {func(b *bench) error { return os.Remove(b.path("keyset.json")) }, "spse-totp key init"},
		"a folder": {func(b *bench) error {
			return errors.Join(os.Remove(b.path("keyset.json")), os.Mkdir(b.path("keyset.json"), 0o700))
		}, "spse-totp key init"},
		"empty":           {func(b *bench) error { return os.Truncate(b.path("keyset.json"), 0) }, "restore its keyset"},
		"cut":             {func(b *bench) error { return os.Truncate(b.path("keyset.json"), 100) }, "restore its keyset"},
		"no keyset":       {func(b *bench) error { b.write("keyset.json", `{"key": "`+canary+`"}`); return nil }, "restore its keyset"},
		"for all to read": {func(b *bench) error { return os.Chmod(b.path("keyset.json"), 0o644) }, "chmod 600"},
		"for the group":   {func(b *bench) error { return os.Chmod(b.path("keyset.json"), 0o640) }, "chmod 600"},
		"no credential": {func(b *bench) error {
			b.env = append(b.env, "CREDENTIALS_DIRECTORY="+b.path("nowhere"))
			return nil
		}, "seal the copy of the keyset"},
		"no configuration":  {func(b *bench) error { return os.Remove(b.path("spse-totp.toml")) }, "config check"},
		"bad configuration": {func(b *bench) error { b.configure("password = true"); return nil }, "config check"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			p := b.people("budi")[0]
			keyset, err := os.ReadFile(b.path("keyset.json"))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.spoil(b); err != nil {
				t.Fatal(err)
			}
			d := b.launch(b.held)
			if status := d.exit(); status != 1 {
				t.Errorf("exit status %d", status)
			}
			said := d.said()
			if !strings.HasPrefix(said, "error: ") || !strings.Contains(said, "\nhint: ") || !strings.Contains(said, c.hint) {
				t.Errorf("it said %q, want a hint %q", said, c.hint)
			}
			if strings.Contains(said, canary) || strings.Contains(said, keyOf(t, keyset)) {
				t.Errorf("it quotes the keyset: %s", said)
			}
			// Who connects meanwhile waits for the next one, which works.
			_ = os.Remove(b.path("keyset.json"))
			b.write("keyset.json", string(keyset))
			b.configure()
			b.env = nil
			b.start()
			b.expectLogin(p, p.code(0), protocol.Accepted)
		})
	}
}

// Under systemd keyset and state come from there.
func TestKeysetAndStateFromSystemd(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.people("budi")[0]
	if err := os.Mkdir(b.path("credentials"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Rename(b.path("keyset.json"), b.path("credentials/keyset")), os.Rename(b.path("state"), b.path("lib"))); err != nil {
		t.Fatal(err)
	}
	b.env = append(b.env, "CREDENTIALS_DIRECTORY="+b.path("credentials"), "STATE_DIRECTORY="+b.path("lib"))
	b.start()
	b.expectLogin(p, p.code(0), protocol.Accepted)
}
