package boot

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The daemon as the kernel sees it: what it may, and that nothing of its memory
// gets out.
func TestTheDaemonsProcess(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		o.mustWork(t)
		proc := fmt.Sprintf("/proc/%d/", o.daemon())
		status := read(t, proc+"status")
		for _, want := range []string{
			fmt.Sprintf("Uid:\t%d\t%[1]d\t%[1]d\t%[1]d", daemonUID), fmt.Sprintf("Groups:\t%d \n", daemonUID),
			"CapInh:\t0000000000000000", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
			"CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000",
			"NoNewPrivs:\t1", "Seccomp:\t2",
		} {
			if !strings.Contains(status, want) {
				t.Errorf("no %q in its status:\n%s", want, status)
			}
		}
		if limits := read(t, proc+"limits"); !regexp.MustCompile(`Max core file size +0 +0 `).MatchString(limits) {
			t.Errorf("core files: %s", limits)
		}
		if owner := ownerOf(t, proc+"mem"); owner != 0 {
			t.Errorf("its memory is of uid %d: it can be dumped", owner)
		}
		for line := range strings.Lines(read(t, proc+"maps")) {
			if mode := strings.Fields(line)[1]; strings.Contains(mode, "w") && strings.Contains(mode, "x") {
				t.Errorf("writable and executable: %s", line)
			}
		}
		if swap := o.run(t, "systemctl", "show", "--property=MemorySwapMax", "--value", unit); swap != "0" {
			t.Errorf("it may swap: MemorySwapMax=%s", swap)
		}
		for _, at := range writable(t, proc) {
			switch {
			case at == state, at == "/proc", at == "/dev/pts":
			case strings.HasPrefix(at, "/run/host/"): // nspawn's own
			case strings.HasSuffix(at, "/"+unit+"/memory.pressure"): // systemd 254 on hands it out; root's
			default:
				t.Errorf("%s is not mounted read-only", at)
			}
		}
		if links := linksIn(t, proc+"net/dev"); links != "lo" {
			t.Errorf("it has the network interfaces %s", links)
		}
	})
}

// writable are the mounts that the process of the daemon can write to, as far
// as files' modes let it.
func writable(t *testing.T, proc string) []string {
	t.Helper()
	last := make(map[string]string) // where mounts are stacked, the last counts
	for line := range strings.Lines(read(t, proc+"mountinfo")) {
		f := strings.Fields(line)
		last[f[4]] = f[5]
	}
	var found []string
	for at, options := range last {
		if strings.HasPrefix(options, "rw,") {
			found = append(found, at)
		}
	}
	slices.Sort(found)
	return found
}

// linksIn are the names of interfaces in a /proc/PID/net/dev.
func linksIn(t *testing.T, path string) string {
	t.Helper()
	var links []string
	for line := range strings.Lines(read(t, path)) {
		if name, _, is := strings.Cut(line, ":"); is {
			links = append(links, strings.TrimSpace(name))
		}
	}
	return strings.Join(links, " ")
}

// permitted is all that the probe is to succeed in.
var permitted = map[string]bool{
	"write:state": true, "socket:unix": true, "read:keyset": true, "map:rw": true, "run:getent": true,
}

// A probe in the daemon's place, under the very same unit, tries what must not
// work. Run by root without the unit it can do it all: so the probe is right.
func TestTheSandboxFromInside(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		const script = "/usr/lib/spse-totp-probe.pl"
		if err := copyFile("testdata/probe.pl", o.Path(script)); err != nil {
			t.Fatal(err)
		}
		free := o.run(t, "env", "STATE_DIRECTORY=/root", "CREDENTIALS_DIRECTORY=/root", "sh", "-c",
			"echo x >/root/keyset && perl "+script)
		for name, could := range findings(t, free) {
			if !could {
				t.Errorf("even root without the unit: no %s; the probe tells nothing about it", name)
			}
		}
		caged := o.inPlaceOfTheDaemon(t, "/usr/bin/perl "+script)
		for name, could := range findings(t, caged) {
			if could != permitted[name] {
				t.Errorf("%s: %v in the sandbox, want %v", name, could, permitted[name])
			}
		}
	})
}

func findings(t *testing.T, said string) map[string]bool {
	t.Helper()
	found := make(map[string]bool)
	for line := range strings.Lines(said) {
		name, could, is := strings.Cut(strings.TrimSpace(line), " ")
		if !is || could != "yes" && could != "no" {
			t.Fatalf("the probe said %q", line)
		}
		found[name] = could == "yes"
	}
	if len(found) < 2*len(permitted) {
		t.Fatalf("the probe ended too early: %s", said)
	}
	return found
}

// inPlaceOfTheDaemon runs a command under the daemon's unit, with nothing
// changed but what is started, and returns what it printed.
func (o *office) inPlaceOfTheDaemon(t *testing.T, command string) string {
	t.Helper()
	const dropIn = "/run/systemd/system/" + unit + ".d/probe.conf"
	program, _, _ := strings.Cut(command, " ")
	lines := fmt.Sprintf("[Service]\nType=oneshot\nRestart=no\nWatchdogSec=0\nExecStart=\nExecStart=%s\nExecStopPost=\nBindReadOnlyPaths=%s\n", command, program)
	if err := writeFile(o.Path(dropIn), lines); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := os.RemoveAll(path.Dir(o.Path(dropIn))); err != nil {
			t.Error(err)
		}
		o.run(t, "systemctl", "daemon-reload")
		o.mustWork(t)
	}()
	o.run(t, "systemctl", "daemon-reload")
	o.run(t, "systemctl", "stop", unit)
	mark := o.mark(t)
	o.run(t, "systemctl", "start", unit)
	var said []string
	for _, e := range o.since(t, mark) {
		if e["_COMM"] == path.Base(program) {
			said = append(said, e["MESSAGE"])
		}
	}
	return strings.Join(said, "\n")
}

// Whatever the daemon and systemd open for it has none but root's folders
// above it, up to its own state directory.
func TestNobodyElsesFoldersAreOnTheWay(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		o.mustWork(t)
		paths := []string{
			"/usr/sbin/spse-totpd", "/usr/bin/getent", "/usr/bin/kill", config, credential, state,
			"/run/spse-totp/pam.sock", "/run/spse-totp/control.sock",
			"/usr/lib/systemd/system/" + unit, "/usr/lib/systemd/system/" + unitPAM, "/usr/lib/systemd/system/" + unitCtrl,
		}
		for _, file := range paths {
			for dir := path.Dir(file); ; dir = path.Dir(dir) {
				var s unix.Stat_t
				if err := unix.Stat(o.Path(dir), &s); err != nil {
					t.Fatal(err)
				}
				if s.Uid != 0 || s.Mode&0o022 != 0 {
					t.Errorf("%s, above %s, is %o of uid %d", dir, file, s.Mode, s.Uid)
				}
				if dir == "/" {
					break
				}
			}
		}
		var s unix.Stat_t
		if err := unix.Lstat(o.Path(state), &s); err != nil || s.Uid != daemonUID || s.Mode != unix.S_IFDIR|0o700 {
			t.Errorf("%s is %o of uid %d: %v", state, s.Mode, s.Uid, err)
		}
		for _, name := range []string{"accounts.db", "accounts.db-wal", "last-good.toml"} {
			if err := unix.Lstat(o.Path(state+"/"+name), &s); err != nil || s.Uid != daemonUID || s.Mode != unix.S_IFREG|0o600 {
				t.Errorf("%s is %o of uid %d: %v", name, s.Mode, s.Uid, err)
			}
		}
	})
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func ownerOf(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Uid
}
