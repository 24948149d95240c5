package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

var slackLine = regexp.MustCompile(`(?m)^TimerSlackNSec=(\S+)$`)

// unitSlack is the timer slack that a unit of systemd's gives its program.
func unitSlack(path string) (time.Duration, error) {
	unit, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	found := slackLine.FindSubmatch(unit)
	if found == nil {
		return 0, fmt.Errorf("%s has no TimerSlackNSec=", path)
	}
	return time.ParseDuration(string(found[1]))
}

// withSlack runs start, which starts a program, with a timer slack that the
// program inherits.
func withSlack(slack time.Duration, start func() error) error {
	runtime.LockOSThread() // the slack is a thread's, and its children's
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0); err != nil {
		return fmt.Errorf("setting the timer slack: %w", err)
	}
	return errors.Join(start(), unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0)) // 0: the default again
}
