package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

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

// checkSchema compares the schema with the one that the migrations make: a
// trigger that somebody put in could undo every count and every spent code.
func checkSchema(ctx context.Context, db *sql.DB) error {
	fresh, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return err
	}
	defer fresh.Close()
	fresh.SetMaxOpenConns(1) // each connection is a database of its own there
	if err := migrate(ctx, fresh, []byte{0}); err != nil {
		return err
	}
	want, err := schemaOf(ctx, fresh)
	if err != nil {
		return err
	}
	have, err := schemaOf(ctx, db)
	if err != nil {
		return err
	}
	if !slices.Equal(have, want) {
		return store.ErrEdited
	}
	return nil
}

// schemaOf is every object of the schema, as it was written.
func schemaOf(ctx context.Context, db *sql.DB) ([]string, error) {
	rows, err := db.QueryContext(ctx, `SELECT type || ' ' || name || ' ' || tbl_name || ' ' || ifnull(sql, '') FROM sqlite_schema ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var objects []string
	for rows.Next() {
		var object string
		if err := rows.Scan(&object); err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, rows.Err()
}

func firstSchema(ctx context.Context, tx *sql.Tx, firstMark []byte) error {
	const schema = `
CREATE TABLE account (
	realm   TEXT    NOT NULL,
	name    BLOB    NOT NULL, -- byte for byte as the realm gives it
	version INTEGER NOT NULL,
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
