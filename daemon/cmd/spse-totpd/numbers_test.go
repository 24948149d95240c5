package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"spse-totp/daemon/protocol"
	"spse-totp/totp"
)

// Numbers of the daemon as it ships. Times are printed; what is asserted are
// counts, sizes, and ratios of medians side by side.

// asShipped makes the bench run what `make build` makes: of a daemon with the
// race detector in it the numbers say nothing.
func (b *bench) asShipped() {
	b.t.Helper()
	b.program = b.build(".", "spse-totpd")
}

func (b *bench) build(what, name string) string {
	b.t.Helper()
	into := b.path(name)
	cmd := exec.CommandContext(b.t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", into, what)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("building %s: %v\n%s", what, err, said)
	}
	return into
}

// populate writes many more accounts than people can in bearable time.
func (b *bench) populate(names ...string) []person {
	b.t.Helper()
	all := make([]person, len(names))
	var lines strings.Builder
	for i, name := range names {
		secret, err := totp.NewSecret()
		if err != nil {
			b.t.Fatal(err)
		}
		all[i] = person{t: b.t, name: name, secret: secret}
		fmt.Fprintln(&lines, name, secret.Base32())
	}
	cmd := exec.CommandContext(b.t.Context(), b.build("../../internal/store/populate", "populate"), b.path("keyset.json"), b.database())
	cmd.Stdin = strings.NewReader(lines.String())
	if said, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("populate: %v: %s", err, said)
	}
	return all
}

// At rest the daemon is small, and sleeps: it wakes for its watchdog alone, which
// is not set here, and every minute or two for the Go runtime.
func TestIdle(t *testing.T) {
	t.Parallel()
	const (
		accounts = 1000
		logins   = 100
		maxRSS   = 25 << 10 // KiB
		rest     = 10 * time.Second
		maxWakes = 10 // less than one a second
	)
	b := newBench(t)
	b.asShipped()
	people := b.people(numbered("budi", accounts)...)
	d := b.start()
	for _, p := range people[:logins] { // it has been at work
		b.expectLogin(p, p.code(0), protocol.Accepted)
	}
	time.Sleep(6 * time.Second) // what the last login left to do: the timer of its start fires once more
	before := d.sum("task/*/status", "voluntary_ctxt_switches")
	time.Sleep(rest)
	wakes := d.sum("task/*/status", "voluntary_ctxt_switches") - before
	rss := d.sum("status", "VmRSS")
	t.Logf("with %d accounts, after %d logins: %d KiB, woken %d times in %v", accounts, logins, rss, wakes, rest)
	if wakes >= maxWakes {
		t.Errorf("woken %d times in %v at rest", wakes, rest)
	}
	if rss >= maxRSS {
		t.Errorf("%d KiB, want less than %d", rss, maxRSS)
	}
}

// sum adds up a number that the kernel tells of the daemon, in files below its
// folder in /proc.
func (d *process) sum(files, name string) int {
	t := d.b.t
	t.Helper()
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/%s", d.cmd.Process.Pid, files))
	if err != nil {
		t.Fatal(err)
	}
	sum, found := 0, false
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // the thread ended
		}
		for line := range strings.Lines(string(content)) {
			number := 0
			if n, _ := fmt.Sscanf(line, name+": %d", &number); n == 1 {
				sum, found = sum+number, true
			}
		}
	}
	if !found {
		t.Fatalf("no %s in %s", name, files)
	}
	return sum
}

// Somebody who waits for the daemon to start waits a little longer where there
// are very many accounts: the database is checked. No record is opened but theirs.
func TestTheFirstVerdict(t *testing.T) {
	if !long {
		t.Skip("make test-long runs it")
	}
	const (
		starts = 11
		atMost = 25.0
	)
	few, many := newBench(t), newBench(t)
	few.asShipped()
	many.asShipped()
	peopleOf := map[*bench][]person{
		few:  few.populate(numbered("budi", starts)...),
		many: many.populate(numbered("budi", 100_000)...),
	}
	took := make(map[*bench][]time.Duration)
	for i := range starts {
		for _, b := range []*bench{few, many} {
			took[b] = append(took[b], b.firstVerdict(peopleOf[b][i]))
		}
	}
	ratio := float64(median(took[many])) / float64(median(took[few]))
	t.Logf("from exec to the first verdict: %v with %d accounts, %v with %d: %.1f times (median of %d)",
		median(took[few]), len(peopleOf[few]), median(took[many]), len(peopleOf[many]), ratio, starts)
	if ratio > atMost {
		t.Errorf("%.1f times as long with many accounts, want at most %.0f", ratio, atMost)
	}
}

// firstVerdict starts a daemon for somebody who waits for it already.
func (b *bench) firstVerdict(p person) time.Duration {
	b.t.Helper()
	c, err := b.talk(p.start())
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.close()
	code := p.code(0)
	begin := time.Now()
	d := b.launch(b.held)
	defer d.kill()
	if _, err := c.prompt(); err != nil {
		b.t.Fatal(err)
	}
	if err := c.send(answer(code)); err != nil {
		b.t.Fatal(err)
	}
	verdict, err := c.result()
	if err != nil || verdict != protocol.Accepted {
		b.t.Fatalf("login of %s: %v, %v", p.name, verdict, err)
	}
	return time.Since(begin)
}

// median sorts what it is given.
func median[T time.Duration | float64](of []T) T {
	slices.Sort(of)
	return of[len(of)/2]
}
