package totp

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"pgregory.net/rapid"
)

func mustCode(t testing.TB, secret Secret, params Params, step Step) Code {
	t.Helper()
	code, err := CodeAt(secret, params, step)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// RFC 4226 Appendix D.
func TestVectorsOfRFC4226(t *testing.T) {
	secret := mustSecret(t, "12345678901234567890")
	for step, want := range []string{
		"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489",
	} {
		if got := mustCode(t, secret, DefaultParams(), Step(step)).Reveal(); got != want {
			t.Errorf("count %d: %s, want %s", step, got, want)
		}
	}
}

// RFC 6238 Appendix B. The seeds are as long as the hash, as in the reference
// code there; the appendix's text names the 20-byte one alone.
func TestVectorsOfRFC6238(t *testing.T) {
	digits := strings.Repeat("1234567890", 7)
	algorithms := map[Algorithm]struct {
		seed string
		want map[int64]string // Unix time: code
	}{
		SHA1: {digits[:20], map[int64]string{
			59: "94287082", 1111111109: "07081804", 1111111111: "14050471",
			1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
		}},
		SHA256: {digits[:32], map[int64]string{
			59: "46119246", 1111111109: "68084774", 1111111111: "67062674",
			1234567890: "91819424", 2000000000: "90698825", 20000000000: "77737706",
		}},
		SHA512: {digits[:64], map[int64]string{
			59: "90693936", 1111111109: "25091201", 1111111111: "99943326",
			1234567890: "93441116", 2000000000: "38618901", 20000000000: "47863826",
		}},
	}
	for algorithm, test := range algorithms {
		secret := mustSecret(t, test.seed)
		params := Params{Algorithm: algorithm, Digits: 8, Period: 30 * time.Second}
		for seconds, want := range test.want {
			now := time.Unix(seconds, 0)
			if got := mustCode(t, secret, params, params.StepAt(now)).Reveal(); got != want {
				t.Errorf("%v at %d: %s, want %s", algorithm, seconds, got, want)
			}
			code, err := ParseCode(NewTyped(want), 8)
			if err != nil {
				t.Fatal(err)
			}
			if step, ok := Match(secret, params, code, now, 0, 0); !ok || step != params.StepAt(now) {
				t.Errorf("%v at %d: the code matches step %d, %t", algorithm, seconds, step, ok)
			}
		}
	}
}

// oathtool is the independent opinion: C, and another implementation of it all.
func TestAgreesWithOathtool(t *testing.T) {
	tool, err := exec.LookPath("oathtool")
	if err != nil {
		if os.Getenv("SPSE_TOTP_REQUIRE_TOOLS") == "1" {
			t.Fatal("oathtool is missing, and SPSE_TOTP_REQUIRE_TOOLS=1 wants it: install the Debian package oathtool")
		}
		t.Skip("oathtool is missing, so nothing was compared: install the Debian package oathtool")
	}
	rapid.Check(t, func(t *rapid.T) {
		secret, params := drawSecret(t), drawParams(t)
		now := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "seconds"), 0)
		step := params.StepAt(now)

		out, err := exec.Command(tool, "--totp="+params.Algorithm.String(), "--base32",
			"--digits="+strconv.Itoa(params.Digits), "--time-step-size="+params.Period.String(),
			"--now="+now.UTC().Format("2006-01-02 15:04:05 UTC"), "--window=2", secret.Base32()).Output()
		if err != nil {
			t.Fatalf("oathtool: %v", err)
		}
		theirs := strings.Fields(string(out)) // of this step and the next two
		if len(theirs) != 3 {
			t.Fatalf("oathtool says %q", out)
		}
		for i, want := range theirs {
			got, err := CodeAt(secret, params, step+Step(i))
			if err != nil || got.Reveal() != want {
				t.Fatalf("%+v, step %d: %s, %v; oathtool says %s", params, step+Step(i), got.Reveal(), err, want)
			}
		}
	})
}

func TestCodeAtRefuses(t *testing.T) {
	secret := mustSecret(t, "12345678901234567890")
	refused := func(name string, want error, secret Secret, params Params, step Step) {
		if code, err := CodeAt(secret, params, step); !errors.Is(err, want) || !code.IsZero() {
			t.Errorf("%s: %v, zero %t; want %v", name, err, code.IsZero(), want)
		}
	}
	refused("zero secret", ErrSecret, Secret{}, DefaultParams(), 1)
	refused("negative step", ErrStep, secret, DefaultParams(), -1)
	refused("most negative step", ErrStep, secret, DefaultParams(), math.MinInt64)
	for name, params := range invalidParams {
		refused(name, ErrParams, secret, params, 1)
	}
}

