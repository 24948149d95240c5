package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"spse-totp/pamclient/hosts/stage"
)

// contender is a module with its own kind of store.
type contender interface {
	name() string
	// line is the PAM stack, for a store of that size.
	line(size int) string
	// prepare makes the store of a crowd.
	prepare(c crowd) error
	// refresh puts that store back as it was made: nobody has used a code.
	refresh(c crowd) error
	// daemon is the process that works for the module, nil where there is none.
	daemon() *os.Process
	// stop ends it.
	stop() error
}

// alone is a module without a daemon.
type alone struct{}

func (alone) daemon() *os.Process { return nil }
func (alone) stop() error         { return nil }

// The names, as they stand in every table.
const (
	permit = "pam_permit"
	google = "google-authenticator"
	oath   = "pam_oath"
	ours   = "spse-totp"
)

// names in the order of the tables.
var names = []string{permit, google, oath, ours}

// contenders, with their stores below the folder disk.
func contenders(disk string, j *journals) []contender {
	return []contender{
		permitModule{},
		googleModule{folder: filepath.Join(disk, "google")},
		&oathModule{folder: filepath.Join(disk, "oath"), templates: map[int][]byte{}},
		&ourModule{disk: disk, stderr: j.stderr},
	}
}

// permitModule is what libpam and a module that does nothing cost.
type permitModule struct{ alone }

func (permitModule) name() string        { return permit }
func (permitModule) line(int) string     { return "auth required pam_permit.so" }
func (permitModule) prepare(crowd) error { return nil }
func (permitModule) refresh(crowd) error { return nil }

// googleModule is Debian's libpam-google-authenticator as its own tool sets it up
// where every question about safety is answered with yes. Its files stand where
// their owner cannot read them, as our secrets do: a file each, root's.
type googleModule struct {
	alone
	folder string
}

func (googleModule) name() string { return google }

func (g googleModule) line(size int) string {
	return fmt.Sprintf("auth required pam_google_authenticator.so secret=%s/${USER} user=root", g.of(size))
}

func (g googleModule) of(size int) string { return filepath.Join(g.folder, fmt.Sprint(size)) }

func (g googleModule) prepare(c crowd) error {
	if err := os.MkdirAll(g.of(c.size), 0o700); err != nil {
		return err
	}
	return g.write(c.size, c.members)
}

func (g googleModule) refresh(c crowd) error {
	some := append(slices.Clone(c.people), c.warmer)
	for _, m := range some { // a login left a new file, which is read-only
		if err := os.Remove(filepath.Join(g.of(c.size), m.name)); err != nil {
			return err
		}
	}
	return g.write(c.size, some)
}

// write makes files as they look after use (google-authenticator's FILEFORMAT).
func (g googleModule) write(size int, members []member) error {
	yesterday := time.Now().Add(-24 * time.Hour)
	for _, m := range members {
		content := fmt.Sprintf("%s\n\" RATE_LIMIT 3 30 %d\n\" WINDOW_SIZE 3\n\" DISALLOW_REUSE %d\n\" TOTP_AUTH\n"+
			"11111111\n22222222\n33333333\n44444444\n55555555\n",
			m.secret.Base32(), yesterday.Unix(), params.StepAt(yesterday))
		if err := os.WriteFile(filepath.Join(g.of(size), m.name), []byte(content), 0o400); err != nil {
			return err
		}
	}
	return nil
}

// oathModule is Debian's libpam-oath: one file for all, which every login writes
// anew.
type oathModule struct {
	alone
	folder    string
	templates map[int][]byte
}

func (*oathModule) name() string { return oath }

func (o *oathModule) line(size int) string {
	return fmt.Sprintf("auth required pam_oath.so usersfile=%s window=1 digits=6", o.of(size))
}

func (o *oathModule) of(size int) string { return filepath.Join(o.folder, fmt.Sprint(size)) }

func (o *oathModule) prepare(c crowd) error {
	if err := os.MkdirAll(o.folder, 0o700); err != nil {
		return err
	}
	yesterday := time.Now().Add(-24 * time.Hour).Format("2006-01-02T15:04:05L")
	var file bytes.Buffer
	for _, m := range c.members {
		fmt.Fprintf(&file, "HOTP/T30/6\t%s\t-\t%s\t0\t000000\t%s\n", m.name, hex.EncodeToString(m.secret.Bytes()), yesterday)
	}
	o.templates[c.size] = file.Bytes()
	return o.refresh(c)
}

func (o *oathModule) refresh(c crowd) error {
	return os.WriteFile(o.of(c.size), o.templates[c.size], 0o600)
}

// ourModule is ours.
type ourModule struct {
	disk    string
	stderr  *os.File
	process *stage.Process
}

func (*ourModule) name() string { return ours }

func (*ourModule) line(int) string {
	module, err := filepath.Abs("build/pam_spse_totp.so")
	if err != nil {
		panic("bench: internal error: " + err.Error()) // the working folder is gone
	}
	return "auth required " + module
}

func (s *ourModule) template(size int) string {
	return filepath.Join(s.disk, fmt.Sprintf("%d.db", size))
}

// state is the daemon's folder. The stage's configuration has it in memory.
const state = stage.Dir + "/state"

// settle gives the daemon a state directory on the disk, and a keyset.
func (s *ourModule) settle() error {
	place := filepath.Join(s.disk, "state")
	if err := errors.Join(os.Mkdir(place, 0o700), os.Mkdir(state, 0o700)); err != nil {
		return err
	}
	if err := unix.Mount(place, state, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	config, err := stage.Config()
	if err != nil {
		return err
	}
	return command("", "build/spse-totp", "key", "init", "--config", config)
}

func (s *ourModule) prepare(c crowd) error {
	if _, err := os.Stat(state); err != nil { // the first crowd
		if err := s.settle(); err != nil {
			return err
		}
	}
	var lines strings.Builder
	for _, m := range c.members {
		fmt.Fprintf(&lines, "%s %s\n", m.name, m.secret.Base32())
	}
	return command(lines.String(), "build/bench-populate", filepath.Join(stage.Dir, "keyset.json"), s.template(c.size))
}

func (s *ourModule) refresh(c crowd) error {
	if err := s.stop(); err != nil {
		return err
	}
	const database = state + "/accounts.db"
	for _, left := range []string{database, database + "-wal"} {
		if err := os.Remove(left); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := copyFile(database, s.template(c.size)); err != nil {
		return err
	}
	slack, err := unitSlack("systemd/spse-totpd.service")
	if err != nil {
		return err
	}
	return withSlack(slack, func() (err error) {
		s.process, err = stage.Daemon(s.stderr, "build")
		return err
	})
}

func (s *ourModule) daemon() *os.Process { return s.process.Process }

func (s *ourModule) stop() error {
	if s.process == nil {
		return nil
	}
	process := s.process
	s.process = nil
	return process.Stop()
}

func command(input, name string, arguments ...string) error {
	cmd := exec.Command(name, arguments...)
	cmd.Stdin = strings.NewReader(input)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(name), err, said)
	}
	return nil
}

// copyFile copies by 4 KiB, so that the kernel caches page by page: of a larger
// piece that is changed somewhere it would count all as written.
func copyFile(to, from string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	_, err = io.CopyBuffer(struct{ io.Writer }{target}, struct{ io.Reader }{source}, make([]byte, 4096)) // hides their own ways to copy
	return err
}
