package sqlite

import (
	"context"
	"database/sql"
	"errors"
)

// statements are prepared once, on the one connection. A transaction is begun
// and ended by statements too: database/sql's own costs two goroutines each
// time, which is a fifth of a login's CPU.
type statements struct {
	read                   *sql.Stmt
	begin, end, rollback   *sql.Stmt
	update, insert, remove *sql.Stmt
	mark                   *sql.Stmt
	all                    []*sql.Stmt
}

// ifnull: the driver reads and writes an empty one, which somebody put there, as
// NULL.
func (s *statements) prepare(ctx context.Context, conn *sql.Conn) error {
	for _, st := range []struct {
		into  **sql.Stmt
		query string
	}{
		{&s.read, `SELECT version, sealed FROM account WHERE realm = ? AND name = ?`},
		{&s.begin, `BEGIN IMMEDIATE`},
		{&s.end, `COMMIT`},
		{&s.rollback, `ROLLBACK`},
		{&s.update, `UPDATE account SET version = ?, sealed = ? WHERE realm = ? AND name = ? AND version = ? AND sealed = ifnull(?, x'')`},
		{&s.insert, `INSERT INTO account (version, sealed, realm, name) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`},
		{&s.remove, `DELETE FROM account WHERE realm = ? AND name = ? AND version = ? AND sealed = ifnull(?, x'')`},
		{&s.mark, `UPDATE clock_mark SET sealed = ?`},
	} {
		stmt, err := conn.PrepareContext(ctx, st.query)
		if err != nil {
			return err
		}
		*st.into = stmt
		s.all = append(s.all, stmt)
	}
	return nil
}

// close frees the statements, without which the connection stays open and keeps
// the file's lock: database/sql does not close those of a connection.
func (s *statements) close() error {
	var errs []error
	for _, stmt := range s.all {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(errs...)
}

// run runs a statement, and says how many rows it changed.
func run(s *sql.Stmt, args ...any) (rows int64, err error) {
	result, err := s.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
