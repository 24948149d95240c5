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
	Issue      Kind = "issue"          // the helpdesk gave a code
	Codes      Kind = "recovery-codes" // new ones, or a try at them
	Clock      Kind = "clock"          // the clock mark was set
	Refused    Kind = "refused"        // a request of a caller who may not
	Alarm      Kind = "alarm"          // something that an administrator must look at
	Recovery   Kind = "recovery"       // the end of an alarm
	Service    Kind = "service"        // the daemon itself: started, reloaded, stopping
	Created    Kind = "created"        // a new database, with nobody in it
	Fallback   Kind = "fallback"       // started by the copy of the last configuration: the file has a fault
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
	Issue:      "af0476b0ad7103409bb806771941f6d0",
	Codes:      "f774cf66f2ab84bff4ee9d6fe3394ff0",
	Clock:      "0608fe81686620ca7c40b4c25de77b53",
	Refused:    "58e64c2a12db4524894eb4c5b2671474",
	Alarm:      "774cbfe4e1bc457f90ff0a1ef0c2ded0",
	Recovery:   "85b0c05f255f4c369d4ec8f204357a63",
	Service:    "4308ea648b1c437bbd424a842b29cae5",
	Created:    "13954a5f6aec41d4beda9a4ae5af8f68",
	Fallback:   "c672e952058248a5b04633ec911ffd5e",
}

// Event is one thing that happened. Empty fields are left out.
type Event struct {
	Kind    Kind
	Account account.ID
	Version uint64 // of the record afterwards, where it was read: it shows when an old one is put back

	Accepted bool
	Reason   string

	Service string
	RHost   string
	TTY     string
	Caller  string // who asked, by the kernel's word

	By     string // who that is, by the login uid
	Why    string // the reason that a person gave
	Letter string // the number of the letter that asked for it

	// BreakGlass says that somebody is let in without a phone, or will be.
	BreakGlass bool

	Message string // for what is not about an account
	Hint    string // what to do now
}

// sinkWait is how long an event may take to reach the journal: a reader that
// stands still must not keep anybody from logging in.
const sinkWait = time.Second

// maxWaiting bounds the events that wait for a reader that stands still.
const maxWaiting = 1024

// Log takes events. It is safe for concurrent use.
type Log struct {
	waiting chan waiting

	mu    sync.Mutex // protects what follows
	stuck bool       // the reader stands still; nobody waits for it any more
	lost  int
}

// waiting is an event on its way.
type waiting struct {
	event Event
	taken chan struct{} // closed when the sink has it
}

// sink is where events go: the journal, or lines.
type sink func(message string, priority journal.Priority, fields map[string]string) error

// New logs to the journal where systemd has connected standard error to it,
// else to standard error, where whoever runs the daemon by hand reads it.
func New() *Log {
	lines := lineSink(os.Stderr)
	if connected, err := journal.StderrIsJournalStream(); err != nil || !connected {
		return start(lines)
	}
	return start(func(message string, priority journal.Priority, fields map[string]string) error {
		if journal.Send(message, priority, fields) == nil {
			return nil
		}
		return lines(message, priority, fields)
	})
}

// NewWriter logs JSON lines to out.
func NewWriter(out io.Writer) *Log { return start(lineSink(out)) }

func start(to sink) *Log {
	l := &Log{waiting: make(chan waiting, maxWaiting)}
	go func() {
		for w := range l.waiting {
			_ = to(w.event.message(), w.event.priority(), w.event.fields()) // there is nowhere left to say that it failed
			close(w.taken)
		}
	}()
	return l
}

func lineSink(out io.Writer) sink {
	return func(message string, priority journal.Priority, fields map[string]string) error {
		line := maps.Clone(fields)
		line["MESSAGE"] = message
		line["PRIORITY"] = strconv.Itoa(int(priority))
		line["TIME"] = time.Now().UTC().Format(time.RFC3339Nano)
		b, err := json.Marshal(line)
		if err != nil {
			panic("audit: internal error: " + err.Error()) // a map of strings always encodes
		}
		_, err = out.Write(append(b, '\n'))
		return err
	}
}

// Record writes the event, before it returns if the sink takes it in time. It
// cannot fail: of events that no sink takes the number is told, later.
func (l *Log) Record(e Event) {
	l.mu.Lock()
	stuck, lost := l.stuck, l.lost
	l.mu.Unlock()
	if lost > 0 && !stuck {
		l.tellLoss(lost)
	}
	w := waiting{event: e, taken: make(chan struct{})}
	select {
	case l.waiting <- w:
	default:
		l.note(func() { l.lost++ })
		return
	}
	if stuck { // it is in the queue, which is all that can be done now
		go l.unstick(w)
		return
	}
	select {
	case <-w.taken:
	case <-time.After(sinkWait):
		l.note(func() { l.stuck = true })
		go l.unstick(w)
	}
}

// unstick waits for the reader to move again.
func (l *Log) unstick(w waiting) {
	<-w.taken
	l.note(func() { l.stuck = false })
}

func (l *Log) tellLoss(lost int) {
	l.note(func() { l.lost -= lost })
	l.Record(Event{Kind: Alarm, Message: fmt.Sprintf("%d events were lost: nothing took them", lost), Hint: "look at the journal: systemctl status systemd-journald"})
}

func (l *Log) note(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (e Event) fields() map[string]string {
	fields := map[string]string{"MESSAGE_ID": messageIDs[e.Kind], "SPSE_TOTP_EVENT": string(e.Kind)}
	if e.Account.Name != "" {
		fields["SPSE_TOTP_REALM"] = e.Account.Realm
		fields["SPSE_TOTP_ACCOUNT"] = e.Account.Name
	}
	if e.Version > 0 {
		fields["SPSE_TOTP_VERSION"] = strconv.FormatUint(e.Version, 10)
	}
	if e.Reason != "" {
		fields["SPSE_TOTP_VERDICT"] = e.verdict()
	}
	if e.BreakGlass {
		fields["SPSE_TOTP_BREAK_GLASS"] = "1"
	}
	for name, value := range map[string]string{
		"SPSE_TOTP_REASON": e.Reason, "SPSE_TOTP_SERVICE": e.Service, "SPSE_TOTP_RHOST": e.RHost,
		"SPSE_TOTP_TTY": e.TTY, "SPSE_TOTP_CALLER": e.Caller, "SPSE_TOTP_BY": e.By, "SPSE_TOTP_WHY": e.Why,
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
		{", service ", e.Service}, {", from ", e.RHost}, {", by ", e.Caller}, {", who logged in as ", e.By}, {", because: ", e.Why},
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
	case e.Kind == Alarm, e.Kind == Fallback:
		return journal.PriAlert
	case e.Kind == Created, e.BreakGlass:
		return journal.PriWarning
	case e.Kind == Service, e.Kind == Recovery, e.Accepted:
		return journal.PriInfo
	default:
		return journal.PriNotice
	}
}
