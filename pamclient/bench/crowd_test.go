package main

import (
	"slices"
	"testing"
)

func named(name string) func(member) bool {
	return func(m member) bool { return m.name == name }
}

func TestCrowds(t *testing.T) {
	all := make([]member, 5_000)
	for i := range all {
		all[i].name = nameOf(i)
	}
	warmer := member{name: "siti"}
	for _, size := range []int{10, people, 1_000, len(all)} {
		c := gather(all, warmer, size)
		names := make([]string, len(c.members))
		for i, m := range c.members {
			names[i] = m.name
		}
		if len(names) != size+1 || !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != size+1 {
			t.Errorf("%d accounts: %d names, sorted %t", size, len(names), slices.IsSorted(names))
		}
		if want := min(size, people); len(c.people) != want {
			t.Errorf("%d accounts: %d people, want %d", size, len(c.people), want)
		}
		for _, p := range append(slices.Clone(c.people), warmer) {
			if !slices.Contains(names, p.name) {
				t.Errorf("%d accounts: %s logs in and has none", size, p.name)
			}
			if p.name != warmer.name && !slices.ContainsFunc(all[:people], named(p.name)) {
				t.Errorf("%d accounts: %s is not in /etc/passwd", size, p.name)
			}
		}
	}
}

// libc reads /etc/passwd from its beginning: where people stand must not depend
// on how many they are.
func TestSpread(t *testing.T) {
	from := make([]member, 400)
	for i := range from {
		from[i].name = nameOf(i)
	}
	for _, n := range []int{1, 10, 100, 399, 400, 500} {
		some := spread(from, n)
		if len(some) != min(n, len(from)) {
			t.Fatalf("%d of %d, want %d", len(some), len(from), n)
		}
		sum, last := 0, -1
		for _, m := range some {
			at := slices.IndexFunc(from, named(m.name))
			if at <= last {
				t.Fatalf("%d of %d: number %d after %d", n, len(from), at, last)
			}
			sum, last = sum+at, at
		}
		if mean := float64(sum) / float64(len(some)); mean < 198 || mean > 201 {
			t.Errorf("%d of %d stand at %.1f in the mean", n, len(from), mean)
		}
	}
}

func TestNamesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for i := range slices.Max(sizes) {
		seen[nameOf(i)] = true
	}
	if len(seen) != slices.Max(sizes) {
		t.Errorf("%d names for %d accounts", len(seen), slices.Max(sizes))
	}
}
