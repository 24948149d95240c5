package host

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// bootIDFile has a number that is another after each boot (random(4)).
const bootIDFile = "/proc/sys/kernel/random/boot_id"

// Moment is a point of time by the machine's own count. Setting its clock does
// not move it, and it tells boots apart. The zero value is no moment.
type Moment struct {
	Boot string        `json:"boot"` // the boot_id
	Up   time.Duration `json:"up"`   // since that boot, in nanoseconds, sleep included
}

// Now is this moment.
func Now() (Moment, error) {
	boot, err := os.ReadFile(bootIDFile)
	if err != nil {
		return Moment{}, fmt.Errorf("telling this boot from others: %w", err)
	}
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return Moment{}, fmt.Errorf("asking for the time since the boot: %w", err)
	}
	return Moment{strings.TrimSpace(string(boot)), time.Duration(up.Nano())}, nil
}

// After says whether m is after other, in the same boot. Of moments of two boots
// it says no, and so of the zero value.
func (m Moment) After(other Moment) bool {
	return m.Boot != "" && m.Boot == other.Boot && m.Up > other.Up
}
