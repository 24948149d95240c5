package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// speeds are how long a login takes each contender in every scenario.
type speeds map[string]time.Duration

const us = time.Microsecond

var fair = speeds{permit: 90 * us, google: 600 * us, oath: 700 * us, ours: 500 * us}

// measured plays a run of three rounds in which all logins of a contender took
// the same time.
func measured(took speeds) results {
	r := results{}
	for _, s := range scenarios() {
		for name, one := range took {
			if name == permit && s.kind != right {
				continue
			}
			for range 3 {
				r.add(s, name, sample{
					took: []time.Duration{one, one}, lasted: 2 * one / time.Duration(s.clients), client: one, daemon: one,
					written: 16 << 10, resident: 20 << 20,
				})
			}
		}
	}
	return r
}

// Each demand is missed by its own fault, and by no other.
func TestDemands(t *testing.T) {
	oneClient := func(forked bool, size int) scenario { return scenario{right, forked, 1, size} }
	slow := func(s scenario, name string, times float64) func(results) {
		return func(r results) {
			for i := range r[s][name] {
				one := &r[s][name][i]
				one.lasted = time.Duration(float64(one.lasted) * times)
				for j := range one.took {
					one.took[j] = time.Duration(float64(one.took[j]) * times)
				}
			}
		}
	}
	misjudge := func(s scenario, name string) func(results) {
		return func(r results) { r[s][name][2].misjudged = 1 }
	}
	tests := map[string]struct {
		spoil  func(results)
		missed string // part of the demand's text, empty for none
	}{
		"all is well":                      {func(results) {}, ""},
		"slower in process":                {slow(oneClient(false, middle), google, 0.83), "p50 in process, beside"},
		"slower forked":                    {slow(oneClient(true, middle), google, 0.83), "p50 forked, beside"},
		"as slow":                          {slow(oneClient(true, middle), google, 500.0/600), ""},
		"too few at once":                  {slow(scenario{right, true, 16, middle}, ours, 1.01), "logins/s with 16"},
		"few at once in process":           {slow(scenario{right, false, 16, middle}, ours, 9), ""},
		"slower with many accounts":        {slow(oneClient(false, 100_000), ours, 1.21), "p50 in process, from"},
		"slower with few accounts, forked": {slow(oneClient(true, 10), ours, 1.21), "p50 forked, from"},
		"nearly flat":                      {slow(oneClient(true, 10), ours, 1.19), ""},
		"a right code refused":             {misjudge(scenario{right, true, 64, middle}, ours), "right codes that we refused"},
		"a wrong code accepted":            {misjudge(scenario{wrong, true, 16, middle}, ours), "wrong codes that we accepted"},
		"a replayed code accepted":         {misjudge(scenario{replayed, false, 1, middle}, ours), "replayed codes that we accepted"},
		"others refuse a right code":       {misjudge(scenario{right, true, 64, middle}, oath), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := measured(fair)
			test.spoil(r)
			var missed []string
			for _, v := range judge(r) {
				if !v.met {
					missed = append(missed, v.demand)
				}
			}
			switch {
			case test.missed == "" && len(missed) > 0, len(missed) > 1:
				t.Errorf("missed: %q", missed)
			case test.missed != "" && (len(missed) == 0 || !strings.Contains(missed[0], test.missed)):
				t.Errorf("missed: %q, want %q", missed, test.missed)
			}
		})
	}
}

// What was not measured meets no demand.
func TestNothingMeasuredMeetsNothing(t *testing.T) {
	for _, v := range judge(results{}) {
		if v.met && v.wanted != "none" {
			t.Errorf("met without a measurement: %s", v.demand)
		}
	}
}

func someReport(took speeds) report {
	r := measured(took)
	return report{
		machine: machine{date: then, Processor: "a fast one", Cores: 2, memory: 4 << 30, Kernel: "6.1", Debian: "12.11", Compiler: "go1.26",
			Commit: "c0ffee", Rivals: "libpam-oath 2", Disk: "ext4", flush: 200 * us},
		results: r, verdicts: judge(r),
	}
}

