package totp

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func newLongCode(t interface{ Fatal(...any) }, kind Kind) LongCode {
	code, err := NewLongCode(kind)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func TestLongCodesAreShownInGroups(t *testing.T) {
	for kind, shape := range map[Kind]string{
		Recovery: `^([0-9A-HJKMNP-TV-Z]{4}-){5}[0-9A-HJKMNP-TV-Z]{4}$`,
		Issued:   `^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{5}$`,
	} {
		code := newLongCode(t, kind)
		if !regexp.MustCompile(shape).MatchString(code.Grouped()) || code.Kind() != kind {
			t.Errorf("kind %d: the code does not match %s, or is of kind %d", kind, shape, code.Kind())
		}
	}
	if got := (LongCode{}).Grouped(); got != "" || (LongCode{}).Kind() != 0 {
		t.Errorf("the zero value shows %q", got)
	}
	if _, err := NewLongCode(0); !errors.Is(err, ErrParams) {
		t.Errorf("no kind: %v", err)
	}
}

// However a person writes it, it is the one code; and no two draws are the same.
func TestLongCodeIsReadAsPeopleWriteIt(t *testing.T) {
	seen := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		code := newLongCode(t, rapid.SampledFrom([]Kind{Recovery, Issued}).Draw(t, "kind"))
		if seen[code.Reveal()] {
			t.Fatal("the same code was drawn twice")
		}
		seen[code.Reveal()] = true
		var written strings.Builder
		for _, letter := range code.Reveal() {
			spellings := []string{string(letter), strings.ToLower(string(letter))}
			switch letter {
			case '0':
				spellings = append(spellings, "o", "O")
			case '1':
				spellings = append(spellings, "i", "I", "l", "L")
			}
			written.WriteString(rapid.SampledFrom(spellings).Draw(t, "letter"))
			written.WriteString(rapid.SampledFrom([]string{"", "", "-", " "}).Draw(t, "between"))
		}
		got, err := ParseLongCode(NewTyped(written.String()))
		if err != nil || got.Reveal() != code.Reveal() {
			t.Fatalf("read otherwise than written, %v", err)
		}
	})
}

func TestParseLongCodeRefuses(t *testing.T) {
	good := strings.Repeat("ABCD-", 5) + "ABCD"
	for name, text := range map[string]string{
		"nothing": "", "only hyphens": "-----", "a letter short": good[1:], "a letter more": good + "A",
		"U":          strings.Replace(good, "A", "U", 1),
		"underscore": strings.Replace(good, "-", "_", 1), "tab": strings.Replace(good, "-", "\t", 1),
		"full width": strings.Replace(good, "A", "Ａ", 1), "dotless i": strings.Replace(good, "A", "ı", 1),
		"NUL": strings.Replace(good, "A", "\x00", 1), "a security code": "123456", "14 letters": "ABCDABCDABCDAB",
	} {
		if code, err := ParseLongCode(NewTyped(text)); !errors.Is(err, ErrCode) || code.Kind() != 0 {
			t.Errorf("%s: taken, %v", name, err)
		}
	}
	if _, err := ParseLongCode(NewTyped(good)); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func FuzzParseLongCode(f *testing.F) {
	f.Add("abcd-efgh-jkmnp")
	f.Add(strings.Repeat("oil0-", 5) + "oil0")
	f.Fuzz(func(t *testing.T, text string) {
		code, err := ParseLongCode(NewTyped(text))
		if err != nil {
			return
		}
		again, err := ParseLongCode(NewTyped(code.Grouped()))
		if err != nil || again.Reveal() != code.Reveal() {
			t.Fatalf("what was read is read otherwise when it is shown: %v", err)
		}
	})
}
