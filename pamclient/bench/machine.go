package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine is what the numbers depend on. The page shows its exported fields as
// they are.
type machine struct {
	date      time.Time
	Processor string
	Cores     int
	memory    uint64 // bytes
	Kernel    string
	Debian    string
	Compiler  string // Go's version
	Commit    string
	Rivals    string        // the packages measured beside ours, with their versions
	Disk      string        // the file system of the stores
	flush     time.Duration // what it takes to append 4 KiB and flush them, median
}

func describe(disk string) (machine, error) {
	m := machine{
		date: time.Now().UTC(), Cores: runtime.NumCPU(), Compiler: runtime.Version(), Commit: commit(),
		Processor: after("/proc/cpuinfo", "model name"), Debian: debian(),
	}
	var system unix.Utsname
	var info unix.Sysinfo_t
	if err := errors.Join(unix.Uname(&system), unix.Sysinfo(&info)); err != nil {
		return machine{}, err
	}
	m.Kernel = unix.ByteSliceToString(system.Release[:])
	m.memory = uint64(info.Totalram) * uint64(info.Unit)
	var err error
	if m.Rivals, err = versions("libpam-google-authenticator", "libpam-oath", "libpam-modules"); err != nil {
		return machine{}, err
	}
	if m.Disk, err = fileSystem(disk); err != nil {
		return machine{}, err
	}
	m.flush, err = flushTime(disk)
	return m, err
}

// after is the value of the first line `key : value`, or "unknown".
func after(path, key string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func debian() string {
	version, err := os.ReadFile("/etc/debian_version")
	if err != nil {
		return "unknown"
	}
	return string(bytes.TrimSpace(version))
}

// commit is the one that this program was built from, as Go stamps it.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	revision := settings["vcs.revision"]
	switch {
	case len(revision) < 12:
		return "unknown"
	case settings["vcs.modified"] == "true":
		return revision[:12] + " with changes"
	default:
		return revision[:12]
	}
}

func versions(packages ...string) (string, error) {
	query := append([]string{"-W", "-f", "${Package} ${Version}, "}, packages...)
	said, err := exec.Command("dpkg-query", query...).Output()
	if err != nil {
		return "", fmt.Errorf("asking for the packages' versions: %w", err)
	}
	return strings.TrimSuffix(string(said), ", "), nil
}

// fileSystem names the one that a folder is on, and refuses one in memory:
// flushing it costs nothing.
func fileSystem(folder string) (string, error) {
	mounts, err := os.Open("/proc/self/mounts")
	if err != nil {
		return "", err
	}
	defer mounts.Close()
	longest, kind := "", ""
	for lines := bufio.NewScanner(mounts); lines.Scan(); {
		fields := strings.Fields(lines.Text()) // device, place, kind, ...
		if place := fields[1]; len(place) >= len(longest) && within(folder, place) {
			longest, kind = place, fields[2]
		}
	}
	if kind == "tmpfs" || kind == "ramfs" || kind == "" {
		return "", fmt.Errorf("%s is on no disk (%q)", folder, kind)
	}
	return kind, nil
}

func within(path, place string) bool {
	relative, err := filepath.Rel(place, path)
	return err == nil && filepath.IsLocal(relative)
}

// flushTime is what every commit of any store has to wait for here.
func flushTime(folder string) (time.Duration, error) {
	f, err := os.CreateTemp(folder, "flush-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	took := make([]time.Duration, 100)
	for i := range took {
		began := time.Now()
		_, err := f.Write(make([]byte, 4096))
		if err := errors.Join(err, unix.Fdatasync(int(f.Fd()))); err != nil {
			return 0, fmt.Errorf("flushing a file: %w", err)
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return percentile(took, 50), nil
}
