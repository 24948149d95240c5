package host

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestWhatCountsAsSynchronised(t *testing.T) {
	for maxError, want := range map[time.Duration]Clock{
		0:                                 {true, 0},
		250 * time.Millisecond:            {true, 250 * time.Millisecond},
		16*time.Second - time.Microsecond: {true, 16*time.Second - time.Microsecond},
		16 * time.Second:                  {},
		time.Hour:                         {},
		-time.Microsecond:                 {},
	} {
		if got := clockOf(maxError); got != want {
			t.Errorf("%v: %+v, want %+v", maxError, got, want)
		}
	}
}

// timedatectl says the same of this machine, where there is one to be asked.
func TestClockIsThisMachines(t *testing.T) {
	clock, err := ReadClock()
	if err != nil {
		t.Fatal(err)
	}
	said, err := exec.Command("timedatectl", "show", "--property=NTPSynchronized", "--value").Output()
	if err != nil {
		return // no systemd here: the booted releases compare them
	}
	if want := strings.TrimSpace(string(said)) == "yes"; clock.Synchronised != want {
		t.Errorf("synchronised: %v, and timedatectl says %v", clock.Synchronised, want)
	}
}
