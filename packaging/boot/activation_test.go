package boot

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"spse-totp/pamclient/hosts/people"
)

// The sockets are there from the boot on; the daemon runs when somebody needs
// it, and is started by either.
func TestTheSocketsStartTheDaemon(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		if o.stateAtBoot != "inactive" {
			t.Errorf("after the boot the daemon was %s, want inactive", o.stateAtBoot)
		}
		for name, knock := range map[string]func() error{
			"a login": func() error {
				p, code := o.code(t)
				return o.logIn(p.Name, people.Answers(password, code))
			},
			"the CLI": func() error {
				said, err := o.Run("spse-totp", "status", notActivated)
				if err != nil {
					return fmt.Errorf("%w: %s", err, said)
				}
				return nil
			},
		} {
			o.run(t, "systemctl", "stop", unit)
			if pid := o.daemon(); pid != 0 {
				t.Errorf("stopped, and process %d is there", pid)
			}
			mustBeSockets(t, o)
			if err := knock(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			o.mustWork(t)
		}
		mustBeSockets(t, o)
	})
}

func mustBeSockets(t *testing.T, o *office) {
	t.Helper()
	for path, want := range map[string]os.FileMode{
		"/run/spse-totp":              os.ModeDir | 0o755,
		"/run/spse-totp/pam.sock":     os.ModeSocket | 0o600,
		"/run/spse-totp/control.sock": os.ModeSocket | 0o666,
	} {
		info, err := os.Lstat(o.Path(path))
		if err != nil {
			t.Error(err)
			continue
		}
		if owner := info.Sys().(*syscall.Stat_t); info.Mode() != want || owner.Uid != 0 || owner.Gid != 0 {
			t.Errorf("%s is %v of %d:%d, want %v of root", path, info.Mode(), owner.Uid, owner.Gid, want)
		}
	}
}

// Whoever restarts a socket has a daemon on the new one; a socket that is
// stopped refuses, and takes its file and the daemon with it.
func TestSocketsAreRestarted(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		for _, socket := range []string{unitPAM, unitCtrl} {
			o.run(t, "systemctl", "restart", socket)
			o.mustWork(t)
			mustBeSockets(t, o)
		}
		o.run(t, "systemctl", "stop", unitPAM)
		if _, err := os.Lstat(o.Path("/run/spse-totp/pam.sock")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the file of a stopped socket: %v", err)
		}
		o.mustRefuse(t, unitPAM+" is stopped")
		o.run(t, "systemctl", "start", unitPAM)
		o.mustWork(t)
	})
}

// A reload takes the new configuration; where the new one has a fault it keeps the
// old one, fails, and says why. The daemon's process stays.
func TestReload(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		o.mustWork(t)
		pid := o.daemon()
		configure := o.configurable(t)
		mark := o.mark(t)
		configure("contact = \"0291-1111\"\n", 0o644)
		o.run(t, "systemctl", "reload", unit)
		o.awaitEntry(t, mark, "MESSAGE", "configuration reloaded")
		for content, c := range map[string]struct {
			mode os.FileMode
			said string
		}{
			"contact = \"0291-2222\"\nno such line\n": {0o644, config + ":2: "},
			"contact = \"0291-3333\"\n":               {0o666, config + ": others than its owner may write it"},
			"contact = \"0291-4444\"\n":               {0o600, "chmod go+r " + config},
		} {
			mark := o.mark(t)
			configure(content, c.mode)
			if said, err := o.Run("systemctl", "reload", unit); err == nil {
				t.Errorf("with %q, mode %o: the reload succeeds: %s", content, c.mode, said)
			}
			if e := o.awaitEntry(t, mark, "MESSAGE", c.said); e["PRIORITY"] != "3" {
				t.Errorf("no error: %v", e)
			}
			if said, _ := o.Run("systemctl", "status", unit); !strings.Contains(said, c.said) { // it exits with 0 as long as it runs
				t.Errorf("systemctl status says\n%s", said)
			}
			if contact := contactOf(t, o); contact != "0291-1111" {
				t.Errorf("with %q the contact is %q", content, contact)
			}
		}
		if now := o.daemon(); now != pid {
			t.Errorf("process %d became %d", pid, now)
		}
		o.mustWork(t)
	})
}

// A configuration that got a fault, and a restart before anybody looked: what was
// in force is in force again, and systemctl status says so.
func TestAFaultyConfigurationAtTheStart(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		configure := o.configurable(t)
		configure("contact = \"0291-1111\"\n", 0o644)
		o.run(t, "systemctl", "reload", unit)
		configure("contact = \"0291-2222\n", 0o644)
		mark := o.mark(t)
		o.run(t, "systemctl", "restart", unit)
		if e := o.awaitEntry(t, mark, "SPSE_TOTP_EVENT", "fallback"); e["PRIORITY"] != "1" || !strings.Contains(e["MESSAGE"], config+":1: ") {
			t.Errorf("alarm %v", e)
		}
		if said := o.run(t, "systemctl", "status", unit); !strings.Contains(said, `Status: "started by the copy of its last configuration: `+config+":1: ") {
			t.Errorf("systemctl status says\n%s", said)
		}
		if contact := contactOf(t, o); contact != "0291-1111" {
			t.Errorf("the contact is %q", contact)
		}
		o.mustWork(t)
	})
}

// configurable returns what writes the configuration till the test ends.
func (o *office) configurable(t *testing.T) (configure func(content string, mode os.FileMode)) {
	t.Helper()
	path := o.Path(config)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	configure = func(content string, mode os.FileMode) {
		t.Helper()
		if err := errors.Join(os.WriteFile(path, []byte(content), mode), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		configure(string(before), 0o644)
		o.run(t, "systemctl", "reload", unit)
	})
	return configure
}

// contactOf is the helpdesk that the daemon names.
func contactOf(t *testing.T, o *office) string {
	t.Helper()
	response, err := people.Control(o.Path("/run/spse-totp/control.sock")).Get("http://control/v1/host")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var host struct{ Contact string }
	if err := json.NewDecoder(response.Body).Decode(&host); err != nil {
		t.Fatal(err)
	}
	return host.Contact
}

// The units say nothing that systemd does not know, and nothing twice.
func TestSystemdAnalyzeVerify(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		if said := o.run(t, "systemd-analyze", "verify", unit, unitPAM, unitCtrl); said != "" {
			t.Error(said)
		}
	})
}

var exposure = regexp.MustCompile(`Overall exposure level for .*: ([0-9.]+)`)

func TestSystemdAnalyzeSecurity(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		said := o.run(t, "systemd-analyze", "security", "--no-pager", unit)
		found := exposure.FindStringSubmatch(said)
		if found == nil {
			t.Fatal(said)
		}
		t.Log(found[0])
		// Other releases weigh other things: the demand is trixie's.
		if level, err := strconv.ParseFloat(found[1], 64); err != nil || level > 0.5 && o.Suite == "trixie" {
			t.Error(said)
		}
	})
}
