package host

import (
	"testing"
	"time"
)

func TestLinesOfLogs(t *testing.T) {
	jakarta := time.FixedZone("WIB", 7*3600)
	now := time.Date(2027, 1, 3, 12, 0, 0, 0, jakarta)
	const sshd = "kudus sshd[12]: Accepted x: y"
	for line, want := range map[string]string{
		"2026-11-25T07:06:33.439354+07:00 " + sshd: "2026-11-25 07:06:33",
		"2026-11-25T00:06:33Z " + sshd:             "2026-11-25 07:06:33",
		"Jan  3 11:59:59 " + sshd:                  "2027-01-03 11:59:59",
		"Jan  4 11:59:59 " + sshd:                  "2027-01-04 11:59:59", // its clock was ahead
		"Jan  5 00:00:00 " + sshd:                  "2026-01-05 00:00:00",
		"Dec 31 23:59:59 " + sshd:                  "2026-12-31 23:59:59",
		"Feb 29 01:02:03 " + sshd:                  "2024-02-29 01:02:03",
	} {
		at, program, message, err := parseLogLine(line, now, jakarta)
		if got := at.In(jakarta).Format(time.DateTime); err != nil || got != want || program != "sshd" || message != "Accepted x: y" {
			t.Errorf("%q: %s, %s, %q, %v", line, got, program, message, err)
		}
	}
	for _, line := range []string{
		"", " ", "Jan  3 11:59:59", "Jan  3 11:59:59 ", "Jan 33 11:59:59 " + sshd, "Feb 30 00:00:00 " + sshd, "2026-13-25T07:06:33Z " + sshd,
		"2026-11-25T07:06:33Z kudus sshd: no pid", "2026-11-25T07:06:33Z kudus sshd[x]: x", "2026-11-25T07:06:33Z kudus sshd[1: x", "2026-11-25T07:06:33Z kudus sshd[1] x",
		"2026-11-25T07:06:33Z kudus message repeated 2 times: [ sshd[1]: x",
	} {
		if at, program, message, err := parseLogLine(line, now, jakarta); err == nil {
			t.Errorf("%q: %v, %q, %q", line, at, program, message)
		}
	}
}

func FuzzParseLogLine(f *testing.F) {
	f.Add("2026-11-25T07:06:33.439354+07:00 kudus sshd[12]: Accepted x: y")
	f.Add("Feb 29 01:02:03 kudus sshd-session[12]: x")
	now := time.Date(2027, 1, 3, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, line string) {
		at, program, message, err := parseLogLine(line, now, time.UTC)
		if err == nil && (at.IsZero() && line[0] != '0' || len(program)+len(message) > len(line)) {
			t.Errorf("%q: %v, %q, %q", line, at, program, message)
		}
	})
}
