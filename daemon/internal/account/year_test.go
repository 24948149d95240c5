package account

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"spse-totp/totp"
)

// A year of an account, by an injected clock: an owner who logs in and errs, and
// somebody who has the password and types a code each second.
//
// A year of that is 31.5 million attempts. Nearly all are codes of no step that
// is looked at, and wrong in one and the same way: these are not typed but
// counted, by wrongs. The others, 41 in a million, come at random as they would,
// and are typed. TestWhatIsCountedIsWhatIsTyped compares the two.

// wrongs is so many wrong codes from one source, one a second from now on: what
// Attempt makes of codes that are of no step near by.
func wrongs(a Account, n int, source Source, now time.Time) Account {
	for n > 0 {
		a, _ = a.fail(Try{Source: source, Now: now}) // which opens the row, and the month where one is over
		left := int(a.Failures.MonthStart.Add(month).Sub(now)/time.Second) - 1
		more := min(n-1, left)
		a.Failures.Run += uint32(more)
		a.Failures.Month += uint32(more)
		row := slices.IndexFunc(a.Refusals, func(r Refusal) bool { return r.Reason == Wrong && r.Source == source })
		a.Refusals[row].Count += uint32(more)
		a.Refusals[row].Last = now.Add(time.Duration(more) * time.Second)
		n, now = n-1-more, now.Add(time.Duration(more+1)*time.Second)
	}
	return a
}

const (
	// patience is how many refusals an owner takes before looking for the
	// recovery codes.
	patience = 6
	// fewCodes is of how many recovery codes an owner makes new ones, as urged, in
	// the evening.
	fewCodes = 3
	// nearTries is how many steps a guesser's code can be of, of all codes.
	nearTries = 2*farthest + 1
)

// life is an account, its owner and its guesser. All times are whole seconds.
type life struct {
	t      *testing.T
	a      Account
	phone  Offer
	kept   []totp.LongCode // recovery codes, the used ones taken off
	chance *rand.Rand
	now    time.Time

	logins    int           // a day
	daysAWeek int           // on which the owner logs in
	typos     float64       // of the owner's codes
	errsOnce  bool          // in a login: of its first code alone
	clockOff  time.Duration // of the phone

	guesser Source  // "" for none
	near    float64 // chance that a guess is of a step near by
	typed   *typist // where each wrong code is typed; nil where it is counted

	guessed time.Time // up to when, and this second's guess too
	nextHit time.Time // the next guess of a step near by

	sum tally
}

// tally is what became of a life.
type tally struct {
	logins, codes, guarded, recovery, helpdesk int

	exposed int // codes of the owner's that were noted, each the first half of a pair
	broken  int // guesses that let in
}

func newLife(t *testing.T, seed uint64) *life {
	t.Helper()
	a, recovery := withRecovery(t, activated(t), noon)
	l := &life{
		t: t, a: a, phone: Offer{Secret: a.Phone.Secret, Params: a.Phone.Params}, kept: recovery,
		chance: rand.New(rand.NewPCG(seed, 6)), now: noon, guessed: noon,
		daysAWeek: 7, near: nearTries / codes,
	}
	l.clockOff = time.Duration(l.chance.IntN(31)-15) * time.Second
	return l
}

// attack puts a guesser there, who begins at once.
func (l *life) attack(from Source) {
	l.guesser = from
	l.drawHit()
}

// drawHit draws after how many guesses one is of a step near by: each is with the
// same chance, so that the wait is geometric.
func (l *life) drawHit() {
	wait := 1 + math.Floor(math.Log1p(-l.chance.Float64())/math.Log1p(-l.near))
	l.nextHit = l.guessed.Add(time.Duration(wait) * time.Second)
}

// pass lets time pass, in which the guesser types a code each second.
func (l *life) pass(d time.Duration) {
	l.now = l.now.Add(d)
	if l.guesser == "" {
		return
	}
	for !l.nextHit.After(l.now) {
		l.wrong(int(l.nextHit.Sub(l.guessed)/time.Second)-1, l.guesser, l.guessed.Add(time.Second))
		l.guessed = l.nextHit
		off := l.chance.IntN(nearTries) - farthest
		if l.try(codeOf(l.t, l.phone, l.guessed, off), l.guesser, l.guessed).Accepted {
			l.sum.broken++
		}
		l.drawHit()
	}
	l.wrong(int(l.now.Sub(l.guessed)/time.Second), l.guesser, l.guessed.Add(time.Second))
	l.guessed = l.now
}

