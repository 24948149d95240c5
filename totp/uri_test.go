package totp

import (
	"errors"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"
)

// GEZD... is the seed of the RFCs, "12345678901234567890".
const seed32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

func seedKey(t testing.TB, issuer, account string) Key {
	return Key{Issuer: issuer, Account: account, Secret: mustSecret(t, "12345678901234567890"), Params: DefaultParams()}
}

// drawKey draws a valid key, its names full of what a URI gives a meaning to.
func drawKey(t *rapid.T) Key {
	letter := rapid.RuneFrom([]rune(" &+%/?#@=;.\\\"'<>-_~"), unicode.Latin, unicode.Javanese, unicode.Han)
	name := rapid.StringOfN(letter, 1, 30, maxName).Filter(validName)
	return Key{
		Issuer:  name.Draw(t, "issuer"),
		Account: name.Draw(t, "account"),
		Secret:  drawSecret(t),
		Params:  drawParams(t),
	}
}

func TestURI(t *testing.T) {
	with := func(key Key, params Params) Key {
		key.Params = params
		return key
	}
	tests := map[string]struct {
		key  Key
		want string
	}{
		"plain": {
			seedKey(t, "LPSE", "budi"),
			"otpauth://totp/LPSE:budi?secret=" + seed32 + "&issuer=LPSE",
		},
		"spaces are %20": {
			seedKey(t, "LPSE Kabupaten Kudus", "budi santoso"),
			"otpauth://totp/LPSE%20Kabupaten%20Kudus:budi%20santoso?secret=" + seed32 + "&issuer=LPSE%20Kabupaten%20Kudus",
		},
		"delimiters are escaped": {
			seedKey(t, "A&B=C", "a/b?c#d+e%f;g"),
			"otpauth://totp/A%26B%3DC:a%2Fb%3Fc%23d%2Be%25f%3Bg?secret=" + seed32 + "&issuer=A%26B%3DC",
		},
		"@ stays": {
			seedKey(t, "LPSE", "siti@spse-1"),
			"otpauth://totp/LPSE:siti@spse-1?secret=" + seed32 + "&issuer=LPSE",
		},
		"an escape as a name stays one": {
			seedKey(t, "%40", "%20"),
			"otpauth://totp/%2540:%2520?secret=" + seed32 + "&issuer=%2540",
		},
		"all parameters": {
			with(seedKey(t, "LPSE", "budi"), Params{SHA512, 8, 60 * time.Second}),
			"otpauth://totp/LPSE:budi?secret=" + seed32 + "&issuer=LPSE&algorithm=SHA512&digits=8&period=60",
		},
		"one parameter": {
			with(seedKey(t, "LPSE", "budi"), Params{SHA256, 6, 30 * time.Second}),
			"otpauth://totp/LPSE:budi?secret=" + seed32 + "&issuer=LPSE&algorithm=SHA256",
		},
		"an odd secret is not padded": {
			Key{Issuer: "LPSE", Account: "budi", Secret: mustSecret(t, "1234567890123456"), Params: DefaultParams()},
			"otpauth://totp/LPSE:budi?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY&issuer=LPSE",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := test.key.URI()
			if err != nil || got != test.want {
				t.Fatalf("%s, %v; want %s", got, err, test.want)
			}
			back, err := ParseURI(got)
			if err != nil || !reflect.DeepEqual(back, test.key) {
				t.Errorf("comes back as %+v, %v", back, err)
			}
		})
	}
}

// invalidNames are refused as issuer and as account, in both directions.
var invalidNames = map[string]string{
	"none":                "",
	"space":               " ",
	"leading space":       " budi",
	"trailing space":      "budi ",
	"colon":               "budi:siti",
	"colon only":          ":",
	"NUL":                 "budi\x00",
	"newline":             "budi\n",
	"tab":                 "bu\tdi",
	"escape":              "\x1b[31mbudi",
	"DEL":                 "budi\x7f",
	"C1 control":          "budi\u009b",
	"no-break space":      "budi\u00a0santoso",
	"line separator":      "budi\u2028",
	"right-to-left mark":  "\u202eidub",
	"zero-width space":    "bu\u200bdi",
	"invalid UTF-8":       "budi\xff",
	"surrogate":           "budi\xed\xa0\x80",
	"half a character":    "budi\xc3",
	"129 bytes":           strings.Repeat("b", maxName+1),
	"129 bytes, 65 runes": "b" + strings.Repeat("é", maxName/2),
}

