// Package config reads spse-totp.toml: strictly, once, into one struct.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"spse-totp/daemon/internal/policy"
	"spse-totp/daemon/internal/text"
)

// DefaultPath is where the configuration is looked for.
const DefaultPath = "/etc/spse-totp/spse-totp.toml"

// DatabaseFile is the database's name in the state directory.
const DatabaseFile = "accounts.db"

// Config is all of spse-totp.toml.
type Config struct {
	// Language of all that a person at a prompt reads.
	Language text.Language
	// Issuer names this office's entry in the phone.
	Issuer string
	// Contact of the helpdesk, shown at a refusal; may be empty.
	Contact string

	// Policy says who must give a code.
	Policy policy.Policy

	// SocketDirectory, StateDirectory and Keyset are for a daemon run by hand;
	// under systemd the sockets, the state and the keyset come from there.
	SocketDirectory string
	StateDirectory  string
	Keyset          string

	// PasswordActivates says that the password alone leads to the first phone.
	PasswordActivates bool
	// Helpdesk is the group whose members help others, where there is one, and
	// HelpdeskName is what the file calls it.
	Helpdesk     *uint32
	HelpdeskName string
	// Administrators are the groups, of /etc/group, that the helpdesk cannot help.
	Administrators []string
	// LockAfter is how many wrong codes in a row lock an account, 0 for never.
	LockAfter uint32
}

// Default is what an empty file says.
func Default() Config {
	return Config{
		Language:        text.Indonesian,
		Issuer:          "LPSE",
		SocketDirectory: "/run/spse-totp",
		StateDirectory:  "/var/lib/spse-totp",
		Keyset:          "/etc/spse-totp/keyset.json",

		PasswordActivates: true,
		Administrators:    []string{"sudo"},
	}
}

// FirstActivation is what the file says, or would.
func (c Config) FirstActivation() string {
	if c.PasswordActivates {
		return byPassword
	}
	return byIssuedCode
}

// keys is the file as it is written; nil where a key is not there.
type keys struct {
	Language        *string `toml:"language"`
	Issuer          *string `toml:"issuer"`
	Contact         *string `toml:"contact"`
	SocketDirectory *string `toml:"socket_directory"`
	StateDirectory  *string `toml:"state_directory"`
	Keyset          *string `toml:"keyset"`

	FirstActivation *string    `toml:"first_activation"`
	Helpdesk        *string    `toml:"helpdesk"`
	Administrators  []string   `toml:"administrators"`
	LockAfter       *int64     `toml:"lock_after"`
	Rules           []ruleKeys `toml:"rule"`
}

// Host is what a file is read against.
type Host struct {
	Groups Groups
	// Zone is where the days of rules begin, at midnight.
	Zone *time.Location
	// New, where it is set, is the moment at which a file is to be taken over:
	// an exemption that is over by then is a fault. Of one that was in force
	// before, exemptions may have ended since.
	New time.Time
}

// Groups finds the gid of a group by its name. One that fails with ErrGroupGone
// for a group that it does not find takes the file all the same: the rule then
// fits perhaps.
type Groups func(name string) (gid uint32, found bool, err error)

// ErrGroupGone: a rule names a group that there is not, and need not be.
var ErrGroupGone = errors.New("group is gone")

// Error is a fault in the file, with its place.
type Error struct {
	Path string
	Line int // 0 where the whole file is meant
	Text string
	Hint string // what to do, where it is not to correct the line

	cause error
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.Path, e.Text)
	}
	return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Text)
}

func (e *Error) Unwrap() error { return e.cause }

// HintFor is what to do about an error of Load.
func HintFor(err error) string {
	var fault *Error
	if errors.As(err, &fault) && fault.Hint != "" {
		return fault.Hint
	}
	return "correct it, then look again: spse-totp config check"
}

// Load reads and checks the file.
func Load(path string, on Host) (Config, error) {
	content, err := Read(path)
	if err != nil {
		return Config{}, err
	}
	return Parse(path, content, on)
}

