// Package sqlite keeps the store's rows in one SQLite file of one daemon.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/store"
)

// Primary result codes of SQLite (https://www.sqlite.org/rescode.html).
const (
	codeBusy     = 5
	codeReadOnly = 8
	codeIO       = 10
	codeCorrupt  = 11
	codeFull     = 13
	codeCantOpen = 14
	codeNotADB   = 26
)

// Engine is a store.Engine over one SQLite file.
type Engine struct {
	db      *sql.DB
	path    string
	opened  os.FileInfo
	commits group

	turn sync.Mutex // whoever has it speaks on conn alone
	conn *sql.Conn  // the one connection
	statements
}

var _ store.Engine = (*Engine)(nil)

// At opens the database at path, as Open does.
func At(path string) store.Opener {
	return func(ctx context.Context, firstMark []byte) (store.Engine, bool, error) {
		engine, made, err := Open(ctx, path, firstMark)
		if err != nil {
			return nil, false, err // and not a nil *Engine in an interface
		}
		return engine, made, nil
	}
}

// Open opens the database at path, checks it, and brings its schema up to
// date. Where there is none it makes one with firstMark in it, and says so. It
// holds the file's lock till Close or the end of the process: one daemon per
// file.
func Open(ctx context.Context, path string, firstMark []byte) (e *Engine, made bool, err error) {
	if _, err := sqlite.Fdatasync(true); err != nil { // a commit flushes the file's data, not its times
		return nil, false, fmt.Errorf("setting up SQLite: %w", err)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && len(firstMark) == 0:
		return nil, false, store.ErrGone
	case errors.Is(err, fs.ErrNotExist):
		if err := create(ctx, path, firstMark); err != nil {
			return nil, false, explain(err)
		}
		made = true
	case err == nil && info.Size() == 0: // ours is never empty: create sees to it
		return nil, false, fmt.Errorf("%w: the file is empty", store.ErrDamaged)
	}
	e, err = openExisting(ctx, path)
	return e, made, err
}

// create makes the database beside its place, whole, and then puts it there: a
// file in its place is never a half-made one.
func create(ctx context.Context, path string, firstMark []byte) error {
	half := path + ".new"
	for _, left := range []string{half, half + "-wal", half + "-shm"} { // by a start that was cut short
		if err := os.Remove(left); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	db, err := open(ctx, half)
	if err != nil {
		return err
	}
	if err := errors.Join(migrate(ctx, db, firstMark), db.Close()); err != nil { // Close brings the WAL into the file
		return err
	}
	if err := os.Rename(half, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func openExisting(ctx context.Context, path string) (*Engine, error) {
	if err := writable(path); err != nil {
		return nil, err
	}
	db, err := open(ctx, path)
	if err != nil {
		return nil, explain(err)
	}
	e := &Engine{db: db, path: path}
	if err := e.prepare(ctx); err != nil {
		_ = e.Close() // opening failed already, which is what is told
		return nil, explain(err)
	}
	return e, nil
}

func open(ctx context.Context, path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		return nil, err
	}
	// One connection: it alone holds the file's lock.
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close() // opening failed already, which is what is told
		return nil, err
	}
	return db, nil
}

// writable finds a database that cannot be written: SQLite would open it to
// read, and then fail at the lock without a word of why. It opens nothing, since
// closing it would take the lock of a daemon that has it.
func writable(path string) error {
	err := unix.Access(path, unix.W_OK)
	if errors.Is(err, unix.EROFS) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("%w: %w", store.ErrReadOnly, err)
	}
	return nil // what else is wrong with it SQLite tells
}

// dsn sets what makes a commit last (WAL, FULL), what keeps a full disk from
// wedging later commits (short checkpoints), the exclusive lock, and no files
// elsewhere.
func dsn(path string) string {
	options := url.Values{
		"_txlock":       {"immediate"},
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"},
		"_busy_timeout": {"1000"},
		"_defensive":    {"1"},
		"_pragma":       {"locking_mode(EXCLUSIVE)", fmt.Sprintf("wal_autocheckpoint(%d)", checkpointAt), "temp_store(MEMORY)"},
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: options.Encode()}).String()
}

