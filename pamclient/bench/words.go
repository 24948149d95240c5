package main

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// thousands writes a number as people read it: 100,000.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// micros is a duration in whole microseconds, without the unit.
func micros(d time.Duration) string {
	return thousands(int(d.Round(time.Microsecond).Microseconds()))
}

func perSecond(rate float64) string { return thousands(int(math.Round(rate))) }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return thousands(n) + " " + what + "s"
}

func how(forked bool) string {
	if forked {
		return "forked"
	}
	return "in process"
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f", float64(n)/(1<<20)) }
