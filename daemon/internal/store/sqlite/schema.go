package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pressly/goose/v3"

	"spse-totp/daemon/internal/store"
)

// migrate brings the schema up to date and refuses a newer one. The first
// clock mark is written by the transaction that makes its table: a database
// without one was edited.
func migrate(ctx context.Context, db *sql.DB, firstMark []byte) error {
	steps := []*goose.Migration{
		goose.NewGoMigration(1, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			return firstSchema(ctx, tx, firstMark)
		}}, nil),
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, nil,
		goose.WithGoMigrations(steps...), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("preparing migrations: %w", err)
	}
	have, err := provider.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("reading the schema's version: %w", err)
	}
	if newest := int64(len(steps)); have > newest {
		return fmt.Errorf("%w: schema %d, this one knows %d", store.ErrNewerSchema, have, newest)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	return nil
}

func firstSchema(ctx context.Context, tx *sql.Tx, firstMark []byte) error {
	const schema = `
CREATE TABLE account (
	realm   TEXT    NOT NULL,
	name    BLOB    NOT NULL, -- byte for byte as the realm gives it
	version INTEGER NOT NULL CHECK (version > 0),
	sealed  BLOB    NOT NULL,
	PRIMARY KEY (realm, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE clock_mark (
	only   INTEGER PRIMARY KEY CHECK (only = 1),
	sealed BLOB NOT NULL
) STRICT;`
	if _, err := tx.ExecContext(ctx, schema); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO clock_mark (only, sealed) VALUES (1, ?)`, firstMark)
	return err
}
