// Package store keeps accounts: sealed, one record each, changed by one atomic
// update at a time.
package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/seal"
)

var (
	// ErrTampered: a record does not open, or is not the one that belongs in
	// its row. Nobody gets in by it.
	ErrTampered = errors.New("record was changed from outside")
	// ErrNoMark: the database has no clock mark, which is made with it.
	ErrNoMark = errors.New("clock mark is missing: it was taken out of the database")
)

const (
	purposeRecord = "record"

	// maxConflicts is how often an update is decided anew; only a database that
	// somebody meddles with conflicts more often.
	maxConflicts = 100
	// healAfter is how long a store that failed in use must work before it is
	// called healed: on a full disk one commit fits now and then.
	healAfter = 10 * time.Second
	// reopenEvery is the pause between tries to open a store that failed.
	reopenEvery = time.Second
)

// Decide is what an update does to an account: a pure function, called anew
// where another host was faster.
type Decide = func(account.Account) (account.Account, account.Outcome)

// Store is accounts over one engine. It opens the engine when it is first
// needed and again after a failure, so that it heals once the cause is gone.
type Store struct {
	open  Opener
	seal  *seal.Sealer
	watch Watch

	accounts keyedLock

	mu      sync.Mutex // protects what follows
	engine  Engine
	opened  bool // once in this store's life: no other database is made then
	failure error
	retryAt time.Time
	// failedAt is when the engine last failed in use, zero if it failed to open.
	failedAt time.Time
	mark     time.Time
	behind   bool // the host's clock, as the watch was told
}

// Watch hears of what an administrator must look at.
type Watch interface {
	// Made: there was no database, and a new one was made.
	Made()
	// Failed: the engine failed, for a new cause.
	Failed(err error)
	// Healed: it works again.
	Healed()
	// Tampered: a record is not what this store wrote.
	Tampered(id account.ID, err error)
	// ClockBehind: the host's clock is so far before the clock mark that it
	// cannot be right. It is told once, whoever meets it.
	ClockBehind(by time.Duration)
	// ClockRight: it no longer is.
	ClockRight()
}

// New makes a store.
func New(open Opener, sealer *seal.Sealer, watch Watch) *Store {
	return &Store{open: open, seal: sealer, watch: watch}
}

// Update is one update of the account it was made for.
type Update = func(ctx context.Context, decide Decide) (account.Account, account.Outcome, error)

// Update reads the account, decides, and commits what was decided, in this
// order and alone for this account. What changes nothing writes nothing. After
// an error nothing may be let in: the outcome is unknown.
func (s *Store) Update(ctx context.Context, id account.ID, decide Decide) (account.Account, account.Outcome, error) {
	return s.update(ctx, id, nil, decide)
}

// ReadAhead reads an account whose update comes later. That update, good also
// after an error, decides first on what was read here, and reads only where
// this is no longer what is there, or where the decision changes nothing: no
// commit compares it then.
func (s *Store) ReadAhead(ctx context.Context, id account.ID) (account.Account, Update, error) {
	var ahead *seen
	now, err := s.see(ctx, id)
	if err == nil {
		ahead = &now
	}
	return now.account, func(ctx context.Context, decide Decide) (account.Account, account.Outcome, error) {
		return s.update(ctx, id, ahead, decide)
	}, err
}

// seen is an account as it was read, and the row it was read from.
type seen struct {
	account account.Account
	row     Row
}

func (s *Store) update(ctx context.Context, id account.ID, ahead *seen, decide Decide) (account.Account, account.Outcome, error) {
	defer s.accounts.lock(id)()
	for range maxConflicts {
		a, outcome, err := s.updateOnce(ctx, id, ahead, decide)
		if errors.Is(err, ErrConflict) {
			ahead = nil
			continue // somebody was faster: decide anew on what is there now
		}
		if err != nil {
			return account.Account{}, account.Outcome{}, err
		}
		return a, outcome, nil
	}
	return account.Account{}, account.Outcome{}, ErrConflict
}

