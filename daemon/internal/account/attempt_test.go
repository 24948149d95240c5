package account

import (
	"slices"
	"testing"
	"time"

	"spse-totp/totp"
)

var noon = time.Unix(1.79e9, 0).UTC()

const (
	office = Source("sshd 192.0.2.1")
	abroad = Source("sshd 203.0.113.9")
	root   = Source("control uid 0")
)

// activated is an account whose phone runs with the host's clock; its
// activation is long past.
func activated(t *testing.T) Account {
	t.Helper()
	o := offer(t, "old")
	then := noon.Add(-24 * time.Hour)
	a, outcome := Confirm(Account{}, o, []totp.Typed{codeOf(t, o, then, 0)}, Try{Now: then}, 1)
	if !outcome.Accepted {
		t.Fatalf("activation: %v", outcome.Reason)
	}
	a.Version = 1
	return a
}

func codeOf(t *testing.T, o Offer, now time.Time, off int) totp.Typed {
	t.Helper()
	c, err := totp.CodeAt(o.Secret, o.Params, o.Params.StepAt(now)+totp.Step(off))
	if err != nil {
		t.Fatal(err)
	}
	return totp.NewTyped(c.Reveal())
}

// entry is one thing typed: the code `off` steps from noon+after, or text.
type entry struct {
	from  Source
	after time.Duration
	off   int
	text  string
	want  Reason
}

func TestAttempts(t *testing.T) {
	guessed := func(n int) (entries []entry) {
		for range n {
			entries = append(entries, entry{abroad, 0, 500, "", Wrong})
		}
		return entries
	}
	step := 30 * time.Second
	for name, entries := range map[string][]entry{
		"one code":               {{office, 0, 0, "", Accepted}},
		"the code before":        {{office, 0, -1, "", Accepted}},
		"the code after":         {{office, 0, 1, "", Accepted}},
		"two steps off is noted": {{office, 0, -2, "", Noted}},
		"a code works once":      {{office, 0, 0, "", Accepted}, {office, 0, 0, "", Replayed}, {abroad, step, -1, "", Replayed}},
		"never an older one":     {{office, 0, 0, "", Accepted}, {office, 0, -1, "", Replayed}},
		"spelled with spaces":    {{office, 0, 0, " 123 456 ", Wrong}, {office, 0, 0, "123456\n", Malformed}},
		"too far is wrong":       {{office, 0, 21, "", Wrong}},
		"slow phone, two in a row": {
			{office, 0, -8, "", Noted}, {office, step, -8, "", AcceptedPair}, {office, 2 * step, -8, "", Accepted},
		},
		"one missed between":         {{office, 0, -8, "", Noted}, {office, 2 * step, -8, "", AcceptedPair}},
		"two missed between":         {{office, 0, -8, "", Noted}, {office, 3 * step, -8, "", Noted}, {office, 4 * step, -8, "", AcceptedPair}},
		"a pair from two sources":    {{office, 0, -8, "", Noted}, {abroad, step, -8, "", Noted}},
		"a wrong one between":        {{office, 0, -8, "", Noted}, {office, 0, 0, "000000", Wrong}, {office, step, -8, "", Noted}},
		"somebody else's between":    {{office, 0, -8, "", Noted}, {abroad, 0, 0, "000000", Wrong}, {office, step, -8, "", AcceptedPair}},
		"a typo in shape between":    {{office, 0, -8, "", Noted}, {office, 0, 0, "12345", Malformed}, {office, step, -8, "", AcceptedPair}},
		"a replay between":           {{office, 0, -8, "", Noted}, {office, 0, -8, "", Replayed}, {office, step, -8, "", AcceptedPair}},
		"both of a pair are burnt":   {{office, 0, -8, "", Noted}, {office, step, -8, "", AcceptedPair}, {office, step, -8, "", Replayed}, {office, step, -9, "", Replayed}},
		"a spoilt note is not had":   {{office, 0, -8, "", Noted}, {office, 0, 0, "000000", Wrong}, {office, 0, -8, "", Replayed}},
		"a note gone stale":          {{office, 0, -8, "", Noted}, {office, 15 * time.Minute, -37, "", Wrong}},
		"an old note, still near":    {{office, 0, -8, "", Noted}, {office, 5 * time.Minute, -17, "", AcceptedPair}},
		"nine guesses do not guard":  append(guessed(9), entry{office, 0, 0, "", Accepted}),
		"guarded takes two in a row": append(guessed(10), entry{office, 0, 0, "", Noted}, entry{office, step, 0, "", AcceptedPair}),
		"guarded, a guess between":   append(guessed(10), entry{office, 0, 0, "", Noted}, entry{abroad, 0, 500, "", Wrong}, entry{office, step, 0, "", AcceptedPair}),
		"guarded, off the window":    append(guessed(10), entry{office, 0, -8, "", Wrong}),
		"after a pair one is enough": append(guessed(10), entry{office, 0, 0, "", Noted}, entry{office, step, 0, "", AcceptedPair}, entry{office, 2 * step, 0, "", Accepted}),
		"sixty in a month guard":     sixtyInAMonth(),
		"what is no code counts not": {{office, 0, 0, "hunter2", Malformed}, {office, 0, 0, "+12345", Malformed}},
	} {
		t.Run(name, func(t *testing.T) {
			a := activated(t)
			o := Offer{Secret: a.Phone.Secret, Params: a.Phone.Params}
			for i, e := range entries {
				now := noon.Add(e.after)
				typed := totp.NewTyped(e.text)
				if e.text == "" {
					typed = codeOf(t, o, now, e.off)
				}
				var outcome Outcome
				a, outcome = Attempt(a, Try{Typed: typed, Source: e.from, Now: now}, Limits{})
				if outcome.Reason != e.want {
					t.Fatalf("entry %d: %v, want %v", i, outcome.Reason, e.want)
				}
			}
		})
	}
}

