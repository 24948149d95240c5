package main

import (
	"fmt"
	"time"

	"spse-totp/totp"
)

// kind is what is typed.
type kind string

const (
	right    kind = "right"
	wrong    kind = "wrong"
	replayed kind = "replayed"
)

// login is one transaction: who, and what they type.
type login struct{ user, code string }

// planLasts is how long a plan's right codes stay right, whatever the moment at
// which it was made: the window goes one step back.
const planLasts = 30 * time.Second

var params = totp.DefaultParams()

// code is the member's now.
func (m member) code(now time.Time) (login, error) {
	code, err := totp.CodeAt(m.secret, params, params.StepAt(now))
	return login{m.name, code.Reveal()}, err
}

// rightCodes are two for each: of this step, and of the next. The second come
// after all of the first, in the order in which each account must see them.
// google-authenticator's rate limit lets three logins through in 30 s.
//
// Whoever has one code for two steps of those around is left out: which of them
// was meant nobody can tell.
func rightCodes(people []member, now time.Time) ([]login, error) {
	step := params.StepAt(now)
	var first, second []login
	for _, p := range people {
		codes, distinct, err := codesOf(p.secret, step-2, step+3)
		if err != nil {
			return nil, err
		}
		if distinct {
			first = append(first, login{p.name, codes[2]})
			second = append(second, login{p.name, codes[3]})
		}
	}
	return append(first, second...), nil
}

// wrongCodes are two for each, neither of them a code of a quarter of an hour on either side.
func wrongCodes(people []member, now time.Time) ([]login, error) {
	step := params.StepAt(now)
	var logins []login
	for _, p := range people {
		around, _, err := codesOf(p.secret, step-30, step+30)
		if err != nil {
			return nil, err
		}
		right := make(map[string]bool, len(around))
		for _, code := range around {
			right[code] = true
		}
		for guess, found := 0, 0; found < 2; guess++ {
			if code := fmt.Sprintf("%06d", guess); !right[code] {
				logins = append(logins, login{p.name, code})
				found++
			}
		}
	}
	return logins, nil
}

// twice has each login two times, the second times after all of the first.
func twice(logins []login) []login {
	return append(append([]login{}, logins...), logins...)
}

// codesOf are the codes of the steps from first to last, and whether they differ.
func codesOf(secret totp.Secret, first, last totp.Step) (codes []string, distinct bool, err error) {
	seen := map[string]bool{}
	for step := first; step <= last; step++ {
		code, err := totp.CodeAt(secret, params, step)
		if err != nil {
			return nil, false, err
		}
		codes = append(codes, code.Reveal())
		seen[code.Reveal()] = true
	}
	return codes, len(seen) == len(codes), nil
}

// deal gives each client its share. All of one account's are one client's, in
// their order: two at once would be another measurement.
func deal(logins []login, clients int) [][]login {
	shares := make([][]login, clients)
	whose := map[string]int{}
	for _, l := range logins {
		client, known := whose[l.user]
		if !known {
			client = len(whose) % clients
			whose[l.user] = client
		}
		shares[client] = append(shares[client], l)
	}
	return shares
}
