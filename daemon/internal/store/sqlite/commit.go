package sqlite

import (
	"context"
	"sync"

	"spse-totp/daemon/internal/store"
)

// group commits changes together: a caller who finds nobody committing
// commits itself, and takes along whoever came meanwhile. One flush to disk
// then serves them all, and no change waits for a clock or another goroutine.
type group struct {
	commit func(batch []*pending) error

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
func (e *Engine) commit(batch []*pending) error {
	if err := e.inPlace(); err != nil {
		return err
	}
	e.turn.Lock()
	defer e.turn.Unlock()
	if _, err := run(e.begin); err != nil {
		return explain(err)
	}
	for _, p := range batch {
		conflict, err := e.apply(p.change)
		if err != nil {
			_, _ = run(e.rollback) // the writing failed already, which is what is told
			return explain(err)
		}
		p.err = conflict
	}
	_, err := run(e.end)
	return explain(err)
}

// apply writes one change, unless its row is another.
func (e *Engine) apply(c store.Change) (conflict, err error) {
	var rows int64
	realm, name := c.ID.Realm, []byte(c.ID.Name)
	version := int64(c.From.Version) // negative where it was edited
	switch {
	case !c.To.There():
		rows, err = run(e.remove, realm, name, version, c.From.Sealed)
	case !c.From.There():
		rows, err = run(e.insert, c.To.Version, c.To.Sealed, realm, name)
	default:
		rows, err = run(e.update, c.To.Version, c.To.Sealed, realm, name, version, c.From.Sealed)
	}
	if err != nil {
		return nil, err
	}
	if rows != 1 {
		return store.ErrConflict, nil
	}
	if len(c.Mark) > 0 {
		_, err = run(e.mark, c.Mark)
	}
	return nil, err
}