func TestURIRefusesAnInvalidKey(t *testing.T) {
	refused := func(name string, key Key, want error) {
		t.Helper()
		if got, err := key.URI(); !errors.Is(err, want) || got != "" {
			t.Errorf("%s: %q, %v; want %v", name, got, err, want)
		}
	}
	for name, text := range invalidNames {
		refused("issuer: "+name, seedKey(t, text, "budi"), ErrName)
		refused("account: "+name, seedKey(t, "LPSE", text), ErrName)
	}
	for name, params := range invalidParams {
		key := seedKey(t, "LPSE", "budi")
		key.Params = params
		refused(name, key, ErrParams)
	}
	refused("zero secret", Key{Issuer: "LPSE", Account: "budi", Params: DefaultParams()}, ErrSecret)
	refused("zero key", Key{}, ErrName)
}

func TestParseURI(t *testing.T) {
	for name, text := range map[string]string{
		"both issuers":         "otpauth://totp/LPSE:budi?secret=" + seed32 + "&issuer=LPSE",
		"prefix alone":         "otpauth://totp/LPSE:budi?secret=" + seed32,
		"parameter alone":      "otpauth://totp/budi?secret=" + seed32 + "&issuer=LPSE",
		"secret last":          "otpauth://totp/LPSE:budi?issuer=LPSE&secret=" + seed32,
		"defaults written out": "otpauth://totp/LPSE:budi?secret=" + seed32 + "&issuer=LPSE&algorithm=SHA1&digits=6&period=30",
		"escaped colon":        "otpauth://totp/LPSE%3Abudi?secret=" + seed32,
		"space after colon":    "otpauth://totp/LPSE:%20%20budi?secret=" + seed32,
		"needless escapes":     "otpauth://totp/%4cPSE:bud%69?secret=" + seed32 + "&issuer=%4CPSE",
		"scheme in capitals":   "OTPAUTH://totp/LPSE:budi?secret=" + seed32,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseURI(text)
			if want := seedKey(t, "LPSE", "budi"); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%+v with secret %s, %v", got, got.Secret.Base32(), err)
			}
		})
	}
}

func TestParseURIReadsParams(t *testing.T) {
	got, err := ParseURI("otpauth://totp/LPSE:budi?secret=" + seed32 + "&algorithm=SHA256&digits=8&period=60")
	if want := (Params{SHA256, 8, 60 * time.Second}); err != nil || got.Params != want {
		t.Errorf("%+v, %v; want %+v", got.Params, err, want)
	}
	got, err = ParseURI("otpauth://totp/A%2BB%20C:a%2Fb?secret=" + seed32 + "&issuer=A%2BB+C")
	if err != nil || got.Issuer != "A+B C" || got.Account != "a/b" {
		t.Errorf("issuer %q, account %q, %v", got.Issuer, got.Account, err)
	}
}

