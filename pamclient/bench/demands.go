package main

import (
	"fmt"
	"slices"
	"time"
)

// The demands on us, beside google-authenticator's safe setting in the same run.
// The check stays in: never loosen it.
const (
	mostOfRivalsTime = 1.0 // times its p50, one client
	leastOfItsRate   = 1.2 // times its logins/s, 16 clients, forked
	mostUnevenness   = 1.2 // times between the fastest and the slowest size

	// Printed, not demanded: an absolute time is the machine's as much as ours.
	targetDaemonCPU = 200 * time.Microsecond
)

// verdict is one demand, judged.
type verdict struct {
	demand   string
	wanted   string
	measured string
	met      bool
}

// judge says what came of each demand.
func judge(r results) []verdict {
	verdicts := []verdict{}
	for _, forked := range []bool{false, true} {
		verdicts = append(verdicts, notSlower(r, forked), flat(r, forked))
	}
	return append(verdicts, moreAtOnce(r),
		none("right codes that we refused", r.count(ours, right, series.misjudged)),
		none("wrong codes that we accepted", r.count(ours, wrong, series.misjudged)),
		none("replayed codes that we accepted", r.count(ours, replayed, series.misjudged)))
}

func notSlower(r results, forked bool) verdict {
	all := r[scenario{right, forked, 1, middle}]
	times := ratio(all[ours].p50(), all[google].p50())
	return verdict{
		demand:   fmt.Sprintf("p50 %s, beside google-authenticator's", how(forked)),
		wanted:   fmt.Sprintf("at most %.1f times", mostOfRivalsTime),
		measured: fmt.Sprintf("%.2f times (%s to %s µs)", times, micros(all[ours].p50()), micros(all[google].p50())),
		met:      times <= mostOfRivalsTime,
	}
}

func moreAtOnce(r results) verdict {
	all := r[scenario{right, true, 16, middle}]
	times := ratio(all[ours].rate(), all[google].rate())
	return verdict{
		demand:   "logins/s with 16 clients, forked, beside google-authenticator's",
		wanted:   fmt.Sprintf("at least %.1f times", leastOfItsRate),
		measured: fmt.Sprintf("%.2f times (%s to %s)", times, perSecond(all[ours].rate()), perSecond(all[google].rate())),
		met:      times >= leastOfItsRate,
	}
}

func flat(r results, forked bool) verdict {
	var p50s []time.Duration
	said := ""
	for _, size := range sizes {
		p50 := r[scenario{right, forked, 1, size}][ours].p50()
		p50s = append(p50s, p50)
		said += ", " + micros(p50)
	}
	times := ratio(slices.Max(p50s), slices.Min(p50s))
	return verdict{
		demand: fmt.Sprintf("p50 %s, from %s to %s accounts", how(forked), thousands(slices.Min(sizes)), thousands(slices.Max(sizes))),
		wanted: fmt.Sprintf("within %.1f times", mostUnevenness), measured: fmt.Sprintf("%.2f times (%s µs)", times, said[2:]),
		met: times <= mostUnevenness,
	}
}

func none(what string, n int) verdict {
	return verdict{demand: what, wanted: "none", measured: thousands(n), met: n == 0}
}

// ratio is NaN where nothing was measured, which meets no demand.
func ratio[N quantity](a, b N) float64 { return float64(a) / float64(b) }
