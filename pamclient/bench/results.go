package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// sample is what one round of one scenario gave for one contender.
type sample struct {
	took      []time.Duration // of each login, sorted
	misjudged int             // logins: right codes refused, or others accepted
	lasted    time.Duration   // from the first login's begin to the last one's end
	client    time.Duration   // CPU
	daemon    time.Duration   // CPU
	written   int64           // bytes, by clients and daemon
	resident  int64           // bytes of the daemon's memory, afterwards
}

func newSample(k kind, efforts []effort, used usage) sample {
	s := sample{
		daemon: used.after.cpu - used.before.cpu, written: used.after.written - used.before.written,
		resident: used.after.resident,
	}
	first, last := time.Duration(math.MaxInt64), time.Duration(0)
	for _, e := range efforts {
		s.client += e.cpu
		s.written += e.written
		for _, o := range e.outcomes {
			s.took = append(s.took, o.took)
			if o.accepted != (k == right) {
				s.misjudged++
			}
			first, last = min(first, o.began), max(last, o.began+o.took)
		}
	}
	if len(s.took) > 0 {
		s.lasted = last - first
	}
	slices.Sort(s.took)
	return s
}

// add adds a batch of the same round.
func (s *sample) add(batch sample) {
	s.took = append(s.took, batch.took...)
	slices.Sort(s.took)
	s.misjudged += batch.misjudged
	s.lasted += batch.lasted
	s.client += batch.client
	s.daemon += batch.daemon
	s.written += batch.written
	s.resident = max(s.resident, batch.resident)
}

func (s sample) p50() time.Duration { return percentile(s.took, 50) }

// rate is logins per second. One that was misjudged is none: who refuses a right
// code may be quick about it.
func (s sample) rate() float64 { return float64(len(s.took)-s.misjudged) / s.lasted.Seconds() }

// series is all rounds of one scenario for one contender.
type series []sample

// p50 and rate are medians over the rounds, each of which met the same machine
// as the other contenders' of that round.
func (s series) p50() time.Duration {
	return median(s, sample.p50)
}

func (s series) rate() float64 {
	return median(s, sample.rate)
}

func (s series) resident() int64 {
	return median(s, func(one sample) int64 { return one.resident })
}

// all is every login of all rounds, sorted.
func (s series) all() []time.Duration {
	var all []time.Duration
	for _, one := range s {
		all = append(all, one.took...)
	}
	slices.Sort(all)
	return all
}

func (s series) logins() int {
	return total(s, func(one sample) int { return len(one.took) })
}

func (s series) misjudged() int {
	return total(s, func(one sample) int { return one.misjudged })
}

// perLogin are the means of what a login costs.
func (s series) perLogin() (client, daemon time.Duration, written float64) {
	n := s.logins()
	client = total(s, func(one sample) time.Duration { return one.client }) / time.Duration(n)
	daemon = total(s, func(one sample) time.Duration { return one.daemon }) / time.Duration(n)
	return client, daemon, float64(total(s, func(one sample) int64 { return one.written })) / float64(n)
}

// results are the series by scenario and contender.
type results map[scenario]map[string]series

func (r results) add(s scenario, contender string, one sample) {
	if r[s] == nil {
		r[s] = map[string]series{}
	}
	r[s][contender] = append(r[s][contender], one)
}

// last tells of a scenario's newest round.
func (r results) last(s scenario) string {
	var said []string
	for _, name := range names {
		if all := r[s][name]; len(all) > 0 {
			said = append(said, fmt.Sprintf("%s %s µs", name, micros(all[len(all)-1].p50())))
		}
	}
	return strings.Join(said, ", ")
}

// count adds something up over all series of a contender with codes of a kind.
func (r results) count(contender string, k kind, of func(series) int) int {
	n := 0
	for s, all := range r {
		if s.kind == k {
			n += of(all[contender])
		}
	}
	return n
}

// quantity is what can be added up and put in order.
type quantity interface {
	~int | ~int64 | ~float64
}

func total[N quantity](s series, of func(sample) N) N {
	var sum N
	for _, one := range s {
		sum += of(one)
	}
	return sum
}

// median is the middle one, and of an even number the lower of the two.
func median[N quantity](s series, of func(sample) N) N {
	values := make([]N, len(s))
	for i, one := range s {
		values[i] = of(one)
	}
	slices.Sort(values)
	return percentile(values, 50)
}

// percentile is the smallest value that p percent of the sorted ones do not
// exceed, and zero of none.
func percentile[N quantity](sorted []N, p int) N {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}