// refusedURIs each hold the seed of the RFCs, or a piece of it, which no error
// may show.
var refusedURIs = map[string]struct {
	uri  string
	want error
}{
	"empty":                    {"", ErrURI},
	"the secret alone":         {seed32, ErrURI},
	"not a URI":                {"://" + seed32, ErrURI},
	"bad escape in the label":  {"otpauth://totp/%" + seed32, ErrURI},
	"bad escape in a value":    {"otpauth://totp/LPSE:budi?secret=%" + seed32, ErrURI},
	"bad escape in a name":     {"otpauth://totp/LPSE:budi?%zz=" + seed32, ErrURI},
	"semicolon":                {"otpauth://totp/LPSE:budi?secret=" + seed32 + ";issuer=LPSE", ErrURI},
	"control byte":             {"otpauth://totp/LPSE:budi?secret=" + seed32 + "\x00", ErrURI},
	"newline":                  {"otpauth://totp/LPSE:budi?secret=" + seed32 + "\n", ErrURI},
	"bad port":                 {"otpauth://totp:" + seed32 + "/LPSE:budi?secret=" + seed32, ErrURI},
	"another scheme":           {"https://totp/LPSE:budi?secret=" + seed32, ErrURI},
	"migration":                {"otpauth-migration://offline?data=" + seed32, ErrURI},
	"no scheme":                {"//totp/LPSE:budi?secret=" + seed32, ErrURI},
	"opaque":                   {"otpauth:totp/LPSE:budi?secret=" + seed32, ErrURI},
	"HOTP":                     {"otpauth://hotp/LPSE:budi?secret=" + seed32 + "&counter=1", ErrURI},
	"host in capitals":         {"otpauth://TOTP/LPSE:budi?secret=" + seed32, ErrURI},
	"no host":                  {"otpauth:///totp/LPSE:budi?secret=" + seed32, ErrURI},
	"port":                     {"otpauth://totp:1/LPSE:budi?secret=" + seed32, ErrURI},
	"user":                     {"otpauth://budi@totp/LPSE:budi?secret=" + seed32, ErrURI},
	"empty user":               {"otpauth://@totp/LPSE:budi?secret=" + seed32, ErrURI},
	"fragment":                 {"otpauth://totp/LPSE:budi?secret=" + seed32 + "#x", ErrURI},
	"empty fragment":           {"otpauth://totp/LPSE:budi?secret=" + seed32 + "#", ErrURI},
	"too long":                 {"otpauth://totp/LPSE:budi?secret=" + seed32 + strings.Repeat("&", maxURI), ErrURI},
	"unknown parameter":        {"otpauth://totp/LPSE:budi?secret=" + seed32 + "&image=x", ErrURI},
	"counter":                  {"otpauth://totp/LPSE:budi?secret=" + seed32 + "&counter=1", ErrURI},
	"parameter in capitals":    {"otpauth://totp/LPSE:budi?SECRET=" + seed32, ErrURI},
	"nameless parameter":       {"otpauth://totp/LPSE:budi?secret=" + seed32 + "&=x", ErrURI},
	"secret twice":             {"otpauth://totp/LPSE:budi?secret=" + seed32 + "&secret=" + seed32, ErrURI},
	"issuer twice":             {"otpauth://totp/LPSE:budi?secret=" + seed32 + "&issuer=LPSE&issuer=LPSE", ErrURI},
	"digits twice":             {"otpauth://totp/LPSE:budi?secret=" + seed32 + "&digits=6&digits=8", ErrURI},
	"two issuers":              {"otpauth://totp/LPSE:budi?secret=" + seed32 + "&issuer=SPSE", ErrURI},
	"two cases of an issuer":   {"otpauth://totp/LPSE:budi?secret=" + seed32 + "&issuer=lpse", ErrURI},
	"issuer empty beside one":  {"otpauth://totp/LPSE:budi?secret=" + seed32 + "&issuer=", ErrURI},
	"plus of two meanings":     {"otpauth://totp/A+B:budi?secret=" + seed32 + "&issuer=A+B", ErrURI},
	"no label":                 {"otpauth://totp?secret=" + seed32 + "&issuer=LPSE", ErrName},
	"empty label":              {"otpauth://totp/?secret=" + seed32 + "&issuer=LPSE", ErrName},
	"no issuer":                {"otpauth://totp/budi?secret=" + seed32, ErrName},
	"no account":               {"otpauth://totp/LPSE:?secret=" + seed32, ErrName},
	"two colons":               {"otpauth://totp/LPSE:budi:siti?secret=" + seed32, ErrName},
	"escaped second colon":     {"otpauth://totp/LPSE:budi%3Asiti?secret=" + seed32, ErrName},
	"colon in the parameter":   {"otpauth://totp/budi?secret=" + seed32 + "&issuer=LP%3ASE", ErrName},
	"control in the label":     {"otpauth://totp/LPSE:budi%0a?secret=" + seed32, ErrName},
	"control in the issuer":    {"otpauth://totp/budi?secret=" + seed32 + "&issuer=LPSE%1b", ErrName},
	"invalid UTF-8":            {"otpauth://totp/LPSE:budi%ff?secret=" + seed32, ErrName},
	"raw invalid UTF-8":        {"otpauth://totp/LPSE:budi\xff?secret=" + seed32, ErrName},
	"secret as the account":    {"otpauth://totp/LPSE:" + seed32 + "%0a?secret=" + seed32, ErrName},
	"no parameters":            {"otpauth://totp/LPSE:budi", ErrSecret},
	"no secret":                {"otpauth://totp/LPSE:budi?issuer=LPSE", ErrSecret},
	"empty secret":             {"otpauth://totp/LPSE:budi?secret=&issuer=LPSE", ErrSecret},
	"80 bits":                  {"otpauth://totp/LPSE:budi?secret=GEZDGNBVGY3TQOJQ", ErrSecret},
	"120 bits":                 {"otpauth://totp/LPSE:budi?secret=GEZDGNBVGY3TQOJQGEZDGNBV", ErrSecret},
	"520 bits":                 {"otpauth://totp/LPSE:budi?secret=" + strings.Repeat("GEZDGNBV", 13), ErrSecret},
	"padded secret":            {"otpauth://totp/LPSE:budi?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY%3D%3D%3D%3D%3D%3D", ErrSecret},
	"lower-case secret":        {"otpauth://totp/LPSE:budi?secret=" + strings.ToLower(seed32), ErrSecret},
	"spaces in the secret":     {"otpauth://totp/LPSE:budi?secret=GEZD%20GNBVGY3TQOJQGEZDGNBVGY3TQOJQ", ErrSecret},
	"line break in the secret": {"otpauth://totp/LPSE:budi?secret=GEZD%0D%0AGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", ErrSecret},
	"bits left over":           {"otpauth://totp/LPSE:budi?secret=GEZDGNBVGY3TQOJQGEZDGNBVGZ", ErrSecret},
	"not base32":               {"otpauth://totp/LPSE:budi?secret=1" + seed32, ErrSecret},
	"MD5":                      {"otpauth://totp/LPSE:budi?secret=" + seed32 + "&algorithm=MD5", ErrParams},
	"lower-case algorithm":     {"otpauth://totp/LPSE:budi?secret=" + seed32 + "&algorithm=sha1", ErrParams},
	"invalid algorithm":        {"otpauth://totp/LPSE:budi?secret=" + seed32 + "&algorithm=invalid", ErrParams},
	"empty algorithm":          {"otpauth://totp/LPSE:budi?secret=" + seed32 + "&algorithm=", ErrParams},
	"0 digits":                 {"otpauth://totp/LPSE:budi?secret=" + seed32 + "&digits=0", ErrParams},
	"7 digits":                 {"otpauth://totp/LPSE:budi?secret=" + seed32 + "&digits=7", ErrParams},
	"06 digits":                {"otpauth://totp/LPSE:budi?secret=" + seed32 + "&digits=06", ErrParams},
	"+6 digits":                {"otpauth://totp/LPSE:budi?secret=" + seed32 + "&digits=%2B6", ErrParams},
	"the secret as digits":     {"otpauth://totp/LPSE:budi?secret=" + seed32 + "&digits=" + seed32, ErrParams},
	"empty period":             {"otpauth://totp/LPSE:budi?secret=" + seed32 + "&period=", ErrParams},
	"period of 30s":            {"otpauth://totp/LPSE:budi?secret=" + seed32 + "&period=30s", ErrParams},
	"negative period":          {"otpauth://totp/LPSE:budi?secret=" + seed32 + "&period=-30", ErrParams},
	"period beyond int64":      {"otpauth://totp/LPSE:budi?secret=" + seed32 + "&period=99999999999999999999", ErrParams},
}