func TestParseCode(t *testing.T) {
	for text, want := range map[string]string{
		"123456":      "123456",
		" 123456":     "123456",
		"123456 ":     "123456",
		" 123456 ":    "123456",
		"123 456":     "123456",
		" 123 456 ":   "123456",
		"000000":      "000000",
		"000001":      "000001",
		"12345678":    "12345678",
		"1234 5678":   "12345678",
		" 1234 5678 ": "12345678",
	} {
		code, err := ParseCode(NewTyped(text), len(want))
		if err != nil || code.IsZero() || code.Reveal() != want {
			t.Errorf("%q: %q, %v; want %q", text, code.Reveal(), err, want)
		}
	}
}

func TestParseCodeRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                  "",
		"a space":                  " ",
		"seven spaces":             "       ",
		"5 digits":                 "12345",
		"7 digits":                 "1234567",
		"8 digits":                 "12345678",
		"5 digits and two spaces":  "12 345",
		"two spaces before":        "  123456",
		"two spaces after":         "123456  ",
		"two spaces in the middle": "123  456",
		"space off the middle":     "12 3456",
		"space after each digit":   "1 2 3 4 5 6",
		"spaces in two places":     "12 34 56",
		"no-break space before":    "\u00a0123456",
		"no-break space after":     "123456\u00a0",
		"no-break space between":   "123\u00a0456",
		"half of a no-break space": "123456\xa0",
		"thin space":               "123\u2009456",
		"ideographic space":        "123\u3000456",
		"zero-width space":         "\u200b123456",
		"byte order mark":          "\ufeff123456",
		"full-width digits":        "１２３４５６",
		"two full-width digits":    "１２", // six bytes
		"Arabic-Indic digits":      "١٢٣٤٥٦",
		"three Arabic-Indic":       "١٢٣", // six bytes
		"one Arabic-Indic digit":   "1234٥",
		"superscript":              "12345²",
		"plus":                     "+123456",
		"plus for a digit":         "+12345",
		"minus for a digit":        "-12345",
		"hyphen in the middle":     "123-456",
		"point":                    "123.456",
		"underscore":               "12_456",
		"hexadecimal":              "0x1234",
		"letters":                  "abcdef",
		"slash, below 0":           "12345/",
		"colon, above 9":           "12345:",
		"NUL after":                "123456\x00",
		"NUL for a digit":          "12345\x00",
		"newline after":            "123456\n",
		"newline for a digit":      "12345\n",
		"carriage return":          "123456\r",
		"tab before":               "\t123456",
		"tab after":                "123456\t",
		"tab in the middle":        "123\t456",
		"high bit":                 "12345\xb6",
		"two codes":                "123456123456",
		"two codes, a space":       "123456 123456",
		"long":                     strings.Repeat("1", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			code, err := ParseCode(NewTyped(text), 6)
			if !errors.Is(err, ErrCode) || !code.IsZero() {
				t.Errorf("%v, zero %t; want ErrCode", err, code.IsZero())
			}
		})
	}
	for _, digits := range []int{-6, 0, 1, 5, 7, 9, 10} {
		if _, err := ParseCode(NewTyped(strings.Repeat("1", max(digits, 0))), digits); !errors.Is(err, ErrParams) {
			t.Errorf("a code of %d digits: %v, want ErrParams", digits, err)
		}
	}
	if _, err := ParseCode(Typed{}, 6); !errors.Is(err, ErrCode) {
		t.Errorf("the zero Typed: %v, want ErrCode", err)
	}
}

// The grammar, written down a second time.
var codeGrammar = map[int]*regexp.Regexp{
	6: regexp.MustCompile(`\A ?([0-9]{3}) ?([0-9]{3}) ?\z`),
	8: regexp.MustCompile(`\A ?([0-9]{4}) ?([0-9]{4}) ?\z`),
}

