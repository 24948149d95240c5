package account

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// How often somebody is guarded by nothing but his own typing errors, computed and
// lived. 8 % can be of the codes that are typed, each of which may be wrong again,
// or of the logins, in which one code at most is; and an office works on five, six
// or seven days a week.

const (
	loginsADay = 20
	typosShare = 0.08
)

// errant is who logs in 20 times a day, and errs.
type errant struct {
	daysAWeek int
	errsOnce  bool // in a login
}

func (e errant) String() string {
	of := "codes"
	if e.errsOnce {
		of = "logins"
	}
	return fmt.Sprintf("20 logins on %d days a week, errors in 8 %% of the %s", e.daysAWeek, of)
}

// errors is the chance of so many in a login.
func (e errant) errors(n int) float64 {
	switch {
	case e.errsOnce && n > 1:
		return 0
	case e.errsOnce && n == 1:
		return typosShare
	}
	return (1 - typosShare) * math.Pow(typosShare, float64(n))
}

// inAMonth is how many logins follow in the month that an error at noon of that
// weekday begins.
func (e errant) inAMonth(weekday int) int {
	half := loginsADay / 2
	logins := half
	for day := 1; day < int(month/(24*time.Hour)); day++ {
		if (weekday+day)%7 < e.daysAWeek {
			logins += loginsADay
		}
	}
	if (weekday+int(month/(24*time.Hour)))%7 < e.daysAWeek {
		logins += half
	}
	return logins
}

// guarded is the share of logins that are guarded where limit errors in a month
// guard. A month begins with an error, the account is guarded from the limit to the
// month's end, and the next month begins with the next error.
func (e errant) guarded(limit int) (share float64) {
	for weekday := range e.daysAWeek {
		logins := e.inAMonth(weekday)
		tillNext := 1 / (1 - e.errors(0))
		share += e.guardedOf(logins, limit) / (float64(logins) + tillNext) / float64(e.daysAWeek)
	}
	return share
}

// guardedOf is how many of so many logins are guarded, of a month that began.
func (e errant) guardedOf(logins, limit int) (guarded float64) {
	const mostErrors = 20              // in a login: 8 % to that power is nothing
	chance := make([]float64, limit+1) // of so many errors so far, the last of as many or more
	more := func(before []float64) []float64 {
		after := make([]float64, limit+1)
		for n, p := range before {
			for k := range mostErrors {
				after[min(limit, n+k)] += p * e.errors(k)
			}
		}
		return after
	}
	chance[1] = 1
	if !e.errsOnce {
		chance = more(chance) // the first login may hold more of them
	}
	for range logins {
		guarded += chance[limit]
		chance = more(chance)
	}
	return guarded
}

// Who errs often is hardly ever asked for two codes: not on working days, however
// 8 % is read. With 20 logins on six or seven days a week his own errors come near
// 60 in 31 days, and the figures are what they are.
func TestYearsOfNobodyGuessing(t *testing.T) {
	const oneOf = 1000 // logins, in which the owner may be guarded
	for _, c := range []struct {
		errant
		met bool
	}{
		{errant{5, false}, true}, {errant{5, true}, true}, {errant{6, true}, true},
		{errant{6, false}, false}, {errant{7, false}, false}, {errant{7, true}, false},
	} {
		computed := c.guarded(guardedMonth)
		sum := lives(t, 8*365, 60, func(l *life) {
			l.logins, l.typos, l.daysAWeek, l.errsOnce = loginsADay, typosShare, c.daysAWeek, c.errsOnce
		})
		t.Logf("nobody guesses, %v: guarded in %.2g %% of the logins as computed; lived: %v", c.errant, 100*computed, sum)
		lived := float64(sum.guarded) / float64(sum.logins)
		if c.met && (computed >= 1.0/oneOf || lived >= 1.0/oneOf) {
			t.Errorf("%v: guarded in %.3g of the logins, as computed in %.3g: want fewer than 1 of %d", c.errant, lived, computed, oneOf)
		}
		// A guarded month is a few hundred logins at once, so that lives differ much.
		if lived > 2*computed+0.5/oneOf || lived < computed/2-0.5/oneOf {
			t.Errorf("%v: lived %.3g, computed %.3g", c.errant, lived, computed)
		}
		if sum.helpdesk > 0 {
			t.Errorf("%v: %d calls to the helpdesk", c.errant, sum.helpdesk)
		}
	}
}

// No number of errors in 31 days would spare who works on all seven days and keep a
// guesser's year within its bound.
func TestNoNumberInAMonthSparesSevenDays(t *testing.T) {
	const most, oneOf = 0.25e-2, 1000
	months := 1 + math.Ceil(year.Hours()/month.Hours())
	if chance := chanceOf(months * guardedMonth); chance > most {
		t.Errorf("a guesser's year is %.3g already", chance)
	}
	for _, e := range []errant{{7, false}, {7, true}} {
		limit := guardedMonth
		for e.guarded(limit) >= 1.0/oneOf {
			limit++
		}
		chance := chanceOf(months * float64(limit))
		t.Logf("%v: %d in 31 days would guard in fewer than 1 login of %d, and give a guesser %.3f %% a year", e, limit, oneOf, 100*chance)
		if chance <= most {
			t.Errorf("%v: %d in 31 days would do for both", e, limit)
		}
	}
}