// The page is whole, and says what was measured.
func TestPage(t *testing.T) {
	files, err := someReport(fair).files()
	if err != nil {
		t.Fatal(err)
	}
	text := files[page]
	for _, wanted := range []string{
		"14 November 2023", "a fast one, 2 cores", "4 GiB", "c0ffee", "10, 1,000 or 100,000\naccounts",
		"takes 500 µs; forked", "| in process | 1,000    | spse-totp            |", "0.83 times (500 to 600 µs)",
	} {
		if !strings.Contains(text, wanted) {
			t.Errorf("the page does not say %q", wanted)
		}
	}
	for _, picture := range regexp.MustCompile(`\]\((.*?)\)`).FindAllStringSubmatch(text, -1) {
		if files[picture[1]] == "" {
			t.Errorf("the page shows %s, which is not written", picture[1])
		}
	}
	for name, content := range files {
		for _, fault := range []string{"<no value>", "%!", "NaN", "Inf"} {
			if strings.Contains(content, fault) {
				t.Errorf("%s holds %q", name, fault)
			}
		}
	}
	if strings.Contains(text, "MISSED") {
		t.Error("a demand is called missed")
	}
	slow := someReport(speeds{permit: 90 * us, google: 600 * us, oath: 700 * us, ours: 601 * us})
	if files, err := slow.files(); err != nil || !strings.Contains(files[page], "MISSED") || slow.missed() == 0 {
		t.Errorf("a missed demand is not told of: %v", err)
	}
}

func TestTable(t *testing.T) {
	table := &table{left: 1, head: []string{"who", "µs"}}
	table.add("siti", "1,000")
	table.add("é", "9")
	const want = "" +
		"| who  |    µs |\n" +
		"|------|------:|\n" +
		"| siti | 1,000 |\n" +
		"| é    |     9 |\n"
	if got := table.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// A chart is XML, has a line for each contender in each panel, and all points
// within the panels, the faster the lower.
func TestChart(t *testing.T) {
	drawn := someReport(fair).accountsChart().svg()
	lines := 0
	heights := map[string]float64{}
	circle := regexp.MustCompile(`<circle cx="([\d.]+)" cy="([\d.]+)"[^>]*><title>([a-z_-]+):`)
	for _, found := range circle.FindAllStringSubmatch(drawn, -1) {
		x, y := must(strconv.ParseFloat(found[1], 64)), must(strconv.ParseFloat(found[2], 64))
		if x < marginLeft || x > marginLeft+2*panelWidth+gap || y < marginTop || y > marginTop+panelHeight {
			t.Errorf("a point outside: %s", found[0])
		}
		heights[found[3]] = y
	}
	if !(heights[permit] > heights[ours] && heights[ours] > heights[google] && heights[google] > heights[oath]) {
		t.Errorf("heights %v do not follow the speeds", heights)
	}
	for decoder := xml.NewDecoder(strings.NewReader(drawn)); ; {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if element, ok := token.(xml.StartElement); ok && element.Name.Local == "polyline" {
			lines++
		}
	}
	if lines != 2*len(names) {
		t.Errorf("%d lines, want %d", lines, 2*len(names))
	}
}

func TestAxes(t *testing.T) {
	tests := map[string]struct {
		values    []float64
		low, high float64
	}{
		"within a decade": {[]float64{300, 700}, 200, 1_000},
		"decades":         {[]float64{90, 60_000}, 50, 100_000},
		"on the steps":    {[]float64{100, 1_000}, 100, 1_000},
		"one":             {[]float64{300}, 200, 500},
		"gaps":            {[]float64{0, 300, 0}, 200, 500},
		"nothing":         {[]float64{0}, 1, 10},
	}
	for name, test := range tests {
		low, high := chart{panels: []panel{{lines: []line{{y: test.values}}}}}.range125()
		if fmt.Sprintf("%.3f %.3f", low, high) != fmt.Sprintf("%.3f %.3f", test.low, test.high) {
			t.Errorf("%s: %v to %v, want %v to %v", name, low, high, test.low, test.high)
		}
	}
}
