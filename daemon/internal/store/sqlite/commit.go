package sqlite

import (
	"context"
	"database/sql"
	"sync"

	"spse-totp/daemon/internal/store"
)

// group commits changes together: a caller who finds nobody committing
// commits itself, and takes along whoever came meanwhile. One flush to disk
// then serves them all, and no change waits for a clock or another goroutine.
type group struct {
	inPlace                func() error // whether the file is still the one that was opened
	db                     *sql.DB
	update, insert, remove *sql.Stmt
	mark                   *sql.Stmt

	mu      sync.Mutex // protects what follows
	leading bool
	waiting []*pending
}

// pending is one caller's change. Exactly one message comes on ready: the
// result, or the lead.
type pending struct {
	change store.Change
	err    error
	ready  chan bool // true: lead the next commit
}

func (g *group) prepare(ctx context.Context, db *sql.DB, inPlace func() error) error {
	g.db, g.inPlace = db, inPlace
	for _, s := range []struct {
		into  **sql.Stmt
		query string
	}{
		{&g.update, `UPDATE account SET version = ?, sealed = ? WHERE realm = ? AND name = ? AND version = ?`},
		{&g.insert, `INSERT INTO account (version, sealed, realm, name) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`},
		{&g.remove, `DELETE FROM account WHERE realm = ? AND name = ? AND version = ?`},
		{&g.mark, `UPDATE clock_mark SET sealed = ?`},
	} {
		stmt, err := db.PrepareContext(ctx, s.query)
		if err != nil {
			return err
		}
		*s.into = stmt
	}
	return nil
}

// Swap implements store.Engine. A caller who gives up does not stop a commit
// that others share.
func (e *Engine) Swap(_ context.Context, change store.Change) error {
	p := &pending{change: change, ready: make(chan bool, 1)}
	if e.commits.join(p) || <-p.ready {
		e.commits.lead()
	}
	return p.err
}

// join adds p to those waiting and says whether it has to lead.
func (g *group) join(p *pending) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, p)
	if g.leading {
		return false
	}
	g.leading = true
	return true
}

// lead commits all who wait, the leader among them, and hands the lead to one
// of those who came during the commit.
func (g *group) lead() {
	g.mu.Lock()
	batch := g.waiting
	g.waiting = nil
	g.mu.Unlock()

	err := g.commit(batch)

	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range batch {
		if err != nil {
			p.err = err
		}
		p.ready <- false
	}
	if len(g.waiting) == 0 {
		g.leading = false
		return
	}
	g.waiting[0].ready <- true
}

// commit writes a batch in one transaction. An error is everyone's: nothing of
// the batch is known to be written. A conflict is one change's own.
func (g *group) commit(batch []*pending) error {
	if err := g.inPlace(); err != nil {
		return err
	}
	ctx := context.Background()
	tx, err := g.db.BeginTx(ctx, nil)
	if err != nil {
		return explain(err)
	}
	for _, p := range batch {
		if p.err, err = g.apply(ctx, tx, p.change); err != nil {
			_ = tx.Rollback() // the writing failed already, which is what is told
			return explain(err)
		}
	}
	return explain(tx.Commit())
}

func (g *group) apply(ctx context.Context, tx *sql.Tx, c store.Change) (conflict, err error) {
	var result sql.Result
	realm, name := c.ID.Realm, []byte(c.ID.Name)
	switch {
	case !c.To.There():
		result, err = tx.StmtContext(ctx, g.remove).ExecContext(ctx, realm, name, int64(c.From))
	case c.From == 0:
		result, err = tx.StmtContext(ctx, g.insert).ExecContext(ctx, c.To.Version, c.To.Sealed, realm, name)
	default:
		result, err = tx.StmtContext(ctx, g.update).ExecContext(ctx, c.To.Version, c.To.Sealed, realm, name, int64(c.From))
	}
	if err != nil {
		return nil, err
	}
	rows, err := result.RowsAffected()
	if err != nil {
		return nil, err
	}
	if rows != 1 {
		return store.ErrConflict, nil
	}
	if len(c.Mark) > 0 {
		if _, err := tx.StmtContext(ctx, g.mark).ExecContext(ctx, c.Mark); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
