package audit

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coreos/go-systemd/v22/journal"

	"spse-totp/daemon/internal/account"
)

// reader is a log's reader that can stand still.
type reader struct {
	mu    sync.Mutex // protects lines; held by a test while the reader stands still
	lines bytes.Buffer
}

func (r *reader) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lines.Write(b)
}

func (r *reader) events(t *testing.T) (events []map[string]string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for line := range strings.Lines(r.lines.String()) {
		var event map[string]string
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		events = append(events, event)
	}
	return events
}

func TestAnEventIsThereWhenRecordReturns(t *testing.T) {
	r := &reader{}
	l := NewWriter(r)
	l.Record(Event{Kind: Login, Account: account.Host("budi"), Version: 7, Reason: "wrong", Service: "sshd", RHost: "192.0.2.1"})
	events := r.events(t)
	if len(events) != 1 {
		t.Fatalf("%d events", len(events))
	}
	for field, want := range map[string]string{
		"MESSAGE": "login of budi: refused (wrong), service sshd, from 192.0.2.1", "MESSAGE_ID": messageIDs[Login],
		"SPSE_TOTP_ACCOUNT": "budi", "SPSE_TOTP_VERSION": "7", "SPSE_TOTP_VERDICT": "refused", "SPSE_TOTP_REASON": "wrong",
	} {
		if got := events[0][field]; got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
}

func TestEveryKindHasAMessageIDOfItsOwn(t *testing.T) {
	seen := map[string]Kind{}
	for _, kind := range []Kind{Login, Attempt, Activation, Reset, Disable, Enable, Remove, Refused, Alarm, Recovery, Service, Created, Fallback} {
		id := messageIDs[kind]
		if len(id) != 32 || seen[id] != "" {
			t.Errorf("%s has MESSAGE_ID %q, which is %q's", kind, id, seen[id])
		}
		seen[id] = kind
	}
}

func TestAMessageIsOneLineWhateverTheNames(t *testing.T) {
	e := Event{Kind: Login, Account: account.Host("bu\ndi\x1b[2J"), Reason: "wrong", Service: "ss\rhd", RHost: "\u202e1"}
	if m := e.message(); strings.ContainsAny(m, "\n\r\x1b\u202e") {
		t.Errorf("message %q", m)
	}
}

// A reader that stands still costs one wait of a second; after that nobody
// waits, and what found no room is told of when it moves again.
func TestAReaderThatStandsStillHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		var taken []string
		l := start(func(message string, _ journal.Priority, _ map[string]string) error {
			<-gate
			taken = append(taken, message)
			return nil
		})
		begin := time.Now()
		for range 3 * maxWaiting {
			l.Record(Event{Kind: Login, Account: account.Host("budi"), Reason: "wrong"})
		}
		if took := time.Since(begin); took > 2*sinkWait {
			t.Errorf("it took %v", took)
		}
		close(gate)
		synctest.Wait()
		l.Record(Event{Kind: Login, Account: account.Host("siti"), Reason: "wrong"})
		synctest.Wait()
		last := taken[len(taken)-1]
		if !strings.Contains(strings.Join(taken, "\n"), "events were lost") || !strings.Contains(last, "siti") {
			t.Errorf("%d events taken, the last %q; the loss was not told of", len(taken), last)
		}
		close(l.waiting)
	})
}