func (l *life) try(typed totp.Typed, from Source, now time.Time) Outcome {
	var outcome Outcome
	l.a, outcome = Attempt(l.a, Try{Typed: typed, Source: from, Now: now, Login: true}, Limits{})
	return outcome
}

// wrong is wrong codes, one a second.
func (l *life) wrong(n int, from Source, now time.Time) {
	if l.typed == nil {
		l.a = wrongs(l.a, n, from, now)
		return
	}
	for i := range n {
		now := now.Add(time.Duration(i) * time.Second)
		if outcome := l.try(l.typed.wrong(l, now), from, now); outcome.Reason != Wrong {
			l.t.Fatalf("a wrong code: %v", outcome.Reason)
		}
	}
}

// live is so many days.
func (l *life) live(days int) {
	for day := range days {
		begins := noon.Add(time.Duration(day) * 24 * time.Hour)
		if day%7 >= l.daysAWeek {
			continue
		}
		var hours []int // of the logins, in seconds
		for range l.logins {
			hours = append(hours, l.chance.IntN(24*3600))
		}
		slices.Sort(hours)
		for _, at := range hours {
			// who is late because the login before took long logs in now
			l.pass(max(0, begins.Add(time.Duration(at)*time.Second).Sub(l.now)))
			l.login()
		}
		if len(l.kept) < fewCodes {
			l.a, l.kept = withRecovery(l.t, l.a, l.now)
		}
	}
}

// login is one, however long it takes: code after code, each a new one of the
// phone, and in the end a recovery code.
func (l *life) login() {
	l.sum.logins++
	if l.a.Guarded(l.now) {
		l.sum.guarded++
	}
	for n := range patience {
		l.sum.codes++
		if l.typeCode(n == 0 || !l.errsOnce) {
			return
		}
		l.awaitNextCode()
	}
	if len(l.kept) == 0 {
		l.sum.helpdesk++ // who helps, and the owner makes new recovery codes
		l.a, l.kept = withRecovery(l.t, l.a, l.now)
	}
	l.sum.recovery++
	if outcome := l.try(totp.NewTyped(l.kept[0].Grouped()), office, l.now); !outcome.Accepted {
		l.t.Fatalf("a recovery code: %v", outcome.Reason)
	}
	l.kept = l.kept[1:]
}

// typeCode types what the phone shows, or errs.
func (l *life) typeCode(mayErr bool) (in bool) {
	if mayErr && l.chance.Float64() < l.typos {
		l.wrong(1, office, l.now)
		return false
	}
	outcome := l.try(codeOf(l.t, l.phone, l.now.Add(l.clockOff), 0), office, l.now)
	if outcome.Reason == Noted {
		l.sum.exposed++
	}
	return outcome.Accepted
}

// awaitNextCode is till the phone shows another one, and that was read and typed.
func (l *life) awaitNextCode() {
	period := l.phone.Params.Period
	shown := l.now.Add(l.clockOff)
	next := shown.Truncate(period).Add(period)
	l.pass(next.Sub(shown) + time.Duration(5+l.chance.IntN(15))*time.Second)
}

func (s tally) String() string {
	return fmt.Sprintf("%d logins, %.3f codes a login, %d guarded, %d by a recovery code, %d calls to the helpdesk",
		s.logins, float64(s.codes)/float64(s.logins), s.guarded, s.recovery, s.helpdesk)
}

func (s *tally) add(other tally) {
	s.logins += other.logins
	s.codes += other.codes
	s.guarded += other.guarded
	s.recovery += other.recovery
	s.helpdesk += other.helpdesk
	s.exposed += other.exposed
	s.broken += other.broken
}

// lives lives so many days or, in a long run, so many years, each for itself.
func lives(t *testing.T, days, years int, with func(*life)) (sum tally) {
	t.Helper()
	count := 1
	if long {
		count, days = years, 365
	}
	for seed := range count {
		l := newLife(t, uint64(seed))
		with(l)
		l.live(days)
		sum.add(l.sum)
	}
	return sum
}

