package host

import (
	"os"
	"time"
)

// zoneFile is the host's time zone, which timedatectl(1) changes.
const zoneFile = "/etc/localtime"

// Zone is the host's time zone as it is now, where time.Local is as it was when
// the program started, or whatever TZ says, which sudo lets through. Without one, or where it cannot be read, it is UTC, as for
// libc.
func Zone() *time.Location {
	return zoneOf(zoneFile)
}

func zoneOf(path string) *time.Location {
	data, err := os.ReadFile(path)
	if err != nil {
		return time.UTC
	}
	zone, err := time.LoadLocationFromTZData("Local", data)
	if err != nil {
		return time.UTC
	}
	return zone
}