func (s *Store) updateOnce(ctx context.Context, id account.ID, ahead *seen, decide Decide) (account.Account, account.Outcome, error) {
	engine, err := s.engineNow(ctx)
	if err != nil {
		return account.Account{}, account.Outcome{}, err
	}
	before, err := s.before(ctx, engine, id, ahead)
	if err != nil {
		return account.Account{}, account.Outcome{}, err
	}
	after, outcome := decide(before.account)
	change, err := s.change(id, before, &after, outcome)
	if err == nil && change == nil && ahead != nil {
		err = ErrConflict // it may be: nothing compares what was read ahead
	}
	if err != nil || change == nil {
		return after, outcome, err
	}
	if err := engine.Swap(ctx, *change); err != nil {
		return account.Account{}, account.Outcome{}, s.failed(engine, fmt.Errorf("writing a record: %w", err))
	}
	s.committed(outcome.Mark, change)
	return after, outcome, nil
}

// before is what to decide on: what was read ahead, or else what is there.
func (s *Store) before(ctx context.Context, engine Engine, id account.ID, ahead *seen) (seen, error) {
	if ahead != nil {
		return *ahead, nil
	}
	return s.read(ctx, engine, id)
}

// change is what has to be written to get from before to after, or nil. It
// gives after its version.
func (s *Store) change(id account.ID, before seen, after *account.Account, outcome account.Outcome) (*Change, error) {
	same, err := equal(before.account, *after)
	if err != nil || same {
		return nil, err
	}
	after.Version = before.account.Version + 1
	record, err := after.MarshalRecord()
	if err != nil {
		return nil, fmt.Errorf("encoding a record: %w", err)
	}
	sealed, err := s.seal.Seal(recordLabel(id), record)
	clear(record)
	if err != nil {
		return nil, fmt.Errorf("sealing a record: %w", err)
	}
	change := &Change{ID: id, From: before.row, To: Row{Version: after.Version, Sealed: sealed}}
	if change.Mark, err = s.newMark(outcome.Mark); err != nil {
		return nil, err
	}
	return change, nil
}

func equal(a, b account.Account) (bool, error) {
	left, err := a.MarshalRecord()
	if err != nil {
		return false, fmt.Errorf("encoding a record: %w", err)
	}
	right, err := b.MarshalRecord()
	if err != nil {
		return false, fmt.Errorf("encoding a record: %w", err)
	}
	defer clear(left)
	defer clear(right)
	return bytes.Equal(left, right), nil
}

// View reads an account without changing it. A name without a record is the
// zero account.
func (s *Store) View(ctx context.Context, id account.ID) (account.Account, error) {
	now, err := s.see(ctx, id)
	return now.account, err
}

func (s *Store) see(ctx context.Context, id account.ID) (seen, error) {
	engine, err := s.engineNow(ctx)
	if err != nil {
		return seen{}, err
	}
	return s.read(ctx, engine, id)
}

// Each calls visit with every account in the order of realm and name. An
// account whose record does not open is passed with its error.
func (s *Store) Each(ctx context.Context, visit func(account.ID, account.Account, error) error) error {
	engine, err := s.engineNow(ctx)
	if err != nil {
		return err
	}
	err = engine.Each(ctx, func(id account.ID, row Row) error {
		a, err := s.openRecord(id, row)
		return visit(id, a, err)
	})
	if err != nil {
		return s.failed(engine, fmt.Errorf("listing records: %w", err))
	}
	return nil
}

// Remove deletes the record and returns it as it was; a name without a record
// is the zero account.
func (s *Store) Remove(ctx context.Context, id account.ID) (account.Account, error) {
	defer s.accounts.lock(id)()
	engine, err := s.engineNow(ctx)
	if err != nil {
		return account.Account{}, err
	}
	// A record that does not open can be removed too: that is how its owner
	// comes back.
	row, err := engine.Read(ctx, id)
	if err != nil {
		return account.Account{}, s.failed(engine, fmt.Errorf("reading a record: %w", err))
	}
	if !row.There() {
		return account.Account{}, nil
	}
	if err := engine.Swap(ctx, Change{ID: id, From: row}); err != nil {
		return account.Account{}, s.failed(engine, fmt.Errorf("removing a record: %w", err))
	}
	a, err := s.tryRecord(id, row)
	if err != nil {
		return account.Account{Version: max(row.Version, 1)}, nil // there was one
	}
	return a, nil
}