// sixtyInAMonth is a guesser who lets the owner in between, so that the run
// never grows.
func sixtyInAMonth() (entries []entry) {
	hour := time.Hour
	for i := range 12 {
		for range 5 {
			entries = append(entries, entry{abroad, time.Duration(i) * hour, 500, "", Wrong})
		}
		want := Accepted
		if i == 11 {
			want = Noted
		}
		entries = append(entries, entry{office, time.Duration(i) * hour, 0, "", want})
	}
	return append(entries, entry{office, 40 * 24 * hour, 0, "", Accepted})
}

func TestWithheldIsRecordedAndCountsNowhere(t *testing.T) {
	a, outcome := Attempt(activated(t), Try{Withheld: true, Source: office, Now: noon}, Limits{})
	if outcome.Reason != Withheld || a.Failures.Run != 0 || len(a.Refusals) != 1 {
		t.Errorf("%v, run %d, %d rows", outcome.Reason, a.Failures.Run, len(a.Refusals))
	}
}

// The eight rows keep the newest of each reason and source.
func TestRefusalRows(t *testing.T) {
	a := activated(t)
	for i := range 12 {
		source := LoginSource("sshd", "192.0.2."+string(rune('0'+i%10)), "")
		for range i + 1 {
			a, _ = Attempt(a, Try{Typed: totp.NewTyped("hunter2"), Source: source, Now: noon.Add(time.Duration(i) * time.Minute)}, Limits{})
		}
	}
	if len(a.Refusals) != maxRefusals {
		t.Fatalf("%d rows", len(a.Refusals))
	}
	for _, row := range a.Refusals {
		if row.Last.Before(noon.Add(4 * time.Minute)) {
			t.Errorf("an old row was kept: %+v", row)
		}
	}
}

// Whether a refusal is over is told by what came first, whatever the clock said
// meanwhile.
func TestRefusalsAreAnsweredByWhatComesAfterThem(t *testing.T) {
	const ahead, right = time.Hour, 10 * time.Minute
	type event struct {
		at     time.Duration // by the host's clock, from noon on
		typed  string        // "recovery", else refused for what it is
		behind bool
	}
	refused := map[string]Reason{"malformed": Malformed, "wrong": Wrong}
	for name, c := range map[string]struct {
		events []event
		want   []Reason // unanswered, the newest last
	}{
		"in order":                         {[]event{{0, "wrong", false}, {1, "recovery", false}, {2, "malformed", false}}, []Reason{Malformed}},
		"all within a second":              {[]event{{0, "wrong", false}, {0, "recovery", false}, {0, "malformed", false}}, []Reason{Malformed}},
		"refused ahead, then right":        {[]event{{ahead, "wrong", false}, {right, "recovery", false}}, nil},
		"refused ahead, and no code yet":   {[]event{{ahead, "wrong", false}, {right, "malformed", false}}, []Reason{Wrong, Malformed}},
		"let in ahead, refused later":      {[]event{{ahead, "recovery", false}, {right, "wrong", false}}, []Reason{Wrong}},
		"all ahead but the last":           {[]event{{ahead - 1, "wrong", false}, {ahead, "recovery", false}, {right, "malformed", false}}, []Reason{Malformed}},
		"ahead, right, and right again":    {[]event{{ahead, "wrong", false}, {right, "recovery", false}, {right + 1, "malformed", false}}, []Reason{Malformed}},
		"let in while the clock is back":   {[]event{{0, "wrong", false}, {-ahead, "recovery", true}}, nil},
		"and refused once it is right":     {[]event{{0, "wrong", false}, {-ahead, "recovery", true}, {0, "malformed", false}}, []Reason{Malformed}},
		"the one that was there goes last": {[]event{{ahead, "wrong", false}, {ahead, "malformed", false}, {right, "wrong", false}}, []Reason{Malformed, Wrong}},
	} {
		t.Run(name, func(t *testing.T) {
			a, kept := withRecovery(t, activated(t), noon.Add(-time.Hour))
			for _, e := range c.events {
				try := Try{Typed: totp.NewTyped("hunter2"), Source: office, Now: noon.Add(e.at), ClockBehind: e.behind}
				switch e.typed {
				case "recovery":
					try.Typed = totp.NewTyped(kept[0].Grouped())
				case "wrong":
					try.Typed = codeOf(t, offer(t, "other"), noon, 500)
				}
				var outcome Outcome
				if a, outcome = Attempt(a, try, Limits{}); outcome.Accepted != (e.typed == "recovery") || !outcome.Accepted && outcome.Reason != refused[e.typed] {
					t.Fatalf("%s: %v", e.typed, outcome.Reason)
				}
			}
			var left []Reason
			for _, row := range a.Unanswered() {
				left = append(left, row.Reason)
			}
			if !slices.Equal(left, c.want) {
				t.Errorf("unanswered are %v, want %v; %+v", left, c.want, a)
			}
		})
	}
}