func TestParseURIRefuses(t *testing.T) {
	for name, test := range refusedURIs {
		t.Run(name, func(t *testing.T) {
			key, err := ParseURI(test.uri)
			if !errors.Is(err, test.want) || !reflect.DeepEqual(key, Key{}) {
				t.Fatalf("%+v, %v; want %v", key, err, test.want)
			}
			if !refusals[err.Error()] {
				t.Errorf("an error of its own wording: %v", err)
			}
		})
	}
	for name, text := range invalidNames {
		uri := "otpauth://totp/" + url.PathEscape(text) + "?issuer=LPSE&secret=" + seed32
		if strings.Contains(text, ":") {
			uri = "otpauth://totp/LPSE:" + url.PathEscape(text) + "?secret=" + seed32
		}
		if _, err := ParseURI(uri); !errors.Is(err, ErrName) {
			t.Errorf("account: %s: %v, want ErrName", name, err)
		}
		uri = "otpauth://totp/budi?secret=" + seed32 + "&issuer=" + url.QueryEscape(text)
		if _, err := ParseURI(uri); !errors.Is(err, ErrName) {
			t.Errorf("issuer: %s: %v, want ErrName", name, err)
		}
	}
}

// refusals are all the texts that an error of ParseURI can have. That they can be
// listed is the point: none of them quotes the URI.
var refusals = map[string]bool{
	"key URI: malformed: too long":              true,
	"key URI: malformed: not a URI":             true,
	"key URI: malformed: not otpauth://totp":    true,
	"key URI: malformed: has a fragment":        true,
	"key URI: malformed: parameters unreadable": true,
	"key URI: malformed: unknown parameter":     true,
	"key URI: malformed: parameter given twice": true,
	"key URI: malformed: two different issuers": true,
	"key URI: issuer: invalid name":             true,
	"key URI: account: invalid name":            true,
	"key URI: invalid secret":                   true,
	"key URI: invalid parameters":               true,
}