// Warm opens the engine if it is not open, and looks at the host's clock, so that
// a fault is told before the first login meets it.
func (s *Store) Warm(ctx context.Context, now time.Time) {
	_, _ = s.engineNow(ctx) // the watch hears of it
	_ = s.ClockBehind(now)  // and of this
}

// Close closes the engine; the store opens it again when it is next used.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine == nil {
		return nil
	}
	engine := s.engine
	s.engine = nil
	return engine.Close()
}

func (s *Store) read(ctx context.Context, engine Engine, id account.ID) (seen, error) {
	row, err := engine.Read(ctx, id)
	if err != nil {
		return seen{}, s.failed(engine, fmt.Errorf("reading a record: %w", err))
	}
	a, err := s.openRecord(id, row)
	return seen{a, row}, err
}

// openRecord opens a row, and raises the alarm where it is not what this store
// wrote.
func (s *Store) openRecord(id account.ID, row Row) (account.Account, error) {
	a, err := s.tryRecord(id, row)
	if err != nil {
		s.watch.Tampered(id, err)
	}
	return a, err
}

func (s *Store) tryRecord(id account.ID, row Row) (account.Account, error) {
	if !row.There() {
		return account.Account{}, nil
	}
	record, err := s.seal.Open(recordLabel(id), row.Sealed)
	if err != nil {
		return account.Account{}, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	defer clear(record)
	a, err := account.UnmarshalRecord(record)
	if err != nil {
		return account.Account{}, fmt.Errorf("reading a record: %w", err)
	}
	if a.Version != row.Version {
		return account.Account{}, fmt.Errorf("%w: record of version %d in a row of version %d", ErrTampered, a.Version, row.Version)
	}
	return a, nil
}

func recordLabel(id account.ID) seal.Label {
	return seal.Label{Purpose: purposeRecord, Realm: id.Realm, Name: id.Name}
}

// engineNow returns the open engine, or opens it; between tries it fails at
// once, so that nobody waits for a store that is known to be broken.
func (s *Store) engineNow(ctx context.Context) (Engine, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine != nil {
		return s.engine, nil
	}
	if s.failure != nil && time.Now().Before(s.retryAt) {
		return nil, s.failure
	}
	engine, mark, err := s.openEngine(ctx)
	if err != nil {
		s.fail(fmt.Errorf("opening the store: %w", err))
		return nil, s.failure
	}
	s.engine, s.mark, s.opened = engine, mark, true
	if s.failedAt.IsZero() { // what failed to open, and opens, works
		s.heal()
	}
	return engine, nil
}

// heal ends a failure. s.mu is held.
func (s *Store) heal() {
	if s.failure != nil {
		s.failure, s.failedAt = nil, time.Time{}
		s.watch.Healed()
	}
}

func (s *Store) openEngine(ctx context.Context) (Engine, time.Time, error) {
	var firstMark []byte
	if !s.opened {
		var err error
		if firstMark, err = s.sealMark(time.Time{}); err != nil {
			return nil, time.Time{}, err
		}
	}
	// Whoever asks first opens it for all: that they hang up is no failure.
	engine, made, err := s.open(context.WithoutCancel(ctx), firstMark)
	if err != nil {
		return nil, time.Time{}, err
	}
	if made {
		s.watch.Made()
	}
	mark, err := s.readMark(ctx, engine)
	if err != nil {
		_ = engine.Close() // the reading failed already, which is what is told
		return nil, time.Time{}, err
	}
	return engine, mark, nil
}

// failed closes an engine that failed, so that the next use opens it anew. A
// conflict or a caller who left is no failure of the engine.
func (s *Store) failed(engine Engine, err error) error {
	if errors.Is(err, ErrConflict) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine == engine {
		s.engine = nil
		_ = engine.Close() // it failed already, which is what is told
		s.failedAt = time.Now()
		s.fail(err)
	}
	return err
}

func (s *Store) fail(err error) {
	if s.failure == nil || s.failure.Error() != err.Error() {
		s.watch.Failed(err)
	}
	s.failure, s.retryAt = err, time.Now().Add(reopenEvery)
}
