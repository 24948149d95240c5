package main

import (
	"slices"
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = i + 1
	}
	tests := map[string]struct {
		sorted []int
		p      int
		want   int
	}{
		"none":              {nil, 50, 0},
		"one":               {[]int{7}, 50, 7},
		"one, low":          {[]int{7}, 0, 7},
		"middle of three":   {[]int{1, 2, 9}, 50, 2},
		"middle of four":    {[]int{1, 2, 3, 9}, 50, 2},
		"p99 of a hundred":  {hundred, 99, 99},
		"p99 of ten":        {hundred[:10], 99, 10},
		"maximum":           {hundred, 100, 100},
		"median of hundred": {hundred, 50, 50},
	}
	for name, test := range tests {
		if got := percentile(test.sorted, test.p); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}

// ms are logins that took so many milliseconds.
func ms(took ...int) sample {
	s := sample{}
	for _, one := range took {
		s.took = append(s.took, time.Duration(one)*time.Millisecond)
		s.lasted += time.Duration(one) * time.Millisecond
	}
	slices.Sort(s.took)
	return s
}

// One slow round moves the maximum, and no median.
func TestSeriesTakeMediansOverRounds(t *testing.T) {
	s := series{ms(10, 10, 10), ms(900, 900, 900), ms(20, 12, 11)}
	if s.p50() != 12*time.Millisecond {
		t.Errorf("p50 %v", s.p50())
	}
	if want := 3 / 0.043; s.rate() < want-0.01 || s.rate() > want+0.01 {
		t.Errorf("rate %f, want %f", s.rate(), want)
	}
	if all := s.all(); len(all) != 9 || all[8] != 900*time.Millisecond || !slices.IsSorted(all) {
		t.Errorf("all logins: %v", all)
	}
}

func TestSampleOfEfforts(t *testing.T) {
	const second = time.Second
	efforts := []effort{
		{outcomes: []outcome{{began: 100 * second, took: 2 * second, accepted: true}, {began: 102 * second, took: 3 * second}}, cpu: second, written: 5},
		{outcomes: []outcome{{began: 101 * second, took: second, accepted: true}}, cpu: 2 * second, written: 6},
		{}, // began nothing in time
	}
	used := usage{before: reading{cpu: 10 * second, written: 100}, after: reading{cpu: 14 * second, written: 120, resident: 99}}
	got := newSample(right, efforts, used)
	if want := []time.Duration{second, 2 * second, 3 * second}; !slices.Equal(got.took, want) {
		t.Errorf("took %v, want %v", got.took, want)
	}
	if got.lasted != 5*second || got.client != 3*second || got.daemon != 4*second || got.written != 31 || got.resident != 99 {
		t.Errorf("%+v", got)
	}
	if got.misjudged != 1 || got.rate() != 2.0/5 {
		t.Errorf("right codes: %d misjudged, %f logins/s", got.misjudged, got.rate())
	}
	for _, k := range []kind{wrong, replayed} {
		if bad := newSample(k, efforts, used); bad.misjudged != 2 {
			t.Errorf("%s codes: %d misjudged, want the 2 that were accepted", k, bad.misjudged)
		}
	}
}

func TestBatchesAddUp(t *testing.T) {
	a := sample{took: ms(3, 1).took, misjudged: 1, lasted: 4, client: 1, daemon: 2, written: 3, resident: 9}
	a.add(sample{took: ms(2).took, misjudged: 2, lasted: 2, client: 10, daemon: 20, written: 30, resident: 8})
	if !slices.Equal(a.took, ms(1, 2, 3).took) || a.misjudged != 3 || a.lasted != 6 || a.client != 11 || a.daemon != 22 || a.written != 33 || a.resident != 9 {
		t.Errorf("%+v", a)
	}
	client, daemon, written := series{a, a}.perLogin()
	if client != 11/3 || daemon != 22/3 || written != 11 {
		t.Errorf("per login: client %d, daemon %d, written %f", client, daemon, written)
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1_000: "1,000", 100_000: "100,000", 1_234_567: "1,234,567", -100: "-100", -1_000: "-1,000"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is written %s, want %s", n, got, want)
		}
	}
}
