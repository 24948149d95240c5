package host

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	sshFolder   = "etc/ssh"
	sshdConfig  = "etc/ssh/sshd_config"
	maxSSHDepth = 16  // files that include one another
	maxSSHFiles = 256 // read in all, so that includes cannot multiply without end
)

// DefaultGraceTime is sshd's, for a whole login (LoginGraceTime).
const DefaultGraceTime = 120 * time.Second

// SSHD is what sshd_config(5) says of logins. What a machine's sshd is told on
// its command line is not seen.
type SSHD struct {
	settings []sshdSetting // in their order: of each keyword the first counts
	dropIn   int           // how many stand before SSHDropIn, or would if it were there; -1 where it is not included
}

// SSHDropIn is our file, which Debian's sshd_config includes before all else and
// which sorts before others.
const SSHDropIn = "etc/ssh/sshd_config.d/00-spse-totp.conf"

type sshdSetting struct {
	Place
	keyword string // in lower case
	values  []string
	scope   sshdScope
}

// sshdScope is for whom a setting holds. What Match blocks say counts before the
// rest, and of them the first.
type sshdScope int

const (
	general  sshdScope = iota // outside of Match blocks
	matchAll                  // for everybody
	forSome
)

// ReadSSHD reads the configuration of the machine with that root folder. One
// without an sshd has none, which is no error.
func ReadSSHD(root fs.FS) (SSHD, error) {
	r := sshdReader{root: root, found: SSHD{dropIn: -1}}
	if err := r.read(sshdConfig, general, 0); err != nil {
		return SSHD{}, err
	}
	return r.found, nil
}

// ProvesFirst says whether a login comes to PAM's auth stack only after another
// method has proved who it is, such as a key: all lists of AuthenticationMethods
// begin with one, also in Match blocks.
func (s SSHD) ProvesFirst() bool {
	always := false
	for _, setting := range s.all("authenticationmethods") {
		if !slices.ContainsFunc(setting.values, beginsWithPAM) {
			always = always || setting.scope != forSome
			continue
		}
		return false
	}
	return always
}

// beginsWithPAM says whether a list of methods may come to PAM first.
func beginsWithPAM(methods string) bool {
	first, _, _ := strings.Cut(methods, ",")
	first, _, _ = strings.Cut(first, ":") // a device
	return !slices.Contains([]string{"publickey", "hostbased", "gssapi-with-mic"}, first)
}

// GraceTime is how long a login may take; 0 is for ever.
func (s SSHD) GraceTime() time.Duration {
	for _, setting := range s.all("logingracetime") {
		if setting.scope != forSome && len(setting.values) > 0 {
			return sshdTime(setting.values[0])
		}
	}
	return DefaultGraceTime
}

// all are the settings that may count: the one for everybody, and those for some.
func (s SSHD) all(keyword string) []sshdSetting {
	var some, others []sshdSetting
	for _, setting := range s.settings {
		switch {
		case setting.keyword != keyword:
		case setting.scope == forSome:
			some = append(some, setting)
		case len(others) == 0 || setting.scope == matchAll && others[0].scope == general:
			others = []sshdSetting{setting}
		}
	}
	return append(others, some...)
}

// sshdTime reads 120, 2m or 1h30m; what sshd would not take is its default.
func sshdTime(text string) time.Duration {
	if text == "none" {
		return 0
	}
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	var total time.Duration
	for rest := strings.ToLower(text); rest != ""; {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, err := strconv.ParseUint(rest[:digits], 10, 16)
		if err != nil {
			return DefaultGraceTime
		}
		unit := time.Second
		if rest = rest[digits:]; rest != "" {
			if unit = units[rest[0]]; unit == 0 {
				return DefaultGraceTime
			}
			rest = rest[1:]
		}
		total += time.Duration(n) * unit
	}
	return total
}

type sshdReader struct {
	root  fs.FS
	found SSHD
	files int
}

// read reads one file, which is included where this holds.
func (r *sshdReader) read(name string, within sshdScope, depth int) error {
	if r.files++; r.files > maxSSHFiles || depth > maxSSHDepth {
		return fmt.Errorf("/%s: too many files include one another", name)
	}
	content, err := wholeFile(r.root, name)
	if err != nil {
		return err
	}
	scope := within
	number := 0
	for line := range strings.Lines(string(content)) {
		number++
		words := sshdWords(line)
		if len(words) == 0 {
			continue
		}
		keyword, values := sshdKeyword(words[0]), words[1:]
		switch keyword {
		case "match":
			scope = max(within, matchAll)
			if !slices.Equal(values, []string{"all"}) {
				scope = forSome
			}
		case "include":
			for _, pattern := range values {
				if err := r.include(pattern, scope, depth); err != nil {
					return err
				}
			}
		default:
			r.found.settings = append(r.found.settings, sshdSetting{Place{"/" + name, number}, keyword, values, scope})
		}
	}
	return nil
}

// include reads what the pattern stands for, in the order of names.
func (r *sshdReader) include(pattern string, scope sshdScope, depth int) error {
	if !strings.HasPrefix(pattern, "/") {
		pattern = path.Join("/", sshFolder, pattern)
	}
	pattern = path.Clean(pattern)[1:]
	names, err := fs.Glob(r.root, pattern)
	if err != nil {
		return nil // no pattern: sshd finds nothing either
	}
	ours, _ := path.Match(pattern, SSHDropIn)
	ours = ours && scope == general
	for _, name := range names {
		if ours && name >= SSHDropIn {
			r.dropInHere()
		}
		if err := r.read(name, scope, depth+1); err != nil {
			return err
		}
	}
	if ours {
		r.dropInHere()
	}
	return nil
}

// dropInHere notes that SSHDropIn is read here, the first time.
func (r *sshdReader) dropInHere() {
	if r.found.dropIn < 0 {
		r.found.dropIn = len(r.found.settings)
	}
}

// sshdKeyword is the name of a keyword that has several.
func sshdKeyword(word string) string {
	switch word = strings.ToLower(word); word {
	case "challengeresponseauthentication", "skeyauthentication":
		return "kbdinteractiveauthentication"
	}
	return word
}

// sshdWords are the words of a line: keyword and values, a = after the keyword
// being a blank, and quotes around a value taken off.
func sshdWords(line string) []string {
	line, _, _ = strings.Cut(line, "#")
	keyword, rest, found := strings.Cut(strings.TrimSpace(line), "=")
	if found && !strings.ContainsAny(strings.TrimSpace(keyword), " \t") {
		line = keyword + " " + rest
	}
	words := strings.Fields(line)
	for i, word := range words {
		words[i] = strings.Trim(word, `"`)
	}
	return words
}
