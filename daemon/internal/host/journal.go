package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

const (
	journalctl = "/usr/bin/journalctl"

	// maxEntry is the longest entry of the journal that is read, in bytes.
	// sshd's lines are at most 1024.
	maxEntry = 64 << 10
)

// journalArgs choose what processes of root's said: _UID is the kernel's word
// (systemd.journal-fields(7)), the rest a program's own.
var journalArgs = []string{"--quiet", "--no-pager", "--output=json", "--output-fields=MESSAGE", "_UID=0"}

// sshdIdentifiers are what sshd logs as. The second is of OpenSSH 9.8 on.
var sshdIdentifiers = []string{"SYSLOG_IDENTIFIER=sshd", "SYSLOG_IDENTIFIER=sshd-session"}

// journalEntry is what is read of an entry.
type journalEntry struct {
	Message json.RawMessage `json:"MESSAGE"`              // a string, or numbers where it is no UTF-8
	Time    string          `json:"__REALTIME_TIMESTAMP"` // microseconds since 1970
}

func (e journalEntry) at() (time.Time, error) {
	n, err := strconv.ParseInt(e.Time, 10, 64)
	if err != nil || n < 0 {
		return time.Time{}, errors.New("reading the journal: an entry without a time")
	}
	return time.UnixMicro(n), nil
}

// journalBegin is the time of the oldest entry, zero where there is no journal.
func journalBegin(ctx context.Context, run Runner) (time.Time, error) {
	var begin time.Time
	err := eachEntry(ctx, run, journalArgs, func(line []byte) (bool, error) {
		_, at, err := parseJournalEntry(line)
		begin = at
		return false, err
	})
	return begin, err
}

// readJournal tells the tally of sshd's entries, the latest first, so that the
// oldest are missing where there is no time for all. journalctl chooses among
// them, which takes a sixth of the time of doing it here: most are of strangers
// who try passwords.
func readJournal(ctx context.Context, run Runner, t *tally) error {
	args := append([]string{"--reverse", fmt.Sprintf("--since=@%d", t.from.Unix()), "--grep=^" + acceptedPrefix}, journalArgs...)
	return eachEntry(ctx, run, append(args, sshdIdentifiers...), func(line []byte) (bool, error) {
		message, at, err := parseJournalEntry(line)
		if err != nil {
			return false, err
		}
		if a, err := parseAccepted(message); err == nil {
			t.add(a, at)
		}
		t.have(at)
		return true, nil
	})
}

// parseJournalEntry reads a line of --output=json. A message that is no UTF-8
// is empty: sshd writes none.
func parseJournalEntry(line []byte) (message string, at time.Time, err error) {
	var entry journalEntry
	if err := json.Unmarshal(line, &entry); err != nil {
		return "", time.Time{}, errors.New("reading the journal: journalctl wrote a line that is no entry")
	}
	if at, err = entry.at(); err != nil {
		return "", time.Time{}, err
	}
	if json.Unmarshal(entry.Message, &message) != nil {
		message = ""
	}
	return message, at, nil
}

// eachEntry runs journalctl, and hands on each line until visit has enough.
func eachEntry(ctx context.Context, run Runner, args []string, visit func(line []byte) (more bool, err error)) error {
	var fault error
	stdout := &lines{longest: maxEntry, visit: func(line []byte) (more bool) {
		more, fault = visit(line)
		return more && fault == nil
	}}
	exit, complaint, err := run(ctx, stdout, journalctl, args...)
	switch {
	case fault != nil:
		return fault
	case stdout.enough, errors.Is(err, fs.ErrNotExist): // no systemd here
		return nil
	case err != nil:
		return fmt.Errorf("reading the journal: %w", err)
	case exit != 0:
		return fmt.Errorf("reading the journal: journalctl's exit status %d: %s", exit, firstLine(complaint))
	}
	return nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