// Parse checks the content of a file; path is for its errors.
func Parse(path string, content []byte, on Host) (Config, error) {
	var said keys
	decoder := toml.NewDecoder(bytes.NewReader(content)).DisallowUnknownFields()
	if err := decoder.Decode(&said); err != nil {
		return Config{}, located(path, err)
	}
	at := placesOf(content)
	if at.folded.key != "" {
		return Config{}, &Error{Path: path, Line: at.folded.line, Text: fmt.Sprintf("unknown key %q: keys are in lower case", at.folded.key)}
	}
	config := Default()
	first := byPassword
	for _, k := range []struct {
		key   string
		value *string
		check func(string) error
		into  *string
	}{
		{"language", said.Language, checkLanguage, (*string)(&config.Language)},
		{"issuer", said.Issuer, checkIssuer, &config.Issuer},
		{"contact", said.Contact, checkContact, &config.Contact},
		{"socket_directory", said.SocketDirectory, checkSocketDirectory, &config.SocketDirectory},
		{"state_directory", said.StateDirectory, checkPath, &config.StateDirectory},
		{"keyset", said.Keyset, checkPath, &config.Keyset},
		{"first_activation", said.FirstActivation, checkFirstActivation, &first},
	} {
		if k.value == nil {
			continue
		}
		if err := k.check(*k.value); err != nil {
			return Config{}, &Error{Path: path, Line: at.top[k.key], Text: k.key + " " + err.Error()}
		}
		*k.into = *k.value
	}
	config.PasswordActivates = first == byPassword
	if fault := readDesk(said, at, on, &config); fault != nil {
		fault.Path = path
		return Config{}, fault
	}
	rules, fault := readRules(said.Rules, at, on)
	if fault != nil {
		fault.Path = path
		return Config{}, fault
	}
	config.Policy.Rules = rules
	return config, nil
}

// located puts the decoder's errors into our own words: its own leak names of
// the program, and an unknown key has no line.
func located(path string, err error) error {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) && len(unknown.Errors) > 0 {
		first := unknown.Errors[0]
		line, _ := first.Position()
		return &Error{Path: path, Line: line, Text: fmt.Sprintf("unknown key %q", strings.Join(first.Key(), "."))}
	}
	var decode *toml.DecodeError
	if !errors.As(err, &decode) {
		return &Error{Path: path, Text: "not TOML"}
	}
	line, _ := decode.Position()
	said := decode.Error()
	if key := decode.Key(); len(key) > 0 && (strings.Contains(said, "cannot decode") || strings.Contains(said, "are expected to have the format")) {
		return &Error{Path: path, Line: line, Text: strings.Join(key, ".") + " wants " + wanted(key[len(key)-1])}
	}
	return &Error{Path: path, Line: line, Text: strings.TrimPrefix(said, "toml: ")}
}

// wanted is the shape of a key's value.
func wanted(key string) string {
	switch key {
	case "rule":
		return "each rule under a line [[rule]]"
	case "services", "accounts":
		return `texts in quotes, in brackets, such as ["sshd", "sudo"]`
	case "groups":
		return `names in quotes or numbers, in brackets, such as ["lpse", 30000]`
	case "from":
		return `networks in quotes, in brackets, such as ["203.0.113.0/24"]`
	case "until", "mandatory_from":
		return "a date, without quotes, such as 2027-01-31"
	case "administrators":
		return `names of groups in quotes, in brackets, such as ["sudo"]`
	case "lock_after":
		return "a number from 10 to 100, or 0 for never"
	default:
		return "one text in quotes"
	}
}

func checkLanguage(s string) error {
	if !text.Spoken(text.Language(s)) {
		return errors.New(`is "id" or "en"`)
	}
	return nil
}

// maxIssuer keeps the QR of a usual account within 80x24: bytes, percent-encoded.
const maxIssuer = 24

func checkIssuer(s string) error {
	switch {
	case s == "" || s != strings.TrimSpace(s) || !printable(s):
		return errors.New(`is a name in plain letters, such as "LPSE Kudus"`)
	case strings.Contains(s, ":"):
		return errors.New("cannot hold a colon: apps read it as the end of the name")
	case len(url.PathEscape(s)) > maxIssuer:
		return fmt.Errorf("is too long for a QR that fits the screen: at most %d letters, a space counting as three", maxIssuer)
	}
	return nil
}

// What first_activation can be.
const (
	byPassword   = "password"
	byIssuedCode = "issued-code"
)

func checkFirstActivation(s string) error {
	if s != byPassword && s != byIssuedCode {
		return errors.New(`is "password" or "issued-code"`)
	}
	return nil
}

const maxContact = 100

func checkContact(s string) error {
	if len(s) > maxContact || !printable(s) {
		return fmt.Errorf("is one line of at most %d plain letters", maxContact)
	}
	return nil
}

func checkPath(s string) error {
	if !filepath.IsAbs(s) || filepath.Clean(s) != s || strings.ContainsRune(s, 0) {
		return errors.New("is a full path, from / on")
	}
	return nil
}

// maxSocketDirectory leaves room for the sockets' names in a sun_path (unix(7)).
const maxSocketDirectory = 107 - len("/control.sock")

func checkSocketDirectory(s string) error {
	if len(s) > maxSocketDirectory {
		return fmt.Errorf("is too long for a socket: at most %d bytes", maxSocketDirectory)
	}
	return checkPath(s)
}

// printable says whether all is ASCII that every terminal prints.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
