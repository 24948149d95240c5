package totp

import (
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds in bytes. The longest URI that Key.URI makes holds two issuers and an
// account, each byte escaped as three (3 * 3 * 128 = 1152), 103 characters of
// secret and 68 of all the rest, 1323 in all: no valid key is too long to parse.
const (
	maxName = 128
	maxURI  = 2048
)

// uriPrefix begins every key URI that Key.URI makes.
const uriPrefix = "otpauth://totp/"

// Key is all that an authenticator app has to know. Issuer and Account are what
// it shows: each 1 to 128 bytes of valid UTF-8, printable, without a colon (the
// label's separator) and without a space at either end (apps drop it).
type Key struct {
	Issuer  string
	Account string
	Secret  Secret
	Params  Params
}

// URI reveals the key, its secret in the clear, as the text of a QR code:
//
//	otpauth://totp/Issuer:account?secret=...&issuer=Issuer
//
// The text is a secret itself: show it to the person whom it is for, and never
// log it. The format is that of google/google-authenticator, "Key Uri Format".
// The issuer stands in the label and in a parameter, since apps read the one or
// the other; secret is never the last parameter, which some misread; a default
// parameter is left out, which keeps the QR small. The errors are ErrName,
// ErrSecret and ErrParams.
func (k Key) URI() (string, error) {
	if err := k.validate(); err != nil {
		return "", fmt.Errorf("key URI: %w", err)
	}
	uri := uriPrefix + escape(k.Issuer) + ":" + escape(k.Account) +
		"?secret=" + k.Secret.Base32() +
		"&issuer=" + escape(k.Issuer)
	standard := DefaultParams()
	if k.Params.Algorithm != standard.Algorithm {
		uri += "&algorithm=" + k.Params.Algorithm.String()
	}
	if k.Params.Digits != standard.Digits {
		uri += fmt.Sprintf("&digits=%d", k.Params.Digits)
	}
	if k.Params.Period != standard.Period {
		uri += fmt.Sprintf("&period=%d", k.Params.seconds())
	}
	return uri, nil
}

// ParseURI reads a key URI of up to 2048 bytes. It takes no more than it can be
// sure of: what it accepts, Key.URI writes again, and that parses to the same
// Key. An issuer must be there, as the label's prefix, as the parameter, or as
// both alike; parameters that are missing are the default; the unknown and the
// doubled are refused. The errors are ErrURI, ErrName, ErrSecret and ErrParams,
// and hold nothing of the text.
func ParseURI(text string) (Key, error) {
	key, err := parseURI(text)
	if err != nil {
		return Key{}, fmt.Errorf("key URI: %w", err)
	}
	return key, nil
}

func parseURI(text string) (Key, error) {
	label, query, err := splitURI(text)
	if err != nil {
		return Key{}, err
	}
	if err := checkQuery(query); err != nil {
		return Key{}, err
	}
	var key Key
	if key.Issuer, key.Account, err = readLabel(label, query); err != nil {
		return Key{}, err
	}
	if key.Secret, err = secretFromBase32(query.Get("secret")); err != nil {
		return Key{}, err
	}
	if key.Params, err = readParams(query); err != nil {
		return Key{}, err
	}
	return key, key.validate()
}

// splitURI returns the decoded label and parameters. The errors of net/url quote
// the text, secret and all, so none of them is passed on.
func splitURI(text string) (string, url.Values, error) {
	if len(text) > maxURI {
		return "", nil, fmt.Errorf("%w: too long", ErrURI)
	}
	uri, err := url.Parse(text)
	if err != nil {
		return "", nil, fmt.Errorf("%w: not a URI", ErrURI)
	}
	if uri.Scheme != "otpauth" || uri.Host != "totp" || uri.User != nil {
		return "", nil, fmt.Errorf("%w: not otpauth://totp", ErrURI)
	}
	if strings.Contains(text, "#") {
		return "", nil, fmt.Errorf("%w: has a fragment", ErrURI)
	}
	query, err := url.ParseQuery(uri.RawQuery)
	if err != nil {
		return "", nil, fmt.Errorf("%w: parameters unreadable", ErrURI)
	}
	return strings.TrimPrefix(uri.Path, "/"), query, nil
}

// checkQuery refuses what could be read in two ways, or changes a meaning that
// this package does not know.
func checkQuery(query url.Values) error {
	for name, values := range query {
		switch name {
		case "secret", "issuer", "algorithm", "digits", "period":
		default:
			return fmt.Errorf("%w: unknown parameter", ErrURI)
		}
		if len(values) != 1 {
			return fmt.Errorf("%w: parameter given twice", ErrURI)
		}
	}
	return nil
}

// readLabel splits "Issuer:account" and settles the issuer. The format allows
// spaces after the colon.
func readLabel(label string, query url.Values) (issuer, account string, err error) {
	issuer, account, prefixed := strings.Cut(label, ":")
	if !prefixed {
		return query.Get("issuer"), label, nil
	}
	if query.Has("issuer") && query.Get("issuer") != issuer {
		return "", "", fmt.Errorf("%w: two different issuers", ErrURI)
	}
	return issuer, strings.TrimLeft(account, " "), nil
}

// readParams takes each value in one spelling only. A value that is there but
// empty is not the default: it is refused.
func readParams(query url.Values) (Params, error) {
	params := DefaultParams()
	if query.Has("algorithm") {
		params.Algorithm = algorithmNamed(query.Get("algorithm"))
	}
	if query.Has("digits") {
		params.Digits = map[string]int{"6": 6, "8": 8}[query.Get("digits")]
	}
	if query.Has("period") {
		params.Period = map[string]time.Duration{"30": 30 * time.Second, "60": 60 * time.Second}[query.Get("period")]
	}
	return params, params.Validate()
}

// algorithmNamed returns the zero Algorithm for a name that is not known.
func algorithmNamed(name string) Algorithm {
	for a := SHA1; a.known(); a++ {
		if a.String() == name {
			return a
		}
	}
	return 0
}

func (k Key) validate() error {
	if !validName(k.Issuer) {
		return fmt.Errorf("issuer: %w", ErrName)
	}
	if !validName(k.Account) {
		return fmt.Errorf("account: %w", ErrName)
	}
	if k.Secret.IsZero() {
		return ErrSecret
	}
	return k.Params.Validate()
}

// validName says what may be shown on a phone and comes back out of a label
// unchanged. Not printable are control bytes, but also what turns a line around
// or takes no room (U+202E, U+200B).
func validName(name string) bool {
	if name == "" || len(name) > maxName || !utf8.ValidString(name) {
		return false
	}
	if strings.HasPrefix(name, " ") || strings.HasSuffix(name, " ") {
		return false
	}
	return strings.IndexFunc(name, func(r rune) bool { return r == ':' || !unicode.IsPrint(r) }) < 0
}

// escape leaves nothing but letters, digits and -_.~@ as it is, so that a name
// reads the same in label and parameter. A space is %20: apps show a + as such.
func escape(name string) string {
	return strings.NewReplacer("+", "%20", "%40", "@").Replace(url.QueryEscape(name))
}
