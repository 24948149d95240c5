package host

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// KeyLogins are the accounts that sshd let in by a key alone. They are to be
// shown and asked about, and no more: what only /var/log/auth.log tells, any
// user of the machine can have written there.
type KeyLogins struct {
	Accounts []KeyLogin // by name
	Since    time.Time  // how far back the logs tell, or were read
	Whole    bool       // false where there was no time or room for all: the oldest are missing
}

// KeyLogin is an account that was let in by a key.
type KeyLogin struct {
	Account  string
	Count    int
	Last     time.Time
	From     []netip.Addr // the latest first, at most 8
	Terminal Terminal
}

// Terminal says whether the account was seen at a terminal in that time: backups,
// rsync and Ansible ask for none.
type Terminal string

// What is known of terminals; the zero value is not known.
const (
	TerminalNotKnown Terminal = ""
	TerminalSeen     Terminal = "seen"
	TerminalNotSeen  Terminal = "not-seen"
)

const (
	maxOrigins     = 8           // kept of each account
	maxKeyAccounts = 10_000      // sshd lets in users of the machine alone; auth.log may name others
	logsWait       = time.Minute // for all logs together
)

// ReadKeyLogins reads the logs of that time: the journal, and /var/log/auth.log*
// below the root for the time before the journal begins. progress, which may be
// nil, is told at each login found how far back the journal has been read. No
// logs at all are no error.
func ReadKeyLogins(ctx context.Context, root fs.FS, run Runner, from, to time.Time, progress func(reached time.Time)) (KeyLogins, error) {
	within, cancel := context.WithTimeout(ctx, logsWait)
	defer cancel()
	t := tally{from: from, to: to, now: to, reached: to, progress: progress, accounts: make(map[string]*tallied)}
	since, err := t.readLogs(within, root, run)
	whole := err == nil && !t.full
	switch {
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		since = t.reached
	case err != nil:
		return KeyLogins{}, err
	}
	terminals, err := readTerminals(root, from)
	if err != nil {
		return KeyLogins{}, err
	}
	found := KeyLogins{Since: since, Whole: whole, Accounts: []KeyLogin{}}
	for _, name := range slices.Sorted(maps.Keys(t.accounts)) {
		account := t.accounts[name].keyLogin(name)
		account.Terminal = terminals.of(name)
		found.Accounts = append(found.Accounts, account)
	}
	return found, nil
}

// readLogs returns how far back they tell.
func (t *tally) readLogs(ctx context.Context, root fs.FS, run Runner) (since time.Time, err error) {
	begin, err := journalBegin(ctx, run)
	if err != nil {
		return time.Time{}, err
	}
	if begin.IsZero() { // there is none
		begin = t.to
	} else if err := readJournal(ctx, run, t); err != nil {
		return time.Time{}, err
	}
	if !begin.After(t.from) {
		return t.from, nil
	}
	t.to = begin // each log tells of a time of its own, so that nothing counts twice
	return readAuthLogs(ctx, root, t)
}

// tally counts logins in the order in which it is told of them.
type tally struct {
	from, to time.Time // it counts what was then, to not included
	now      time.Time
	reached  time.Time // told of all since
	progress func(reached time.Time)
	accounts map[string]*tallied
	full     bool // there was no room for all
}

type tallied struct {
	count   int
	last    time.Time
	origins map[netip.Addr]time.Time // when it last came from there
}

func (t *tally) add(a accepted, at time.Time) {
	if at.Before(t.from) || !at.Before(t.to) {
		return
	}
	account := t.accounts[a.account]
	if account == nil {
		if len(t.accounts) == maxKeyAccounts {
			t.full = true
			return
		}
		account = &tallied{origins: make(map[netip.Addr]time.Time)}
		t.accounts[strings.Clone(a.account)] = account
	}
	account.add(a.from, at)
}

// have notes that all has been told of since then.
func (t *tally) have(reached time.Time) {
	t.reached = reached
	if t.progress != nil {
		t.progress(reached)
	}
}

func (a *tallied) add(from netip.Addr, at time.Time) {
	a.count++
	a.last = later(a.last, at)
	a.origins[from] = later(a.origins[from], at)
	if len(a.origins) > maxOrigins {
		delete(a.origins, a.latest()[maxOrigins])
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// latest are the addresses, the latest first.
func (a *tallied) latest() []netip.Addr {
	return slices.SortedFunc(maps.Keys(a.origins), func(x, y netip.Addr) int {
		if order := a.origins[y].Compare(a.origins[x]); order != 0 {
			return order
		}
		return x.Compare(y)
	})
}

func (a *tallied) keyLogin(name string) KeyLogin {
	return KeyLogin{Account: name, Count: a.count, Last: a.last, From: a.latest()}
}
