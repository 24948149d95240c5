// Package machine boots Debian releases, each with systemd as PID 1, in a
// container that nothing outside sees. It needs root, mmdebstrap,
// systemd-container and iproute2, and is for tests.
package machine

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// recipe is what mmdebstrap makes a tree by; a tree of another recipe is not
// used any more. The tree has one host key, which Debian's sshd does not make
// by itself, and no sources of packages: nothing in it asks for updates.
var recipe = []string{
	"--mode=root", "--format=directory", "--variant=minbase",
	"--include=systemd-sysv,dbus,openssh-server,sudo,procps",
	`--aptopt=APT::Install-Recommends "false"`,
	"--dpkgopt=path-exclude=/usr/share/man/*",
	"--dpkgopt=path-exclude=/usr/share/doc/*",
	"--dpkgopt=path-exclude=/usr/share/locale/*",
	`--customize-hook=rm -f "$1"/etc/ssh/ssh_host_rsa_key* "$1"/etc/ssh/ssh_host_ecdsa_key* "$1"/etc/resolv.conf "$1"/etc/hostname`,
	`--customize-hook=rm -f "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/* "$1"/etc/apt/apt.conf.d/99mmdebstrap`,
	`--customize-hook=: >"$1"/etc/machine-id; rm -f "$1"/etc/systemd/system/timers.target.wants/*`,
}

// Tree returns the folder of a release's tree, which is only to be read. It is
// built once, in some 40 s, from the mirror that this machine's apt uses, and
// kept in ${XDG_CACHE_HOME:-/var/cache}/spse-totp-boot.
func Tree(suite string) (string, error) {
	cache := filepath.Join(cacheRoot(), "spse-totp-boot")
	if err := os.MkdirAll(cache, 0o700); err != nil { // there are setuid programs below
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	sum := sha256.Sum256([]byte(strings.Join(recipe, "\x00")))
	tree := filepath.Join(cache, fmt.Sprintf("%s-%x", suite, sum[:4]))
	if _, err := os.Stat(tree); err == nil {
		return tree, nil
	}
	older, err := filepath.Glob(filepath.Join(cache, suite+"-*")) // other recipes', and one half done
	if err != nil {
		return "", err
	}
	for _, dir := range older {
		if err := os.RemoveAll(dir); err != nil {
			return "", err
		}
	}
	if err := build(suite, tree+".new"); err != nil {
		return "", fmt.Errorf("building a tree of %s: %w", suite, err)
	}
	return tree, os.Rename(tree+".new", tree)
}

func cacheRoot() string {
	if dir := os.Getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return dir
	}
	return "/var/cache"
}

func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

func build(suite, tree string) error {
	sources, err := sources(suite)
	if err != nil {
		return err
	}
	options, err := aptOptions()
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "building a tree of %s, which is kept for the next time\n", suite)
	args := append(append(append([]string{}, recipe...), options...), suite, tree)
	cmd := exec.Command("mmdebstrap", append(args, sources...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mmdebstrap: %w: %s", err, hideHosts(lastLines(string(said), 5)))
	}
	return nil
}

// sources are lines of sources.list for a release, at the mirrors from which
// this machine, of whatever release, gets Debian itself and its security
// updates.
func sources(suite string) ([]string, error) {
	mirrors, err := knownMirrors()
	if err == nil && mirrors["Debian"] == "" { // a machine that was just made has not asked any yet
		if said, err := exec.Command("apt-get", "update", "-q").CombinedOutput(); err != nil {
			return nil, fmt.Errorf("apt-get update: %w: %s", err, hideHosts(lastLines(string(said), 5)))
		}
		mirrors, err = knownMirrors()
	}
	if err != nil {
		return nil, err
	}
	if mirrors["Debian"] == "" {
		return nil, errors.New("apt knows no mirror of Debian")
	}
	lines := []string{debLine(mirrors["Debian"], suite), debLine(mirrors["Debian"], suite+"-updates")}
	if security := mirrors["Debian-Security"]; security != "" {
		lines = append(lines, debLine(security, suite+"-security"))
	}
	return lines, nil
}

// knownMirrors are those that apt has an index of, by their label.
func knownMirrors() (map[string]string, error) {
	const format = "$(ORIGIN) $(LABEL) $(REPO_URI)"
	said, err := exec.Command("apt-get", "indextargets", "--format", format, "Created-By: Packages").Output()
	if err != nil {
		return nil, fmt.Errorf("apt-get indextargets: %w", err)
	}
	mirrors := make(map[string]string)
	for line := range strings.Lines(string(said)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Debian" {
			mirrors[f[1]] = f[2]
		}
	}
	return mirrors, nil
}

func debLine(mirror, suite string) string {
	return fmt.Sprintf("deb [signed-by=%s] %s %s main", keyring, mirror, suite)
}

// reaching are the settings of apt without which a mirror may be out of reach.
var reaching = regexp.MustCompile(`(?m)^Acquire::(?:https?::Proxy|Check-Valid-Until|Check-Date) ".*";$`)

func aptOptions() ([]string, error) {
	said, err := exec.Command("apt-config", "dump").Output()
	if err != nil {
		return nil, fmt.Errorf("apt-config: %w", err)
	}
	var options []string
	for _, setting := range reaching.FindAllString(string(said), -1) {
		options = append(options, "--aptopt="+setting)
	}
	return options, nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

var hosts = regexp.MustCompile(`\b(https?://)[^/\s"]+`)

// hideHosts keeps this machine's mirrors, and passwords for them, to itself.
func hideHosts(text string) string { return hosts.ReplaceAllString(text, "${1}...") }