func TestMarkLearnsOnlyFromTheWindow(t *testing.T) {
	a := activated(t)
	o := Offer{Secret: a.Phone.Secret, Params: a.Phone.Params}
	for name, c := range map[string]struct {
		off  int
		want time.Time
	}{
		"slow phone": {-1, o.Params.TimeOf(o.Params.StepAt(noon) - 1)},
		"in step":    {0, o.Params.TimeOf(o.Params.StepAt(noon))},
		"fast phone": {1, noon}, // the host's own clock is the lesser
	} {
		_, outcome := Attempt(a, Try{Typed: codeOf(t, o, noon, c.off), Source: office, Now: noon}, Limits{})
		if !outcome.Accepted || !outcome.Mark.Equal(c.want) {
			t.Errorf("%s: mark %v, want %v", name, outcome.Mark, c.want)
		}
	}
	a, _ = Attempt(a, Try{Typed: codeOf(t, o, noon, 10), Source: office, Now: noon}, Limits{})
	_, outcome := Attempt(a, Try{Typed: codeOf(t, o, noon, 11), Source: office, Now: noon}, Limits{})
	if !outcome.Accepted || !outcome.Mark.IsZero() {
		t.Errorf("a pair of a phone far ahead: accepted %v, mark %v", outcome.Accepted, outcome.Mark)
	}
}

func TestAnOfferIsVoidOnceAnythingChangedTheWayIn(t *testing.T) {
	a := activated(t)
	o := offer(t, "new")
	o.Generation, o.By = a.Generation, ByCode
	for name, changed := range map[string]Account{
		"reset":    Reset(a, 2, root, noon),
		"disabled": SetDisabled(a, true, 2),
		"enabled":  SetDisabled(a, false, 2),
		"removed":  {},
	} {
		if _, outcome := Confirm(changed, o, []totp.Typed{codeOf(t, o, noon, 0)}, Try{Source: office, Now: noon}, 3); outcome.Accepted {
			t.Errorf("%s: confirmed all the same", name)
		}
	}
	after, outcome := Confirm(a, o, []totp.Typed{codeOf(t, o, noon, 0)}, Try{Source: office, Now: noon}, 3)
	if !outcome.Accepted {
		t.Fatalf("not confirmed: %v", outcome.Reason)
	}
	if _, outcome := Confirm(after, o, []totp.Typed{codeOf(t, o, noon, 1)}, Try{Source: office, Now: noon}, 4); outcome.Accepted {
		t.Error("one offer was confirmed twice")
	}
}

func TestTheOldPhoneWorksUntilTheNewOneIsConfirmed(t *testing.T) {
	a := activated(t)
	old := Offer{Secret: a.Phone.Secret, Params: a.Phone.Params}
	fresh := offer(t, "new")
	fresh.Generation, fresh.By = a.Generation, ByCode
	a, outcome := Confirm(a, fresh, []totp.Typed{totp.NewTyped("000000")}, Try{Source: office, Now: noon}, 2)
	if outcome.Accepted || a.Failures.Run != 0 {
		t.Fatalf("accepted %v, run %d: a wrong confirmation is no guess", outcome.Accepted, a.Failures.Run)
	}
	if a, outcome = Attempt(a, Try{Typed: codeOf(t, old, noon, 0), Source: office, Now: noon}, Limits{}); !outcome.Accepted {
		t.Fatalf("the old phone: %v", outcome.Reason)
	}
	if a, outcome = Confirm(a, fresh, []totp.Typed{codeOf(t, fresh, noon, 0)}, Try{Source: office, Now: noon}, 2); !outcome.Accepted {
		t.Fatalf("the new phone: %v", outcome.Reason)
	}
	if _, outcome = Attempt(a, Try{Typed: codeOf(t, old, noon, 1), Source: office, Now: noon}, Limits{}); outcome.Accepted {
		t.Error("the old phone works still")
	}
}

func TestResetLeavesWhatAGuesserMustNotClear(t *testing.T) {
	a := activated(t)
	for range 12 {
		a, _ = Attempt(a, Try{Typed: totp.NewTyped("000000"), Source: abroad, Now: noon}, Limits{})
	}
	a = SetDisabled(a, true, 2)
	got := Reset(a, 3, root, noon)
	if got.Active() || got.Failures.Run != 0 {
		t.Error("the phone or the run is still there")
	}
	if got.Failures.Month != 12 || !got.WasActive || !got.Disabled || len(got.Refusals) != 1 {
		t.Errorf("%+v", got)
	}
}
