package text

import (
	"reflect"
	"regexp"
	"slices"
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

var placeholder = regexp.MustCompile(`\{[a-z]*\}`)

func TestTextsFillTheSamePlaceholdersInAllLanguages(t *testing.T) {
	id, en := reflect.ValueOf(sets[Indonesian]), reflect.ValueOf(sets[English])
	for i := range id.NumField() {
		places := func(v reflect.Value) []string {
			found := placeholder.FindAllString(v.Field(i).String(), -1)
			slices.Sort(found)
			return found
		}
		if !slices.Equal(places(id), places(en)) {
			t.Errorf("%s: %q in Indonesian, %q in English", id.Type().Field(i).Name, places(id), places(en))
		}
	}
}

// spoken is what each method of Texts says, by its name.
func spoken(t *testing.T, language Language) map[string]string {
	t.Helper()
	texts := reflect.ValueOf(New(language, "LPSE Kudus", "0291-0000"))
	given := map[reflect.Type]reflect.Value{
		reflect.TypeFor[int]():           reflect.ValueOf(6),
		reflect.TypeFor[string]():        reflect.ValueOf("budi"),
		reflect.TypeFor[Change]():        reflect.ValueOf(Change("recovery-used")),
		reflect.TypeFor[bool]():          reflect.ValueOf(true),
		reflect.TypeFor[time.Time]():     reflect.ValueOf(time.Unix(1.79e9, 0)),
		reflect.TypeFor[time.Duration](): reflect.ValueOf(90 * time.Second),
	}
	said := map[string]string{}
	for i := range texts.NumMethod() {
		name, method := texts.Type().Method(i).Name, texts.Method(i)
		var arguments []reflect.Value
		for j := range method.Type().NumIn() {
			argument, ok := given[method.Type().In(j)]
			if !ok {
				t.Fatalf("%s wants a %v, which this test does not know", name, method.Type().In(j))
			}
			arguments = append(arguments, argument)
		}
		said[name] = method.Call(arguments)[0].String()
	}
	return said
}

func TestEveryTextIsFilledInAndSaidInItsLanguage(t *testing.T) {
	id, en := spoken(t, Indonesian), spoken(t, English)
	if len(id) < 20 {
		t.Fatalf("only %d texts were found", len(id))
	}
	for name := range id {
		for _, said := range []string{id[name], en[name]} {
			if strings.ContainsAny(said, "{}") {
				t.Errorf("%s is not filled in: %q", name, said)
			}
		}
		if id[name] == en[name] {
			t.Errorf("%s is the same in both languages: %q", name, id[name])
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

func TestActivationInsideTheLoginAsTheOfficeKnowsIt(t *testing.T) {
	want := "Akun Anda wajib memakai Security Code. Aktivasi cukup sekali. Waktu Anda 2 menit. " +
		"1) Belum ada aplikasinya? Pasang dahulu SPSE Authenticator atau Google Authenticator di HP, lalu masuk lagi. " +
		"2) Di aplikasi tekan +, pindai gambar di bawah. 3) Ketik 6 angka yang muncul. " +
		"Gambar tidak terbaca? Ketik ? lalu Enter. Terputus? Hapus entri itu di HP, masuk lagi, pindai gambar yang baru."
	if got := New(Indonesian, "LPSE Kudus", "").MustActivate(6); got != want {
		t.Errorf("it is %q, want %q", got, want)
	}
}

// In Indonesian decimals take a comma.
func TestPhoneOff(t *testing.T) {
	for _, c := range []struct {
		language Language
		ahead    time.Duration
		want     string
	}{
		{English, -4 * time.Minute, "phone is 4 min slow: switch automatic time on"},
		{English, 90 * time.Second, "phone is 1.5 min fast: switch automatic time on"},
		{Indonesian, -4 * time.Minute, "HP terlambat 4 menit: nyalakan tanggal & waktu otomatis di HP"},
		{Indonesian, -270 * time.Second, "HP terlambat 4,5 menit: nyalakan tanggal & waktu otomatis di HP"},
		{Indonesian, 90 * time.Second, "HP terlalu cepat 1,5 menit: nyalakan tanggal & waktu otomatis di HP"},
	} {
		if got := New(c.language, "LPSE Kudus", "").PhoneOff(c.ahead); got != c.want {
			t.Errorf("%s, %v: %q, want %q", c.language, c.ahead, got, c.want)
		}
	}
}
