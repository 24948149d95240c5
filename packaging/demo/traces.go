package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// machine is what a demo could leave behind: mounts, users, files, and
// processes of its stage.
type machine map[string]string

// look reads it. What is not there reads as such.
func look() machine {
	m := machine{}
	watched := []string{"/proc/self/mountinfo", "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"}
	for _, pattern := range []string{"/etc/pam.d/*", "/etc/ssh/*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			panic("demo: internal error: " + err.Error()) // the patterns are ours
		}
		watched = append(watched, found...)
	}
	for _, path := range watched {
		b, err := os.ReadFile(path)
		if err != nil {
			b = []byte(err.Error())
		}
		m[path] = string(b)
	}
	for _, path := range []string{
		"/run/stage", "/run/spse-totp", "/run/sshd", "/etc/spse-totp", "/var/lib/spse-totp",
		"/var/log/wtmp", "/var/log/lastlog", "/var/log/btmp",
	} {
		info, err := os.Lstat(path)
		if err != nil {
			m[path] = "not there"
			continue
		}
		m[path] = fmt.Sprint(info.Size(), info.ModTime())
	}
	m["processes of the stage"] = ours()
	return m
}

// demoVariable marks the processes of this demo, and not those of another one,
// or of tests, that run at the same time. The value is the demo's pid.
const demoVariable = "SPSE_TOTP_DEMO"

// ours are the processes that carry the mark in their environment.
func ours() string {
	paths, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		panic("demo: internal error: " + err.Error()) // the pattern is ours
	}
	mark := fmt.Appendf(nil, "%s=%d\x00", demoVariable, os.Getpid())
	found := ""
	for _, path := range paths {
		environment, err := os.ReadFile(path)
		if err == nil && bytes.Contains(environment, mark) {
			found += filepath.Dir(path) + " "
		}
	}
	return found
}

// differences names what is not as before.
func (m machine) differences(after machine) []string {
	var names []string
	for name, before := range m {
		if after[name] != before {
			names = append(names, name)
		}
	}
	for name := range after {
		if _, known := m[name]; !known {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
