package main

import (
	"crypto/sha1"
	"fmt"
	"slices"
	"testing"
	"time"

	"spse-totp/totp"
)

// then is 20 s into a step.
var then = time.Unix(1_700_000_000, 0)

// someone has a secret that is always the same.
func someone(i int) member {
	raw := sha1.Sum(fmt.Appendf(nil, "budi%d", i))
	return member{name: fmt.Sprintf("budi%d", i), secret: must(totp.SecretFromBytes(raw[:]))}
}

func someones(n int) []member {
	all := make([]member, n)
	for i := range all {
		all[i] = someone(i)
	}
	return all
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Each has two codes, of two steps, the older first, and both stay right as long
// as the plan is said to last, also where a step ends just after.
func TestRightCodesStayRight(t *testing.T) {
	people := someones(300)
	for _, planned := range []time.Time{then, then.Add(9*time.Second + 999*time.Millisecond), then.Add(10 * time.Second)} {
		logins := must(rightCodes(people, planned))
		if len(logins) != 2*len(people) {
			t.Fatalf("%d logins of %d people", len(logins), len(people))
		}
		spent := map[string]totp.Step{}
		for _, l := range logins {
			p := people[slices.IndexFunc(people, named(l.user))]
			code := must(totp.ParseCode(totp.NewTyped(l.code), 6))
			step, early := totp.Match(p.secret, params, code, planned, 0, 1)
			again, late := totp.Match(p.secret, params, code, planned.Add(planLasts-time.Nanosecond), 0, 1)
			if !early || !late || step != again {
				t.Fatalf("%s: a code is right at first %t, at last %t", l.user, early, late)
			}
			if step <= spent[l.user] {
				t.Fatalf("%s: step %d after %d", l.user, step, spent[l.user])
			}
			spent[l.user] = step
		}
	}
}

// These were looked for among 150,000: two steps around then share a code.
func TestCodesOfTwoStepsAreLeftOut(t *testing.T) {
	for _, i := range []int{22026, 108405, 147930} {
		if logins := must(rightCodes([]member{someone(i), someone(1)}, then)); len(logins) != 2 || logins[0].user != "budi1" {
			t.Errorf("budi%d: planned %d logins, want those of the other one", i, len(logins))
		}
	}
}

func TestWrongCodesAreWrong(t *testing.T) {
	people := someones(200)
	logins := must(wrongCodes(people, then))
	seen := map[login]bool{}
	for i, l := range logins {
		code := must(totp.ParseCode(totp.NewTyped(l.code), 6))
		for _, after := range []time.Duration{0, planLasts} {
			if _, ok := totp.Match(people[i/2].secret, params, code, then.Add(after), 0, totp.MaxWindow); ok || l.user != people[i/2].name {
				t.Errorf("%s: a code that is right somewhere", l.user)
			}
		}
		seen[l] = true
	}
	if len(seen) != 2*len(people) {
		t.Errorf("%d different logins of %d people", len(seen), len(people))
	}
}

// Everything is dealt, nothing twice, an account's logins to one client in their
// order, and to no client more than its part.
func TestDeal(t *testing.T) {
	logins := must(rightCodes(someones(150), then))
	for _, clients := range []int{1, 4, 16, 64, 200} {
		whose, dealt, order := map[string]int{}, 0, map[string][]string{}
		for client, share := range deal(logins, clients) {
			if most := 2 * ((150 + clients - 1) / clients); len(share) > most {
				t.Errorf("%d clients: one has %d logins, want at most %d", clients, len(share), most)
			}
			for _, l := range share {
				if other, known := whose[l.user]; known && other != client {
					t.Errorf("%d clients: two of them log %s in", clients, l.user)
				}
				whose[l.user] = client
				order[l.user] = append(order[l.user], l.code)
				dealt++
			}
		}
		if dealt != len(logins) {
			t.Errorf("%d clients: %d of %d logins dealt", clients, dealt, len(logins))
		}
		for i, l := range logins[:150] {
			if !slices.Equal(order[l.user], []string{l.code, logins[150+i].code}) {
				t.Errorf("%d clients: %s has other codes, or in another order", clients, l.user)
			}
		}
	}
}

func TestTwice(t *testing.T) {
	a, b := login{"budi", "1"}, login{"siti", "2"}
	spent := []login{a, b}
	if got := twice(spent); !slices.Equal(got, []login{a, b, a, b}) || !slices.Equal(spent, []login{a, b}) {
		t.Errorf("twice gives %v", got)
	}
}