// Each of the refusals is one that the table above provokes, lest the list grow
// texts that nothing returns.
func TestEveryRefusalIsProvoked(t *testing.T) {
	provoked := map[string]bool{}
	for _, test := range refusedURIs {
		if _, err := ParseURI(test.uri); err != nil {
			provoked[err.Error()] = true
		}
	}
	if !reflect.DeepEqual(provoked, refusals) {
		t.Errorf("provoked: %v", provoked)
	}
}

var address = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://`)

// Apps and QR readers follow addresses. There is one in what is shown, the app's
// own, and no name puts another one there.
func TestURIHasNoAddressButOtpauth(t *testing.T) {
	wantOwnAddress := func(t interface{ Fatalf(string, ...any) }, key Key) {
		uri, err := key.URI()
		if err != nil {
			t.Fatalf("%v", err)
		}
		if got := address.FindAllString(uri, -1); len(got) != 1 || got[0] != "otpauth://" || !strings.HasPrefix(uri, uriPrefix) {
			t.Fatalf("%s has the addresses %q", uri, got)
		}
		if strings.Contains(uri, "//") && strings.Count(uri, "//") != 1 || strings.Contains(uri, "+") {
			t.Fatalf("%s has a // or a + of a name", uri)
		}
	}
	wantOwnAddress(t, seedKey(t, "//evil.example", "http//evil.example/?chl="))
	if _, err := seedKey(t, "LPSE", "https://evil.example").URI(); !errors.Is(err, ErrName) {
		t.Errorf("an address as account: %v, want ErrName", err)
	}
	rapid.Check(t, func(t *rapid.T) { wantOwnAddress(t, drawKey(t)) })
}

func TestURIRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := drawKey(t)
		uri, err := key.URI()
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(uri, key.Secret.Base32()) {
			t.Fatalf("the secret is last: %s", uri)
		}
		back, err := ParseURI(uri)
		if err != nil || !reflect.DeepEqual(back, key) {
			t.Fatalf("%s comes back as %+v, %v", uri, back, err)
		}
	})
}

func TestLongestKeyParses(t *testing.T) {
	key := Key{
		Issuer:  strings.Repeat("/", maxName),
		Account: strings.Repeat("?", maxName),
		Secret:  mustSecret(t, strings.Repeat("s", maxSecretSize)),
		Params:  Params{SHA512, 8, 60 * time.Second},
	}
	uri, err := key.URI()
	if err != nil || len(uri) != 1323 {
		t.Fatalf("%d bytes, %v", len(uri), err)
	}
	if back, err := ParseURI(uri); err != nil || !reflect.DeepEqual(back, key) {
		t.Errorf("comes back as %+v, %v", back, err)
	}
}

// What is accepted is written again, parses to the same key, and from then on has
// one spelling; what is refused leaves nothing of itself.
func FuzzParseURI(f *testing.F) {
	for _, test := range refusedURIs {
		f.Add(test.uri)
	}
	f.Add("otpauth://totp/LPSE:budi?secret=" + seed32 + "&issuer=LPSE")
	f.Add("otpauth://totp/budi?secret=" + seed32 + "&issuer=LPSE%20Kudus&algorithm=SHA512&digits=8&period=60")
	f.Add("otpauth://totp/LPSE%3A%20siti%2F1?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := ParseURI(text)
		if err != nil {
			if !reflect.DeepEqual(key, Key{}) || !refusals[err.Error()] {
				t.Fatalf("%q: %+v, %v", text, key, err)
			}
			return
		}
		uri, err := key.URI()
		if err != nil {
			t.Fatalf("%q is accepted as %+v, but: %v", text, key, err)
		}
		back, err := ParseURI(uri)
		if err != nil || !reflect.DeepEqual(back, key) {
			t.Fatalf("%q becomes %q, and that %+v, %v", text, uri, back, err)
		}
		if again, err := back.URI(); err != nil || again != uri {
			t.Fatalf("%q becomes %q, then %q, %v", text, uri, again, err)
		}
	})
}
