package main

import (
	_ "embed"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

// report is all that was found out.
type report struct {
	machine  machine
	results  results
	verdicts []verdict
}

func (r report) missed() int {
	n := 0
	for _, v := range r.verdicts {
		if !v.met {
			n++
		}
	}
	return n
}

// publish prints the tables, and writes BENCHMARKS.md and its charts.
func (r report) publish(folder string) error {
	for _, t := range []*table{r.oneClient(), r.manyClients(), r.refusals(), r.ourDaemon(), r.demands()} {
		fmt.Printf("\n%s", t)
	}
	files, err := r.files()
	if err != nil {
		return err
	}
	for name, content := range files {
		// The tree, and what is in it, is not root's where it is another's.
		if err := command(content, "packaging/as-owner", "tee", filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	fmt.Printf("\nwritten: %s\n", filepath.Join(folder, page))
	return nil
}

const page = "BENCHMARKS.md"

//go:embed page.md.tmpl
var pageTemplate string

// files are the page and its charts, by their names.
func (r report) files() (map[string]string, error) {
	var text strings.Builder
	parsed, err := template.New(page).Parse(pageTemplate)
	if err != nil {
		return nil, err
	}
	if err := parsed.Execute(&text, r.view()); err != nil {
		return nil, fmt.Errorf("writing %s: %w", page, err)
	}
	return map[string]string{
		page:                   text.String(),
		"bench-accounts.svg":   r.accountsChart().svg(),
		"bench-latency.svg":    r.latencyChart().svg(),
		"bench-throughput.svg": r.throughputChart().svg(),
	}, nil
}

// The tables.

// heads begins with what is a column's own of a table, and names the misjudged.
func heads(misjudged string, first ...string) []string {
	return append(first, "module", "logins", misjudged, "p50 µs", "p99 µs", "max µs", "logins/s", "client CPU µs", "daemon CPU µs", "written KiB")
}

// cells go under heads.
func cells(name string, s series) []string {
	all := s.all()
	client, daemon, written := s.perLogin()
	return []string{
		name, thousands(s.logins()), thousands(s.misjudged()),
		micros(s.p50()), micros(percentile(all, 99)), micros(percentile(all, 100)), perSecond(s.rate()),
		micros(client), micros(daemon), fmt.Sprintf("%.1f", written/1024),
	}
}

func (r report) oneClient() *table {
	t := &table{left: 3, head: heads("refused", "one client", "accounts")}
	for _, forked := range []bool{false, true} {
		for _, size := range sizes {
			r.rows(t, scenario{right, forked, 1, size}, how(forked), thousands(size))
		}
	}
	return t
}

func (r report) manyClients() *table {
	t := &table{left: 3, head: heads("refused", thousands(middle)+" accounts", "clients")}
	for _, forked := range []bool{false, true} {
		for _, clients := range clientCounts {
			r.rows(t, scenario{right, forked, clients, middle}, how(forked), fmt.Sprint(clients))
		}
	}
	return t
}

func (r report) refusals() *table {
	t := &table{left: 4, head: heads("accepted", "codes", thousands(middle)+" accounts", "clients")}
	for _, s := range scenarios() {
		if s.kind != right {
			r.rows(t, s, string(s.kind), how(s.forked), fmt.Sprint(s.clients))
		}
	}
	return t
}

// rows adds one for each contender that was measured.
func (r report) rows(t *table, s scenario, first ...string) {
	for _, name := range names {
		if all := r.results[s][name]; len(all) > 0 {
			t.add(append(slices.Clone(first), cells(name, all)...)...)
		}
	}
}

func (r report) ourDaemon() *table {
	t := &table{left: 1, head: []string{"spse-totpd", "RSS MiB", "CPU per login µs"}}
	for _, size := range sizes {
		all := r.results[scenario{right, false, 1, size}][ours]
		_, daemon, _ := all.perLogin()
		t.add(thousands(size)+" accounts", mebibytes(all.resident()), micros(daemon))
	}
	busy := r.results[scenario{right, true, 16, middle}][ours]
	_, daemon, _ := busy.perLogin()
	t.add(fmt.Sprintf("%s accounts, 16 clients", thousands(middle)), mebibytes(busy.resident()), micros(daemon))
	return t
}

func (r report) demands() *table {
	t := &table{left: 4, head: []string{"demand", "wanted", "measured", ""}}
	for _, v := range r.verdicts {
		said := "met"
		if !v.met {
			said = "MISSED"
		}
		t.add(v.demand, v.wanted, v.measured, said)
	}
	_, daemon, _ := r.results[scenario{right, false, 1, middle}][ours].perLogin()
	t.add("CPU of spse-totpd per login", "about "+micros(targetDaemonCPU)+" µs", micros(daemon)+" µs", "not asserted")
	return t
}

// The charts.

func (r report) accountsChart() chart {
	var xs []string
	for _, size := range sizes {
		xs = append(xs, thousands(size))
	}
	return r.chart("How long a login takes with more accounts (p50, one client)", "µs", "accounts", xs, series.micros,
		func(forked bool, i int) scenario { return scenario{right, forked, 1, sizes[i]} })
}

func (r report) latencyChart() chart {
	return r.chart("How long a login takes with more clients (p50, 1,000 accounts)", "µs", "clients at once", clientLabels(), series.micros, byClients)
}

func (r report) throughputChart() chart {
	return r.chart("Logins per second (1,000 accounts)", "1/s", "clients at once", clientLabels(), series.rate, byClients)
}

func byClients(forked bool, i int) scenario {
	return scenario{right, forked, clientCounts[i], middle}
}

func clientLabels() []string {
	var xs []string
	for _, n := range clientCounts {
		xs = append(xs, fmt.Sprint(n))
	}
	return xs
}

func (s series) micros() float64 { return float64(s.p50().Nanoseconds()) / 1000 }

func (r report) chart(title, unit, x string, categories []string, value func(series) float64, at func(forked bool, i int) scenario) chart {
	c := chart{title: title, unit: unit, x: x}
	for _, forked := range []bool{false, true} {
		p := panel{title: how(forked), categories: categories}
		for _, name := range names {
			l := line{name: name}
			for i := range categories {
				l.y = append(l.y, value(r.results[at(forked, i)][name]))
			}
			p.lines = append(p.lines, l)
		}
		c.panels = append(c.panels, p)
	}
	return c
}

// view is what the page's template asks for.
func (r report) view() map[string]any {
	m := r.machine
	return map[string]any{
		"Date": m.date.Format("2 January 2006"), "Machine": m, "MemoryGiB": math.Round(float64(m.memory) / (1 << 30)),
		"Flush": micros(m.flush), "Rounds": rounds, "People": people, "WarmUps": warmUps, "Limit": limit.Seconds(), "Sizes": sizeList(),
		"OneClient": r.oneClient(), "ManyClients": r.manyClients(), "Refusals": r.refusals(),
		"Daemon": r.ourDaemon(), "Demands": r.demands(), "Reading": r.reading(),
	}
}

func sizeList() string {
	var said []string
	for _, size := range sizes {
		said = append(said, thousands(size))
	}
	last := len(said) - 1
	return strings.Join(said[:last], ", ") + " or " + said[last]
}

// reading is what to read from the tables, in words.
func (r report) reading() string {
	at := func(k kind, forked bool, clients, size int, name string) series {
		return r.results[scenario{k, forked, clients, size}][name]
	}
	p50 := func(forked bool, size int, name string) string { return micros(at(right, forked, 1, size, name).p50()) }
	rate := func(name string) string { return perSecond(at(right, true, 16, middle, name).rate()) }
	client, _, _ := at(wrong, false, 1, middle, google).perLogin()
	largest := slices.Max(sizes)
	var b strings.Builder
	say := func(format string, arguments ...any) { fmt.Fprintf(&b, "- "+format+"\n", arguments...) }

	say("A login with a Security Code takes %s µs; forked, as in sshd and su, %s µs. With google-authenticator it is %s and %s µs. "+
		"Libpam itself takes %s and %s µs of each (pam_permit), and a flush to the disk %s µs: a code that works only once, also "+
		"across a power cut, cannot do without one.",
		p50(false, middle, ours), p50(true, middle, ours), p50(false, middle, google), p50(true, middle, google),
		p50(false, middle, permit), p50(true, middle, permit), micros(r.machine.flush))
	say("With 16 clients, forked, %s get in each second; with google-authenticator %s. Our daemon commits together what comes "+
		"together.", rate(ours), rate(google))
	say("With %s accounts a login takes %s µs, with %s it takes %s µs. pam_oath, which reads and writes the whole of its file each "+
		"time, takes %s and %s µs.", thousands(sizes[0]), p50(false, sizes[0], ours), thousands(largest), p50(false, largest, ours),
		p50(false, sizes[0], oath), p50(false, largest, oath))
	say("Of the right codes, %s were refused by us, %s by google-authenticator, %s by pam_oath.",
		r.misjudged(ours, right), r.misjudged(google, right), r.misjudged(oath, right))
	if r.results.count(oath, right, series.misjudged) > 0 {
		say("pam_oath does not wait for the lock on its file: who comes meanwhile is refused, and quickly, which makes its times " +
			"with several clients look good.")
	}
	say("Of the wrong and replayed codes, %s were accepted by us, %s by google-authenticator, %s by pam_oath.",
		r.misjudged(ours, wrong, replayed), r.misjudged(google, wrong, replayed), r.misjudged(oath, wrong, replayed))
	say("A wrong code costs google-authenticator %s µs of CPU: it looks for it in 12 hours on either side, for a phone whose "+
		"clock is off. We look 10 minutes away.", micros(client))
	return b.String()
}

// misjudged is such as "0 of 1,000".
func (r report) misjudged(name string, kinds ...kind) string {
	n, of := 0, 0
	for _, k := range kinds {
		n += r.results.count(name, k, series.misjudged)
		of += r.results.count(name, k, series.logins)
	}
	return thousands(n) + " of " + thousands(of)
}