func (e *Engine) prepare(ctx context.Context) error {
	if err := quickCheck(ctx, e.db); err != nil {
		return err
	}
	if err := migrate(ctx, e.db, nil); err != nil {
		return err
	}
	if err := checkSchema(ctx, e.db); err != nil {
		return err
	}
	var err error
	if e.opened, err = os.Stat(e.path); err != nil {
		return err
	}
	if e.conn, err = e.db.Conn(ctx); err != nil {
		return err
	}
	if err := layOut(e.path + "-wal"); err != nil {
		return err
	}
	e.commits.commit = e.commit
	return e.statements.prepare(ctx, e.conn)
}

// inPlace fails where the path no longer leads to the file that is open: what
// is read and written there would be gone with the next start.
func (e *Engine) inPlace() error {
	now, err := os.Stat(e.path)
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrMoved, err)
	}
	if !os.SameFile(now, e.opened) || now.Size() < e.opened.Size() {
		return store.ErrMoved
	}
	return nil
}

// quickCheck finds damaged pages that the first query would not touch.
func quickCheck(ctx context.Context, db *sql.DB) error {
	var finding string
	if err := db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&finding); err != nil {
		return err
	}
	if finding != "ok" {
		return fmt.Errorf("%w: %s", store.ErrDamaged, finding)
	}
	return nil
}

// Read implements store.Engine.
func (e *Engine) Read(ctx context.Context, id account.ID) (store.Row, error) {
	if err := e.inPlace(); err != nil {
		return store.Row{}, err
	}
	e.turn.Lock()
	defer e.turn.Unlock()
	var version int64
	var row store.Row
	err := e.read.QueryRowContext(ctx, id.Realm, []byte(id.Name)).Scan(&version, &row.Sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return store.Row{}, nil
	}
	row.Version = uint64(version) // a negative one is edited, and equals no record's
	return row, explain(err)
}

// Each implements store.Engine. It reads all rows before it visits the first,
// so that a visitor may use the store.
func (e *Engine) Each(ctx context.Context, visit func(account.ID, store.Row) error) error {
	all, err := e.rows(ctx)
	if err != nil {
		return explain(err)
	}
	for _, en := range all {
		if err := visit(en.id, en.row); err != nil {
			return err
		}
	}
	return nil
}

type entry struct {
	id  account.ID
	row store.Row
}

func (e *Engine) rows(ctx context.Context) ([]entry, error) {
	e.turn.Lock()
	defer e.turn.Unlock()
	rows, err := e.conn.QueryContext(ctx, `SELECT realm, name, version, sealed FROM account ORDER BY realm, name`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []entry
	for rows.Next() {
		var en entry
		var name []byte
		var version int64
		if err := rows.Scan(&en.id.Realm, &name, &version, &en.row.Sealed); err != nil {
			return nil, err
		}
		en.id.Name, en.row.Version = string(name), uint64(version)
		all = append(all, en)
	}
	return all, rows.Err()
}

// SetMark implements store.Engine.
func (e *Engine) SetMark(_ context.Context, sealed []byte) error {
	if err := e.inPlace(); err != nil {
		return err
	}
	e.turn.Lock()
	defer e.turn.Unlock()
	rows, err := run(e.mark, sealed)
	if err == nil && rows != 1 {
		err = store.ErrNoMark
	}
	return explain(err)
}

// Mark implements store.Engine.
func (e *Engine) Mark(ctx context.Context) ([]byte, error) {
	e.turn.Lock()
	defer e.turn.Unlock()
	var sealed []byte
	err := e.conn.QueryRowContext(ctx, `SELECT sealed FROM clock_mark`).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return sealed, explain(err)
}

// Close implements store.Engine.
func (e *Engine) Close() error {
	e.turn.Lock()
	defer e.turn.Unlock()
	errs := []error{e.statements.close()}
	if e.conn != nil { // preparing came that far
		errs = append(errs, e.conn.Close())
	}
	return errors.Join(append(errs, e.db.Close())...)
}

// explain puts the store's own words before SQLite's, where it has any.
func explain(err error) error {
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return err
	}
	known := map[int]error{
		codeBusy: store.ErrInUse, codeReadOnly: store.ErrReadOnly, codeFull: store.ErrFull,
		codeCorrupt: store.ErrDamaged, codeNotADB: store.ErrDamaged,
	}
	if reason, ok := known[se.Code()&0xff]; ok {
		return fmt.Errorf("%w: %w", reason, err)
	}
	return err
}