// Somebody elsewhere who has the password and guesses all year makes the owner
// type two codes in a row, and no more.
func TestAYearOfGuessesFromElsewhere(t *testing.T) {
	const mostCodes = 2.2
	for _, c := range []struct{ logins, days, years int }{{1, 730, 20}, {5, 200, 5}, {20, 100, 3}} {
		sum := lives(t, c.days, c.years, func(l *life) {
			l.logins, l.typos = c.logins, 0.05
			l.attack(abroad)
		})
		t.Logf("a guess a second, %d logins a day, 5 %% typos: %v; the guesser got in %d times", c.logins, sum, sum.broken)
		if sum.helpdesk > 0 {
			t.Errorf("%d logins a day: %d calls to the helpdesk", c.logins, sum.helpdesk)
		}
		if mean := float64(sum.codes) / float64(sum.logins); mean > mostCodes {
			t.Errorf("%d logins a day: %.3f codes a login, want at most %.1f", c.logins, mean, mostCodes)
		}
		if sum.guarded < sum.logins*9/10 {
			t.Errorf("%d logins a day: guarded in %d of %d, so what was tested?", c.logins, sum.guarded, sum.logins)
		}
	}
}

// At the owner's own address the guesser spoils the pairs: there a recovery code
// lets in, and a changed password ends it. The threat model says so.
func TestAYearOfGuessesFromTheOwnersAddress(t *testing.T) {
	for _, logins := range []int{1, 5, 20} {
		sum := lives(t, 100/logins, 1, func(l *life) {
			l.logins, l.typos = logins, 0.05
			l.attack(office)
		})
		t.Logf("a guess a second at the owner's address, %d logins a day: %v; each login gives the guesser a chance of %.2g",
			logins, sum, float64(sum.exposed)/float64(sum.logins)*pairing/codes)
		if sum.recovery < sum.logins*9/10 {
			t.Errorf("%d of %d logins by a recovery code: the pairs were not spoilt", sum.recovery, sum.logins)
		}
	}
}

// typist types the wrong codes that are counted elsewhere: any code that is of no
// step near by.
type typist struct {
	chance *rand.Rand
	of     map[totp.Step]string
}

func (w *typist) wrong(l *life, now time.Time) totp.Typed {
	const around = farthest + window + 1 // no drift of these phones moves the window farther
	near := map[string]bool{}
	for off := -around; off <= around; off++ {
		step := l.phone.Params.StepAt(now) + totp.Step(off)
		if _, ok := w.of[step]; !ok {
			w.of[step] = codeOf(l.t, l.phone, now, off).Reveal()
		}
		near[w.of[step]] = true
	}
	for {
		if code := fmt.Sprintf("%0*d", l.phone.Params.Digits, w.chance.IntN(int(codes))); !near[code] {
			return totp.NewTyped(code)
		}
	}
}

// A life in which each wrong code is typed leaves the same record, to the byte, as
// one in which they are counted; with many more guesses of steps near by than
// chance would bring, over the end of a month, and with a guesser at either place.
func TestWhatIsCountedIsWhatIsTyped(t *testing.T) {
	minutes := 10
	if long {
		minutes = 3 * 60
	}
	for _, from := range []Source{abroad, office} {
		counted := newLife(t, 1)
		counted.a.Failures = Failures{Run: 3, Month: 7, MonthStart: noon.Add(-month + 4*time.Minute)}
		counted.near, counted.typos = 0.02, 0.2
		counted.attack(from)
		typed := newLife(t, 1)
		typed.a, typed.phone, typed.kept = counted.a, counted.phone, counted.kept
		typed.near, typed.typos = counted.near, counted.typos
		typed.attack(from)
		typed.typed = &typist{chance: rand.New(rand.NewPCG(2, 6)), of: map[totp.Step]string{}}
		for minute := range minutes {
			for _, l := range []*life{counted, typed} {
				l.pass(time.Minute)
				if minute%5 == 4 {
					l.login()
				}
			}
			if a, b := recordOf(t, counted.a), recordOf(t, typed.a); !bytes.Equal(a, b) {
				t.Fatalf("guesses %q, minute %d: counted %+v, typed %+v", from, minute, counted.a, typed.a)
			}
			if len(counted.kept) < fewCodes { // of which each life would draw its own
				counted.a, counted.kept = withRecovery(t, counted.a, counted.now)
				typed.a.Recovery, typed.a.Happened, typed.kept = counted.a.Recovery, counted.a.Happened, counted.kept
			}
		}
		if counted.sum != typed.sum || counted.sum.logins == 0 || counted.a.Failures.Month == 0 {
			t.Errorf("guesses %q: counted %+v, typed %+v", from, counted.sum, typed.sum)
		}
	}
}

func recordOf(t *testing.T, a Account) []byte {
	t.Helper()
	b, err := a.MarshalRecord()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
