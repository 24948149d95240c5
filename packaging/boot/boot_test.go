// Package boot tests the daemon, its units and the module on booted Debian
// releases, as an office has them: systemd is PID 1, people log in over ssh.
//
// It needs root, what `make build` makes, and Debian's mmdebstrap,
// systemd-container and iproute2. SPSE_TOTP_BOOT_SUITES names the releases;
// without it they are bookworm, and trixie too where SPSE_TOTP_LONG is set.
package boot

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"spse-totp/packaging/boot/machine"
	"spse-totp/pamclient/hosts/people"
)

const (
	unit       = "spse-totpd.service"
	unitPAM    = "spse-totp-pam.socket"
	unitCtrl   = "spse-totp-control.socket"
	state      = "/var/lib/spse-totp"
	credential = "/etc/credstore.encrypted/spse-totp.keyset"
	config     = "/etc/spse-totp/spse-totp.toml"

	// hang bounds all that is waited for, and is not to be reached.
	hang = 45 * time.Second
)

// offices are the booted machines.
var offices []*office

func TestMain(m *testing.M) {
	machine.Main(machine.ShortOrLong(), func() int { return withOffices(m) })
}

func withOffices(m *testing.M) (code int) {
	defer func() {
		for _, o := range offices {
			if err := o.Halt(); err != nil {
				fmt.Fprintln(os.Stderr, "error:", err)
				code = 1
			}
		}
	}()
	for number, suite := range machine.ShortOrLong() {
		o, err := open(suite, number)
		if err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			return 1
		}
		offices = append(offices, o)
	}
	return m.Run()
}

// everywhere runs a test on each machine.
func everywhere(t *testing.T, test func(t *testing.T, o *office)) {
	t.Helper()
	for _, o := range offices {
		t.Run(o.Suite, func(t *testing.T) { test(t, o) })
	}
}

// office is a machine with our package's files, and people who log in there.
type office struct {
	*machine.Machine
	crowd       *people.Crowd
	keyset      string // in the clear
	stateAtBoot string // of the daemon

	mu    sync.Mutex
	typed []string // codes; protected by mu
	taken int      // newcomers
}

func open(suite string, number int) (*office, error) {
	keyset, err := makeKeyset(suite)
	if err != nil {
		return nil, err
	}
	o := &office{keyset: keyset}
	if o.Machine, err = machine.Boot(suite, number, furnish); err != nil {
		return nil, err
	}
	o.stateAtBoot, _ = o.Run("systemctl", "is-active", unit) // fails for all but "active"
	if err := o.seal(keyset); err != nil {
		return nil, errors.Join(err, o.Halt())
	}
	if o.crowd, err = people.ActivateAll(people.Control(o.Path("/run/spse-totp/control.sock")), names()); err != nil {
		return nil, errors.Join(err, o.Halt())
	}
	return o, nil
}

// seal seals a keyset with the machine's own key, in place of the one there.
func (o *office) seal(keyset string) error {
	said, err := o.RunWith(keyset, "systemd-creds", "encrypt", "--with-key=host", "--name=keyset", "-", credential)
	if err != nil {
		return fmt.Errorf("sealing the keyset: %w: %s", err, said)
	}
	return nil
}

// code takes somebody who has a right code left, and that code.
func (o *office) code(t *testing.T) (*people.Person, string) {
	t.Helper()
	p, code, err := o.crowd.Code()
	if err != nil {
		t.Fatal(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.typed = append(o.typed, code)
	return p, code
}

func (o *office) logIn(who string, methods ...ssh.AuthMethod) error {
	return people.LogIn(o.Address+":22", who, methods...)
}

// mustWork demands that the next login is right, and that all is in order.
func (o *office) mustWork(t *testing.T) {
	t.Helper()
	p, code := o.code(t)
	if err := o.logIn(p.Name, people.Answers(password, code)); err != nil {
		t.Errorf("a right code: %v", err)
	}
	for _, u := range []string{unit, unitPAM, unitCtrl} {
		if is, err := o.Run("systemctl", "is-active", u); err != nil {
			t.Errorf("%s is %s", u, is)
		}
	}
}

// mustRefuse demands that a right code does not get in, within Hang.
func (o *office) mustRefuse(t *testing.T, what string) {
	t.Helper()
	p, code := o.code(t)
	o.refused(t, what, p, code)
}

// refused is mustRefuse for goroutines, with a code taken before.
func (o *office) refused(t *testing.T, what string, p *people.Person, code string) {
	t.Helper()
	begin := time.Now()
	if err := o.logIn(p.Name, people.Answers(password, code)); err == nil {
		t.Errorf("%s: in", what)
	}
	if took := time.Since(begin); took >= people.Hang {
		t.Errorf("%s: it took %v to refuse", what, took)
	}
}

// run runs a program inside that must succeed.
func (o *office) run(t *testing.T, args ...string) string {
	t.Helper()
	said, err := o.Run(args...)
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, said)
	}
	return said
}

// until polls for what nothing tells of by itself.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(hang); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}

// daemon is the pid of the daemon's main process, 0 if it does not run.
func (o *office) daemon() int {
	for _, pid := range o.PIDs(unit) {
		if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && string(line) == "/usr/sbin/spse-totpd\x00" {
			return pid
		}
	}
	return 0
}

// awaitDaemon waits for a daemon that is another than before.
func (o *office) awaitDaemon(t *testing.T, before int) int {
	t.Helper()
	pid := 0
	until(t, "a new daemon", func() bool {
		pid = o.daemon()
		return pid != 0 && pid != before
	})
	return pid
}

// --- the journal

// mark is a place in the journal: its end, now.
func (o *office) mark(t *testing.T) string {
	t.Helper()
	entries, err := o.Journal("--lines=1")
	if err != nil || len(entries) != 1 {
		t.Fatalf("the journal has no end: %v", err)
	}
	return entries[0]["__CURSOR"]
}

// since returns what the journal has of the daemon, and of systemd about it,
// since the mark. journalctl is not asked to choose: systemd 252 loses an entry
// when it is given a cursor and a unit.
func (o *office) since(t *testing.T, mark string) []machine.Entry {
	t.Helper()
	entries, err := o.Journal("--after-cursor=" + mark)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(entries, func(e machine.Entry) bool {
		return e["_SYSTEMD_UNIT"] != unit && e["UNIT"] != unit
	})
}

// awaitEntry waits for an entry since the mark whose field holds the text.
func (o *office) awaitEntry(t *testing.T, mark, field, text string) machine.Entry {
	t.Helper()
	deadline := time.Now().Add(hang)
	for {
		said := ""
		for _, e := range o.since(t, mark) {
			if strings.Contains(e[field], text) {
				return e
			}
			said += e["MESSAGE"] + "\n"
		}
		if time.Now().After(deadline) {
			t.Fatalf("no entry whose %s holds %q, but:\n%s", field, text, said)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
