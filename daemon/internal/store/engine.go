package store

import (
	"context"
	"errors"

	"spse-totp/daemon/internal/account"
)

var (
	// ErrConflict: the row is no longer the one that the change starts from;
	// nothing was written.
	ErrConflict = errors.New("record was changed meanwhile")
	// ErrNewerSchema: the database belongs to a newer version of spse-totp.
	ErrNewerSchema = errors.New("database of a newer version of spse-totp")
	// ErrDamaged: the database failed its own check, or is none.
	ErrDamaged = errors.New("database is damaged")
	// ErrReadOnly: the database cannot be written.
	ErrReadOnly = errors.New("database is read-only")
	// ErrFull: no space is left for the database.
	ErrFull = errors.New("disk is full")
	// ErrEdited: the database's schema is not the one this program made:
	// somebody put in a trigger, a view or the like.
	ErrEdited = errors.New("database was edited: its schema is not ours")
	// ErrMoved: the file is not the one that was opened: deleted, replaced or
	// cut under the daemon. What is written to it is lost.
	ErrMoved = errors.New("database was moved from under the daemon")
	// ErrGone: there was a database, and there is none now.
	ErrGone = errors.New("database is gone")
	// ErrInUse: another daemon has the database.
	ErrInUse = errors.New("database is in use by another daemon")
)

// Row is one sealed record at rest. Its zero value is no row. The version is
// not to be trusted before it was compared with the record's own.
type Row struct {
	Version uint64
	Sealed  []byte
}

// There says whether there is such a row.
func (r Row) There() bool { return r.Version != 0 || len(r.Sealed) > 0 }

// Change puts one row in place of another, whole or not at all.
type Change struct {
	ID account.ID
	// From is the row as it was read, to the byte; its zero value is no row. The
	// version alone would not do: after a removal it comes again.
	From Row
	// To is the new row. Its zero value deletes.
	To Row
	// Mark, where not empty, replaces the host's clock mark in the same
	// transaction.
	Mark []byte
}

// Engine keeps rows. What it returns from Swap without an error survives kill
// and power loss.
type Engine interface {
	// Read returns the row, or the zero Row where there is none.
	Read(ctx context.Context, id account.ID) (Row, error)
	// Swap commits the change, or fails with ErrConflict and writes nothing.
	// After any other error the outcome is unknown: read again.
	Swap(ctx context.Context, change Change) error
	// Each calls visit with every row, in the order of realm and name, until
	// visit fails.
	Each(ctx context.Context, visit func(account.ID, Row) error) error
	// Mark returns this host's sealed clock mark, empty where it is missing.
	Mark(ctx context.Context) ([]byte, error)
	// SetMark replaces it.
	SetMark(ctx context.Context, sealed []byte) error
	Close() error
}

// Opener opens the engine. Where there is no database yet it makes one with
// firstMark in it, and says so; with no firstMark it fails with ErrGone.
type Opener func(ctx context.Context, firstMark []byte) (engine Engine, made bool, err error)
