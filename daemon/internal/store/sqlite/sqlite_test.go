package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/store"
)

var budi = account.Host("budi")

func opened(t *testing.T, path string) *Engine {
	t.Helper()
	e, _, err := Open(t.Context(), path, []byte("first mark"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func swap(t *testing.T, e *Engine, c store.Change) {
	t.Helper()
	if err := e.Swap(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// row is what a test keeps at that version; at 0 there is none.
func row(version uint64) store.Row {
	if version == 0 {
		return store.Row{}
	}
	return store.Row{Version: version, Sealed: fmt.Appendf(nil, "sealed %d", version)}
}

func TestSwapTakesARowFromOneVersionToTheNext(t *testing.T) {
	e := opened(t, filepath.Join(t.TempDir(), "a.db"))
	swap(t, e, store.Change{ID: budi, To: row(1)})
	swap(t, e, store.Change{ID: budi, From: row(1), To: row(2)})
	got, err := e.Read(t.Context(), budi)
	if err != nil || got.Version != 2 || string(got.Sealed) != "sealed 2" {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, c := range map[string]store.Change{
		"made twice":       {ID: budi, To: row(1)},
		"from an old one":  {ID: budi, From: row(1), To: row(2)},
		"from a later one": {ID: budi, From: row(3), To: row(4)},
		"delete an old":    {ID: budi, From: row(1)},
		"another's bytes":  {ID: budi, From: store.Row{Version: 2, Sealed: row(1).Sealed}, To: row(3)},
		"delete another's": {ID: budi, From: store.Row{Version: 2, Sealed: row(1).Sealed}},
		"mark of a loser":  {ID: budi, From: row(1), To: row(2), Mark: []byte("stolen")},
	} {
		if err := e.Swap(t.Context(), c); !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if mark, err := e.Mark(t.Context()); err != nil || string(mark) != "first mark" {
		t.Errorf("mark is %q, %v", mark, err)
	}
	swap(t, e, store.Change{ID: budi, From: row(2)})
	if got, err := e.Read(t.Context(), budi); err != nil || got.Version != 0 {
		t.Errorf("after the delete: %+v, %v", got, err)
	}
}

func TestNamesAreBytes(t *testing.T) {
	e := opened(t, filepath.Join(t.TempDir(), "a.db"))
	for i, name := range []string{"budi", "Budi", "budi ", "budi\x00", "bud\xff", "b\u00fcdi", "bu\u0308di", "budi\n"} {
		swap(t, e, store.Change{ID: account.Host(name), To: row(uint64(i + 1))})
	}
	var names []string
	if err := e.Each(t.Context(), func(id account.ID, r store.Row) error {
		names = append(names, id.Name)
		return nil
	}); err != nil || len(names) != 8 {
		t.Errorf("got %q, %v", names, err)
	}
}

func TestManyCallersShareCommitsAndLoseNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	e := opened(t, path)
	const callers, each = 64, 20
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			id := account.Host(fmt.Sprint("budi", c))
			for v := range uint64(each) {
				if err := e.Swap(context.Background(), store.Change{ID: id, From: row(v), To: row(v + 1)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	again := opened(t, path)
	count := 0
	if err := again.Each(t.Context(), func(_ account.ID, r store.Row) error {
		if count++; r.Version != each {
			t.Errorf("a row is at version %d", r.Version)
		}
		return nil
	}); err != nil || count != callers {
		t.Errorf("%d rows, %v", count, err)
	}
}

// A commit to a file that grows costs more, so the first after a start would.
func TestTheWALDoesNotGrow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	e := opened(t, path)
	before := size(t, path+"-wal")
	for v := range uint64(3 * checkpointAt) {
		swap(t, e, store.Change{ID: budi, From: row(v), To: row(v + 1)})
	}
	if after := size(t, path+"-wal"); after != before {
		t.Errorf("it grew from %d bytes to %d", before, after)
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// A daemon that was killed leaves commits in the WAL, in front of the zeros.
func TestWhatStandsInTheWALIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	e := opened(t, path)
	copied := filepath.Join(t.TempDir(), "b.db")
	for v := range uint64(checkpointAt + checkpointAt/2) { // past a checkpoint
		swap(t, e, store.Change{ID: budi, From: row(v), To: row(v + 1)})
		if v%30 != 0 && v != checkpointAt+checkpointAt/2-1 {
			continue
		}
		for _, end := range []string{"", "-wal"} {
			b, err := os.ReadFile(path + end)
			if err != nil {
				t.Fatal(err)
			}
			write(t, copied+end, b)
		}
		killed := opened(t, copied)
		if got, err := killed.Read(t.Context(), budi); err != nil || got.Version != v+1 {
			t.Errorf("version %d, want %d: %v", got.Version, v+1, err)
		}
		if err := killed.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOneDaemonPerFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	opened(t, path)
	if _, _, err := Open(t.Context(), path, nil); !errors.Is(err, store.ErrInUse) {
		t.Errorf("a second daemon got %v", err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, path string)
		want  error
	}{
		"no database": {func(t *testing.T, path string) {
			write(t, path, []byte("hello, this is no database at all, not even near one"))
		}, store.ErrDamaged},
		"newer": {func(t *testing.T, path string) {
			edit(t, path, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (2, 1)`)
		}, store.ErrNewerSchema},
		"a trigger": {func(t *testing.T, path string) {
			edit(t, path, `CREATE TRIGGER undo AFTER UPDATE ON account BEGIN UPDATE account SET sealed = OLD.sealed WHERE name = NEW.name; END`)
		}, store.ErrEdited},
		"a table of somebody's": {func(t *testing.T, path string) { edit(t, path, `CREATE TABLE more (x)`) }, store.ErrEdited},
		"a table taken out":     {func(t *testing.T, path string) { edit(t, path, `DROP TABLE clock_mark`) }, store.ErrEdited},
		"empty":                 {func(t *testing.T, path string) { write(t, path, nil) }, store.ErrDamaged},
		"deleted":               {func(t *testing.T, path string) { remove(t, path) }, store.ErrGone},
		"damaged page": {func(t *testing.T, path string) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i := 4096 + 8; i < 4096+2000; i++ {
				b[i] = 0xa5
			}
			write(t, path, b)
		}, store.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.db")
			if name != "no database" {
				e := opened(t, path)
				swap(t, e, store.Change{ID: budi, To: row(1)})
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
			}
			c.spoil(t, path)
			if _, _, err := Open(t.Context(), path, nil); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// edit is what somebody with the sqlite3 program could do.
func edit(t *testing.T, path, statement string) {
	t.Helper()
	e, _, err := Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, err := e.conn.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// A database that is moved from under the daemon takes no more commits.
func TestWhatIsMovedAwayIsNotWritten(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, path string){
		"deleted":  remove,
		"replaced": func(t *testing.T, path string) { remove(t, path); write(t, path, []byte("another")) },
		"cut":      func(t *testing.T, path string) { write(t, path, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.db")
			e := opened(t, path)
			swap(t, e, store.Change{ID: budi, To: row(1)})
			spoil(t, path)
			if err := e.Swap(t.Context(), store.Change{ID: budi, From: row(1), To: row(2)}); !errors.Is(err, store.ErrMoved) {
				t.Errorf("a commit: %v", err)
			}
			if _, err := e.Read(t.Context(), budi); !errors.Is(err, store.ErrMoved) {
				t.Errorf("a look: %v", err)
			}
		})
	}
}

// A start that was cut short leaves what the next one clears away.
func TestAHalfMadeDatabaseIsMadeAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	write(t, path+".new", []byte("half"))
	write(t, path+".new-wal", []byte("made"))
	e, made, err := Open(t.Context(), path, []byte("first mark"))
	if err != nil || !made {
		t.Fatalf("made %v, %v", made, err)
	}
	defer e.Close()
	left, err := filepath.Glob(path + ".new*")
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestSetMark(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	e := opened(t, path)
	for _, mark := range []string{"second mark", "third mark"} {
		if err := e.SetMark(t.Context(), []byte(mark)); err != nil {
			t.Fatal(err)
		}
		if got, err := e.Mark(t.Context()); err != nil || string(got) != mark {
			t.Errorf("mark is %q, %v, want %q", got, err, mark)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = opened(t, path)
	if got, err := e.Mark(t.Context()); err != nil || string(got) != "third mark" {
		t.Errorf("after a restart the mark is %q, %v", got, err)
	}
	if _, err := e.conn.ExecContext(t.Context(), `DELETE FROM clock_mark`); err != nil {
		t.Fatal(err)
	}
	if err := e.SetMark(t.Context(), []byte("fourth mark")); !errors.Is(err, store.ErrNoMark) {
		t.Errorf("a mark that was taken out: %v", err)
	}
	remove(t, path)
	if err := e.SetMark(t.Context(), []byte("fifth mark")); !errors.Is(err, store.ErrMoved) {
		t.Errorf("a database that was taken away: %v", err)
	}
}
