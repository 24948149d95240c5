package account

import (
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"spse-totp/totp"
)

// What a guesser can hope for, computed from the constants that ship. A try is
// one code of all that there are; that some belong to two steps is left out,
// which is in the guesser's favour.

// long makes the searches as wide as they should be once in a while.
var long = os.Getenv("SPSE_TOTP_LONG") == "1"

const (
	year = 365 * 24 * time.Hour

	// lettingIn is how many codes let in by themselves at a time.
	lettingIn = 2*window + 1
	// pairing is how many codes let in after a noted one: of the next step, and of
	// the one after it.
	pairing = 2
	// nearby is how many codes are of steps that are looked at; a drift moves the
	// window beyond the rest by one step.
	nearby = 2*farthest + 1 + window
)

// codes is how many codes there are.
var codes = math.Pow10(totp.DefaultParams().Digits)

// chanceOf is the chance of at least one success in so many tries that count as
// failures where they fail. Tries that neither count nor let in are free: they
// are repeated till one does.
func chanceOf(tries float64) float64 {
	each := lettingIn / (codes - (nearby - lettingIn))
	return -math.Expm1(tries * math.Log1p(-each))
}

func TestAGuessersBestChance(t *testing.T) {
	seconds := year.Seconds()
	// The counted months of a year cannot overlap: one that began before it, of
	// which all failures come now, and each that begins in it.
	months := 1 + math.Ceil(year.Hours()/month.Hours())
	noteAndNext := lettingIn / codes * pairing / codes
	for _, c := range []struct {
		what    string
		chance  float64
		atMost  float64
		because string
	}{
		{"between two logins of the owner", chanceOf(guardedRun) + 24*3600*noteAndNext, 0.0031e-2,
			fmt.Sprintf("%d tries, and pairs at one try a second for a day", guardedRun)},
		{"in a year, by single codes", chanceOf(months * guardedMonth), 0.25e-2,
			fmt.Sprintf("%.0f tries in %.0f months", months*guardedMonth, months)},
		{"in a year, by pairs, for each try a second", seconds * noteAndNext, 0.02e-2,
			fmt.Sprintf("%.3g for each try", noteAndNext)},
		{"in a year, by long codes, for each try a second", seconds * longCodeChance(t), 1e-12,
			"nobody guesses one, so that nothing counts them"},
		{"for each code of the owner's from the guesser's own address, while guarded", pairing / codes, 2e-6, "the first wrong one ends the note"},
	} {
		t.Logf("%s: %.2g, or %.4f %% (%s)", c.what, c.chance, 100*c.chance, c.because)
		if c.chance > c.atMost {
			t.Errorf("%s: a chance of %.3g, want at most %.3g", c.what, c.chance, c.atMost)
		}
	}
}

// longCodeChance is the chance of one try of whichever kind is guessed most
// easily.
func longCodeChance(t *testing.T) float64 {
	t.Helper()
	of := func(kind totp.Kind) float64 {
		code, err := totp.NewLongCode(kind)
		if err != nil {
			t.Fatal(err)
		}
		return math.Pow(2, -5*float64(len(code.Reveal())))
	}
	return max(RecoveryCodes*of(totp.Recovery), of(totp.Issued))
}

// What one try can do, asked of every code of a step that is near, and of others
// that must all be wrong: as many let in, and as many are noted, as the figures
// above say.
func TestWhatOneTryCanDo(t *testing.T) {
	o := offer(t, "old")
	active := activated(t)
	noted := func(a Account, off int) Account {
		a, outcome := Attempt(a, Try{Typed: codeOf(t, o, noon, off), Source: office, Now: noon}, Limits{})
		if outcome.Reason != Noted {
			t.Fatalf("the code %d steps off: %v", off, outcome.Reason)
		}
		return a
	}
	guarded := wrongs(active, guardedRun, abroad, noon.Add(-time.Minute))
	for name, c := range map[string]struct {
		a                      Account
		from                   Source
		lettingIn, noted, used int
	}{
		"not guarded":                   {active, office, lettingIn, 2*farthest + 1 - lettingIn, 0},
		"guarded":                       {guarded, office, 0, lettingIn, 0},
		"guarded, after a note":         {noted(guarded, -1), office, pairing, 0, farthest},
		"guarded, another's note":       {noted(guarded, -1), abroad, 0, lettingIn - 1, farthest},
		"not guarded, after a far note": {noted(active, -15), office, lettingIn + pairing, 2*farthest + 1 - lettingIn - pairing - 6, 6},
	} {
		t.Run(name, func(t *testing.T) {
			count := map[Reason]int{}
			for _, typed := range everyCode(t, o) {
				_, outcome := Attempt(c.a, Try{Typed: totp.NewTyped(typed), Source: c.from, Now: noon}, Limits{})
				count[outcome.Reason]++
			}
			if in := count[Accepted] + count[AcceptedPair]; in != c.lettingIn || count[Noted] != c.noted || count[Replayed] != c.used {
				t.Errorf("%d let in, %d are noted, %d are used: want %d, %d, %d", in, count[Noted], count[Replayed], c.lettingIn, c.noted, c.used)
			}
		})
	}
}

// everyCode is the codes near noon and a sample of all others, a larger one in a
// long run.
func everyCode(t *testing.T, o Offer) []string {
	t.Helper()
	seen := map[string]bool{}
	var all []string
	add := func(code string) {
		if !seen[code] {
			seen[code] = true
			all = append(all, code)
		}
	}
	for off := -farthest - 2; off <= farthest+2; off++ {
		add(codeOf(t, o, noon, off).Reveal())
	}
	stride := 4999
	if long {
		stride = 199
	}
	for n := 0; n < int(codes); n += stride {
		add(fmt.Sprintf("%0*d", o.Params.Digits, n))
	}
	return all
}

// A guesser and an owner who help each other as well as they can get no more
// tries in a year than the figures above grant: the guesser saves the tries of a
// month for its end, and the owner logs in before a run is full.
func TestTriesOfAYear(t *testing.T) {
	a := activated(t)
	var tries []time.Time
	now := noon
	guess := func() {
		if a.Guarded(now) {
			t.Fatal("guarded before the month is full")
		}
		a = wrongs(a, 1, abroad, now)
		tries = append(tries, now)
		if a.Failures.Run == guardedRun-1 {
			a.Failures.Run = 0 // as any accepted code does
		}
	}
	guess()
	now = now.Add(month - time.Second)
	for range 15 {
		for !a.Guarded(now) {
			guess()
		}
		now = a.Failures.MonthStart.Add(month)
	}
	most := 0
	for first := range tries {
		n := 0
		for _, at := range tries[first:] {
			if at.Sub(tries[first]) < year {
				n++
			}
		}
		most = max(most, n)
	}
	granted := (1 + int(math.Ceil(year.Hours()/month.Hours()))) * guardedMonth
	if most > granted || most < granted-1 {
		t.Errorf("%d tries in a year while not guarded, the figures say %d", most, granted)
	}
}
