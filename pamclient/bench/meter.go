package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// reading is what a process has used up, and holds now.
type reading struct {
	cpu      time.Duration // user and system, of all its threads
	written  int64         // bytes that went to a disk's cache
	resident int64         // bytes
}

// usage is what a daemon used up during a batch. Without a daemon it is nothing.
type usage struct {
	daemon        *os.Process // may be nil
	before, after reading
}

var _ watch = (*usage)(nil)

func (u *usage) ready() (err error) {
	if u.daemon != nil {
		u.before, err = meter(u.daemon.Pid)
	}
	return err
}

func (u *usage) done() (err error) {
	if u.daemon != nil {
		u.after, err = meter(u.daemon.Pid)
	}
	return err
}

// meter reads a process, of whatever user.
func meter(pid int) (reading, error) {
	// clock_getcpuclockid(3): the clock of another process.
	clock := int32(^pid<<3 | 2)
	var cpu unix.Timespec
	if err := unix.ClockGettime(clock, &cpu); err != nil {
		return reading{}, fmt.Errorf("the CPU clock of process %d: %w", pid, err)
	}
	written, err := numberIn(fmt.Sprintf("/proc/%d/io", pid), "write_bytes")
	resident, failed := numberIn(fmt.Sprintf("/proc/%d/status", pid), "VmRSS")
	return reading{time.Duration(cpu.Nano()), written, resident << 10}, errors.Join(err, failed)
}

// numberIn is that of a line such as `VmRSS:  1234 kB`.
func numberIn(path, key string) (int64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, key+":"); ok {
			return strconv.ParseInt(strings.Fields(value)[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, key)
}
