package host

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
)

// authLogs are rsyslog's, and those that logrotate(8) keeps.
const authLogs = "var/log/auth.log*"

// readAuthLogs tells the tally of sshd's lines, and returns how far back they
// tell; none tell of nothing.
func readAuthLogs(ctx context.Context, root fs.FS, t *tally) (since time.Time, err error) {
	since = t.to
	err = eachLog(root, authLogs, t.from, func(file io.Reader) error {
		begin, err := readAuthLog(ctx, file, t)
		if err == nil && !begin.IsZero() && begin.Before(since) {
			since = begin
		}
		return err
	})
	return later(since, t.from), err
}

// readAuthLog returns the time of its first line that has one.
func readAuthLog(ctx context.Context, file io.Reader, t *tally) (begin time.Time, err error) {
	zone := Zone()
	n := 0
	_, err = io.Copy(&lines{longest: maxEntry, visit: func(line []byte) bool {
		if n++; n%4096 == 0 && ctx.Err() != nil {
			return false
		}
		text := string(line)
		if !begin.IsZero() && !strings.Contains(text, acceptedPrefix) {
			return true
		}
		at, program, message, err := parseLogLine(text, t.now, zone)
		if err != nil {
			return true
		}
		if begin.IsZero() {
			begin = at
		}
		if a, err := parseAccepted(message); err == nil && (program == "sshd" || program == "sshd-session") {
			t.add(a, at)
		}
		return true
	}}, file)
	if ctx.Err() != nil {
		return begin, ctx.Err()
	}
	return begin, err
}

// parseLogLine reads a line of rsyslog's, TIME HOST PROGRAM[PID]: MESSAGE, the time
// as since Debian 12 (RFC 3339), or as before, without a year: then it is the
// last such moment before now, but for a day that clocks may differ.
func parseLogLine(line string, now time.Time, zone *time.Location) (at time.Time, program, message string, err error) {
	const old = "Jan _2 15:04:05"
	stamp, rest, _ := strings.Cut(line, " ")
	if at, err = time.Parse(time.RFC3339Nano, stamp); err != nil {
		if len(line) <= len(old) || line[len(old)] != ' ' {
			return time.Time{}, "", "", errors.New("no line of a log")
		}
		stamp, rest = line[:len(old)], line[len(old)+1:]
		if at, err = lastBefore(now.In(zone).AddDate(0, 0, 1), old, stamp); err != nil {
			return time.Time{}, "", "", err
		}
	}
	_, rest, _ = strings.Cut(rest, " ") // the host
	tag, message, found := strings.Cut(rest, ": ")
	program, pid, _ := strings.Cut(strings.TrimSuffix(tag, "]"), "[")
	if _, err := strconv.ParseUint(pid, 10, 32); err != nil || !found || !strings.HasSuffix(tag, "]") {
		return time.Time{}, "", "", errors.New("no line of a program's")
	}
	return at, program, message, nil
}

// lastBefore reads a time without a year.
func lastBefore(limit time.Time, layout, stamp string) (time.Time, error) {
	for year := limit.Year(); year > limit.Year()-8; year-- { // the 29th of February may be that long ago
		at, err := time.ParseInLocation("2006 "+layout, fmt.Sprintf("%d %s", year, stamp), limit.Location())
		if err == nil && !at.After(limit) {
			return at, nil
		}
	}
	return time.Time{}, errors.New("no time of a log")
}

// eachLog opens the files of that pattern which were written to since from, the
// packed ones too.
func eachLog(root fs.FS, pattern string, from time.Time, visit func(io.Reader) error) error {
	names, err := fs.Glob(root, pattern)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if err := openLog(root, name, from, visit); err != nil {
			return rooted(name, err)
		}
	}
	return nil
}

func openLog(root fs.FS, name string, from time.Time, visit func(io.Reader) error) error {
	info, err := fs.Stat(root, name)
	if err != nil || !info.Mode().IsRegular() || info.ModTime().Before(from) {
		return err
	}
	file, err := root.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	if !strings.HasSuffix(name, ".gz") {
		return visit(bufio.NewReaderSize(file, maxEntry))
	}
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	return visit(unpacked)
}