func FuzzParseCode(f *testing.F) {
	for _, text := range []string{
		"", " ", "123456", " 123 456 ", "12345678", "1234 5678", "１２３４５６", "١٢٣", "+12345", "12345\x00",
		"123\u00a0456", "123456\n", "  123456", "123  456", "12 3456",
	} {
		f.Add(text, 6)
		f.Add(text, 8)
		f.Add(text, 0)
	}
	f.Fuzz(func(t *testing.T, text string, digits int) {
		code, err := ParseCode(NewTyped(text), digits)
		grammar, known := codeGrammar[digits]
		if !known {
			if !errors.Is(err, ErrParams) || !code.IsZero() {
				t.Fatalf("%d digits: %v, zero %t", digits, err, code.IsZero())
			}
			return
		}
		parts := grammar.FindStringSubmatch(text)
		if parts == nil {
			if !errors.Is(err, ErrCode) || !code.IsZero() {
				t.Fatalf("%q: %v, zero %t; want ErrCode", text, err, code.IsZero())
			}
			return
		}
		if err != nil || code.Reveal() != parts[1]+parts[2] {
			t.Fatalf("%q: %q, %v", text, code.Reveal(), err)
		}
	})
}

func TestMatchWindow(t *testing.T) {
	secret, params := mustSecret(t, "12345678901234567890"), DefaultParams()
	now := time.Unix(1111111109, 0)
	here := params.StepAt(now)
	tests := map[string]struct {
		step          Step // whose code is typed, from here
		drift, window int
		want          bool
	}{
		"this step":               {0, 0, 1, true},
		"one behind":              {-1, 0, 1, true},
		"one ahead":               {1, 0, 1, true},
		"two behind":              {-2, 0, 1, false},
		"two ahead":               {2, 0, 1, false},
		"no window":               {0, 0, 0, true},
		"no window, one behind":   {-1, 0, 0, false},
		"no window, one ahead":    {1, 0, 0, false},
		"slow phone":              {-5, -5, 1, true},
		"slow phone, low end":     {-6, -5, 1, true},
		"slow phone, high end":    {-4, -5, 1, true},
		"slow phone, below":       {-7, -5, 1, false},
		"slow phone, above":       {-3, -5, 1, false},
		"slow phone, right clock": {0, -5, 1, false},
		"fast phone":              {7, 7, 1, true},
		"fast phone, low end":     {6, 7, 1, true},
		"fast phone, below":       {5, 7, 1, false},
		"fast phone, above":       {9, 7, 1, false},
		"widest, low end":         {-20, 0, MaxWindow, true},
		"widest, high end":        {20, 0, MaxWindow, true},
		"widest, below":           {-21, 0, MaxWindow, false},
		"widest, above":           {21, 0, MaxWindow, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			code := mustCode(t, secret, params, here+test.step)
			step, ok := Match(secret, params, code, now, test.drift, test.window)
			if ok != test.want {
				t.Fatalf("matches: %t, want %t", ok, test.want)
			}
			if ok && step != here+test.step {
				t.Errorf("matches step %d, want %d", step, here+test.step)
			}
		})
	}
}

// The definition of Match, in the plainest words.
func TestMatchIsTheGreatestStepOfTheWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret, params := drawSecret(t), drawParams(t)
		now := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "seconds"), 0)
		drift := rapid.IntRange(-30, 30).Draw(t, "drift")
		window := rapid.IntRange(0, MaxWindow).Draw(t, "window")
		offset := rapid.IntRange(-60, 60).Draw(t, "offset")
		center := params.StepAt(now)
		code, err := CodeAt(secret, params, center+Step(offset))
		if err != nil {
			t.Skip("before 1970")
		}

		want, wantOK := Step(0), false
		for step := center + Step(drift-window); step <= center+Step(drift+window); step++ {
			if candidate, err := CodeAt(secret, params, step); err == nil && candidate.Reveal() == code.Reveal() {
				want, wantOK = step, true
			}
		}
		if got, ok := Match(secret, params, code, now, drift, window); got != want || ok != wantOK {
			t.Fatalf("step %d, %t; want %d, %t", got, ok, want, wantOK)
		}
	})
}

