package text

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestNoTextIsMissingInAnyLanguage(t *testing.T) {
	for language, texts := range sets {
		v := reflect.ValueOf(texts)
		for i := range v.NumField() {
			name, s := v.Type().Field(i).Name, v.Field(i).String()
			if strings.TrimSpace(s) == "" {
				t.Errorf("%s: %s is missing", language, name)
			}
			for _, r := range s {
				if r > 126 || r < 32 {
					t.Errorf("%s: %s is not plain ASCII: %q", language, name, r)
				}
			}
		}
	}
}

func TestTextsFillTheSamePlaceholdersInAllLanguages(t *testing.T) {
	id, en := reflect.ValueOf(sets[Indonesian]), reflect.ValueOf(sets[English])
	for _, place := range []string{"{digits}", "{entry}", "{contact}", "{secret}", "{minutes}", "{source}", "{user}", "{file}"} {
		for i := range id.NumField() {
			if strings.Contains(id.Field(i).String(), place) != strings.Contains(en.Field(i).String(), place) {
				t.Errorf("%s: %s stands in one language only", id.Type().Field(i).Name, place)
			}
		}
	}
}

func TestPromptAndRefusalAsTheOfficeKnowsThem(t *testing.T) {
	texts := New(Indonesian, "LPSE Kudus", "0291-0000")
	want := `Security Code (6 angka, entri "LPSE Kudus" di HP): `
	if got := texts.CodePrompt(6); got != want {
		t.Errorf("prompt is %q, want %q", got, want)
	}
	want = "Security Code tidak diterima. 1) Tunggu angka berganti, lalu coba lagi; setiap kode hanya berlaku sekali. " +
		"2) Masih gagal? Di HP, nyalakan tanggal & waktu otomatis. 3) HP hilang? Hubungi Helpdesk LPSE: 0291-0000."
	if got := texts.Refused(); got != want {
		t.Errorf("refusal is %q, want %q", got, want)
	}
	if got := New(Indonesian, "LPSE Kudus", "").Refused(); !strings.HasSuffix(got, "Hubungi Helpdesk LPSE.") {
		t.Errorf("refusal without a contact ends in %q", got[len(got)-40:])
	}
}

func TestPhoneOff(t *testing.T) {
	texts := New(English, "LPSE Kudus", "")
	for ahead, want := range map[time.Duration]string{
		-4 * time.Minute: "phone is 4 min slow: switch automatic time on",
		90 * time.Second: "phone is 1.5 min fast: switch automatic time on",
	} {
		if got := texts.PhoneOff(ahead); got != want {
			t.Errorf("%v: %q, want %q", ahead, got, want)
		}
	}
}
