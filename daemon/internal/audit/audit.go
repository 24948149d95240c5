// Package audit tells what happened: to the journal, with fields to search by,
// and where the daemon is run by hand, as JSON lines to standard error.
//
// No event holds a code, a secret, a password or anything typed at a prompt.
package audit

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/journal"

	"spse-totp/daemon/internal/account"
)

// Kind says what happened. Each has a MESSAGE_ID of its own, which never
// changes, for journal catalogs and filters.
type Kind string

// The kinds of events.
const (
	Login      Kind = "login"      // a code was asked for by a PAM service
	Attempt    Kind = "attempt"    // a code was given on control.sock
	Activation Kind = "activation" // a new phone, or a try at one
	Reset      Kind = "reset"
	Disable    Kind = "disable"
	Enable     Kind = "enable"
	Remove     Kind = "remove"
	Refused    Kind = "refused"  // a request of a caller who may not
	Alarm      Kind = "alarm"    // something that an administrator must look at
	Recovery   Kind = "recovery" // the end of an alarm
	Service    Kind = "service"  // the daemon itself: started, reloaded, stopping
)

// Drawn once at random (journalctl --new-id128), and never changed.
var messageIDs = map[Kind]string{
	Login:      "92a3c479f41249908aa6958e84ccca08",
	Attempt:    "9faa06facf6d4904845a57e33e31dbfa",
	Activation: "e7ab1d5b5cee4503806db8306d247e33",
	Reset:      "4f63df446557402a9b2b7df5fc227f6c",
	Disable:    "39421afc8c8b4ea69086021d747e982b",
	Enable:     "35d1ef48dab34ef2baf5a94af687d7d1",
	Remove:     "e6e000a2d39d4524bddf8f52941c7180",
	Refused:    "58e64c2a12db4524894eb4c5b2671474",
	Alarm:      "774cbfe4e1bc457f90ff0a1ef0c2ded0",
	Recovery:   "85b0c05f255f4c369d4ec8f204357a63",
	Service:    "4308ea648b1c437bbd424a842b29cae5",
}

// Event is one thing that happened. Empty fields are left out.
type Event struct {
	Kind    Kind
	Account account.ID
	Version uint64 // of the record afterwards: it shows when an old one is put back

	Accepted bool
	Reason   string

	Service string
	RHost   string
	TTY     string
	Caller  string // who asked, by the kernel's word

	Why    string // the reason that a person gave
	Letter string // the number of the letter that asked for it

	Message string // for what is not about an account
	Hint    string // what to do now
}

// Log takes events. It is safe for concurrent use.
type Log struct {
	send func(message string, priority journal.Priority, fields map[string]string) error

	mu  sync.Mutex // protects out
	out io.Writer
}

// New logs to the journal where systemd has connected standard error to it,
// else to standard error, where whoever runs the daemon by hand reads it.
func New() *Log {
	l := &Log{out: os.Stderr}
	if connected, err := journal.StderrIsJournalStream(); err == nil && connected {
		l.send = journal.Send
	}
	return l
}

// NewWriter logs JSON lines to out.
func NewWriter(out io.Writer) *Log { return &Log{out: out} }

// Record writes the event. It cannot fail: what the journal does not take goes
// to standard error.
func (l *Log) Record(e Event) {
	fields := e.fields()
	if l.send != nil && l.send(e.message(), e.priority(), fields) == nil {
		return
	}
	line := maps.Clone(fields)
	line["MESSAGE"] = e.message()
	line["PRIORITY"] = strconv.Itoa(int(e.priority()))
	line["TIME"] = time.Now().UTC().Format(time.RFC3339Nano)
	b, err := json.Marshal(line)
	if err != nil {
		panic("audit: internal error: " + err.Error()) // a map of strings always encodes
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.out.Write(append(b, '\n')) // there is nowhere left to say that it failed
}

func (e Event) fields() map[string]string {
	fields := map[string]string{"MESSAGE_ID": messageIDs[e.Kind], "SPSE_TOTP_EVENT": string(e.Kind)}
	if e.Account.Name != "" {
		fields["SPSE_TOTP_REALM"] = e.Account.Realm
		fields["SPSE_TOTP_ACCOUNT"] = e.Account.Name
		fields["SPSE_TOTP_VERSION"] = strconv.FormatUint(e.Version, 10)
	}
	if e.Reason != "" {
		fields["SPSE_TOTP_VERDICT"] = e.verdict()
	}
	for name, value := range map[string]string{
		"SPSE_TOTP_REASON": e.Reason, "SPSE_TOTP_SERVICE": e.Service, "SPSE_TOTP_RHOST": e.RHost,
		"SPSE_TOTP_TTY": e.TTY, "SPSE_TOTP_CALLER": e.Caller, "SPSE_TOTP_WHY": e.Why,
		"SPSE_TOTP_LETTER": e.Letter, "SPSE_TOTP_HINT": e.Hint,
	} {
		if value != "" {
			fields[name] = value
		}
	}
	return fields
}

func (e Event) verdict() string {
	if e.Accepted {
		return "accepted"
	}
	return "refused"
}

// message is the line that people read.
func (e Event) message() string {
	var b strings.Builder
	switch {
	case e.Message != "":
		b.WriteString(e.Message)
	case e.Account.Name == "":
		fmt.Fprintf(&b, "%s of an unknown user", e.Kind)
	default:
		fmt.Fprintf(&b, "%s of %s", e.Kind, quoted(e.Account.Name))
	}
	if e.Reason != "" {
		fmt.Fprintf(&b, ": %s (%s)", e.verdict(), e.Reason)
	}
	for _, part := range [][2]string{
		{", service ", e.Service}, {", from ", e.RHost}, {", by ", e.Caller}, {", because: ", e.Why},
		{", letter ", e.Letter}, {". ", e.Hint},
	} {
		if part[1] != "" {
			b.WriteString(part[0] + quoted(part[1]))
		}
	}
	return b.String()
}

// quoted leaves plain text alone and escapes the rest, so that no name ends a
// line or moves the cursor of who reads the log.
func quoted(s string) string {
	q := strconv.QuoteToASCII(s)
	if q[1:len(q)-1] == s {
		return s
	}
	return q
}

func (e Event) priority() journal.Priority {
	switch {
	case e.Kind == Alarm:
		return journal.PriAlert
	case e.Kind == Service, e.Kind == Recovery, e.Accepted:
		return journal.PriInfo
	default:
		return journal.PriNotice
	}
}