// Two steps of one window with the same code: were the older returned, the newer
// would let the same code in again.
func TestMatchReturnsTheNewerOfTwoCollidingSteps(t *testing.T) {
	params := DefaultParams()
	now := time.Unix(1111111109, 0)
	secret, older, newer := collision(t, params, params.StepAt(now))
	code := mustCode(t, secret, params, older)
	if step, ok := Match(secret, params, code, now, 0, MaxWindow); !ok || step != newer {
		t.Errorf("matches step %d, %t; the code is that of %d and %d", step, ok, older, newer)
	}
	// With the newer one outside, the older is the greatest.
	drift := int(newer-params.StepAt(now)) - 1 - MaxWindow
	if step, ok := Match(secret, params, code, now, drift, MaxWindow); !ok || step != older {
		t.Errorf("matches step %d, %t; want %d", step, ok, older)
	}
}

// collision finds a secret of which two steps of the widest window share a code:
// one secret in some 1200 does.
func collision(t *testing.T, params Params, center Step) (secret Secret, older, newer Step) {
	t.Helper()
	for n := range 100_000 {
		secret = mustSecret(t, "secret number "+strconv.Itoa(100_000+n))
		seen := map[string]Step{}
		for step := center - MaxWindow; step <= center+MaxWindow; step++ {
			code := mustCode(t, secret, params, step).Reveal()
			if older, twice := seen[code]; twice {
				return secret, older, step
			}
			seen[code] = step
		}
	}
	t.Fatal("no two steps share a code")
	return Secret{}, 0, 0
}

func TestMatchRefuses(t *testing.T) {
	secret, params := mustSecret(t, "12345678901234567890"), DefaultParams()
	now := time.Unix(1111111109, 0)
	code := mustCode(t, secret, params, params.StepAt(now))
	if _, ok := Match(secret, params, code, now, 0, 1); !ok {
		t.Fatal("the right code is refused, so what follows shows nothing")
	}
	refused := func(name string, secret Secret, params Params, code Code, drift, window int) {
		if step, ok := Match(secret, params, code, now, drift, window); ok || step != 0 {
			t.Errorf("%s matches step %d, %t", name, step, ok)
		}
	}
	refused("zero secret", Secret{}, params, code, 0, 1)
	refused("another secret", mustSecret(t, "12345678901234567891"), params, code, 0, 1)
	refused("zero code", secret, params, Code{}, 0, 1)
	refused("negative window", secret, params, code, 0, -1)
	refused("window and drift that overflow into the right step", secret, params, code, math.MinInt, math.MinInt)
	refused("window too wide", secret, params, code, 0, MaxWindow+1)
	refused("largest window", secret, params, code, 0, math.MaxInt)
	refused("largest drift", secret, params, code, math.MaxInt, 1)
	refused("smallest drift", secret, params, code, math.MinInt, 1)
	for name, params := range invalidParams {
		refused(name, secret, params, code, 0, 1)
	}

	// What the library makes of an empty secret is no way in either.
	text, err := hotp.GenerateCodeCustom("", uint64(params.StepAt(now)), hotp.ValidateOpts{Digits: otp.DigitsSix})
	if err != nil {
		t.Fatal(err)
	}
	empty, err := ParseCode(NewTyped(text), 6)
	if err != nil {
		t.Fatal(err)
	}
	refused("the code of the empty secret", Secret{}, params, empty, 0, 1)
	// A part of a code is not the code.
	eight := Params{SHA1, 8, 30 * time.Second}
	refused("6 digits of 8", secret, eight, code, 0, 1)
	long := mustCode(t, secret, eight, eight.StepAt(now))
	refused("8 digits for 6", secret, params, long, 0, 1)
}

func TestMatchAroundTheBeginOfTime(t *testing.T) {
	secret, params := mustSecret(t, "12345678901234567890"), DefaultParams()
	for step := range Step(2) {
		code := mustCode(t, secret, params, step)
		if got, ok := Match(secret, params, code, time.Unix(0, 0), 0, 1); !ok || got != step {
			t.Errorf("in 1970 step %d, %t; want %d", got, ok, step)
		}
		if got, ok := Match(secret, params, code, time.Unix(-600, 0), 0, 1); ok {
			t.Errorf("before 1970 the code of step %d matches step %d", step, got)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	secret, params := mustSecret(b, "12345678901234567890"), DefaultParams()
	now := time.Unix(1111111109, 0)
	code := mustCode(b, secret, params, params.StepAt(now))
	for b.Loop() {
		if _, ok := Match(secret, params, code, now, 0, 1); !ok {
			b.Fatal("the right code is refused")
		}
	}
}
