package main

import (
	"fmt"
	"slices"
	"strings"

	"spse-totp/totp"
)

// sizes are the numbers of accounts in each store.
var sizes = []int{10, 1_000, 100_000}

// people is how many of them log in. They stand in /etc/passwd, which libc reads
// from its beginning: with all accounts in it, libc would be measured.
const people = 400

// member is one account.
type member struct {
	name   string
	secret totp.Secret
}

// crowd is the accounts of one size.
type crowd struct {
	size    int
	members []member // sorted by name, as each store holds them
	people  []member // of them, those who log in; in the order of /etc/passwd
	warmer  member   // one more account, whose logins are not measured
}

// recruit draws the largest crowd, whose first accounts make up the others.
func recruit() (all []member, warmer member, err error) {
	all = make([]member, slices.Max(sizes))
	for i := range all {
		all[i].name = nameOf(i)
		if all[i].secret, err = totp.NewSecret(); err != nil {
			return nil, member{}, err
		}
	}
	warmer.name = "siti"
	warmer.secret, err = totp.NewSecret()
	return all, warmer, err
}

// nameOf scatters the numbers, so that neighbours in /etc/passwd are none in a
// store.
func nameOf(i int) string {
	const golden = 2654435761 // odd, so no two names are one; Knuth, TAOCP 3, §6.4
	return fmt.Sprintf("budi-%08x", uint32(i*golden))
}

// gather is the crowd of that size. A small one's people are spread over all of
// /etc/passwd, so that libc looks as long for them as for those of a large one.
func gather(all []member, warmer member, size int) crowd {
	c := crowd{size: size, people: spread(all[:min(people, len(all))], size), warmer: warmer}
	if size < people {
		c.members = slices.Clone(c.people)
	} else {
		c.members = slices.Clone(all[:size])
	}
	c.members = append(c.members, warmer)
	slices.SortFunc(c.members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	return c
}

// spread takes n of them at equal distances, or all where there are no more.
func spread(from []member, n int) []member {
	n = min(n, len(from))
	some := make([]member, n)
	for i := range some {
		some[i] = from[(2*i+1)*len(from)/(2*n)] // the middle of the i-th of n parts
	}
	return some
}
