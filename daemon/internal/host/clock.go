package host

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Clock is what the kernel says of the machine's clock.
type Clock struct {
	Synchronised bool          // something keeps it right: chrony, ntpsec, systemd-timesyncd
	MayBeOff     time.Duration // at most, as whoever keeps it reckons; 0 where it is not synchronised
}

// unsynchronised is the greatest error that the kernel reckons with (NTP_PHASE_LIMIT).
// A clock that nobody keeps gets there within 9 hours.
const unsynchronised = 16 * time.Second

// ReadClock asks the kernel (adjtimex(2)), whom all of them tell; no right and
// no other program is needed. As timedatectl(1) does, it goes by the error and
// not by STA_UNSYNC, which chrony leaves set where it is not to keep the
// hardware's clock right as well.
func ReadClock() (Clock, error) {
	var state unix.Timex // with no mode set it changes nothing
	if _, err := unix.Adjtimex(&state); err != nil {
		return Clock{}, fmt.Errorf("asking the kernel for its clock: %w", err)
	}
	return clockOf(time.Duration(state.Maxerror) * time.Microsecond), nil
}

func clockOf(maxError time.Duration) Clock {
	if maxError < 0 || maxError >= unsynchronised {
		return Clock{}
	}
	return Clock{Synchronised: true, MayBeOff: maxError}
}
