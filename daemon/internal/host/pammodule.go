package host

import (
	"slices"
	"strings"
)

// ourModule is the file name of the PAM module, wherever it is.
const ourModule = "pam_spse_totp.so"

// moduleArguments are all that the module takes, each with what its value must
// be. pamclient/args.c has the last word; a test holds this to it.
var moduleArguments = []struct {
	name string
	good func(value string) bool
}{
	{"socket=", func(v string) bool { return strings.HasPrefix(v, "/") && len(v) <= 107 }}, // sun_path, with its NUL
	{"services=", isList},
	{"account=", isList},
	{"split=", func(v string) bool { n, ok := shortNumber(v); return ok && (n == 6 || n == 8) }},
	{"timeout=", func(v string) bool { n, ok := shortNumber(v); return ok && 1 <= n && n <= 60 }},
	{"debug", func(v string) bool { return v == "" }},
}

// isList says whether these are names with single commas between them.
func isList(v string) bool {
	for name := range strings.SplitSeq(v, ",") {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' || 'A' <= r && r <= 'Z' }) {
			return false
		}
	}
	return true
}

// shortNumber reads one or two digits.
func shortNumber(v string) (n int, ok bool) {
	for _, r := range v {
		if r < '0' || r > '9' {
			return 0, false
		}
		n = 10*n + int(r-'0')
	}
	return n, len(v) == 1 || len(v) == 2
}

// given is what the arguments of a line of ours say.
type given struct {
	services []string // nil: every service
	account  []string
	split    bool
	bad      string // the argument that the module refuses; then nothing else counts
}

func readArguments(arguments []string) given {
	var g given
	seen := make(map[string]bool)
	for _, argument := range arguments {
		name, value := cutArgument(argument)
		if name == "" || seen[name] {
			return given{bad: argument}
		}
		seen[name] = true
		switch name {
		case "services=":
			g.services = strings.Split(value, ",")
		case "account=":
			g.account = strings.Split(value, ",")
		case "split=":
			g.split = true
		}
	}
	return g
}

// cutArgument finds the name; empty where the module refuses the argument.
func cutArgument(argument string) (name, value string) {
	for _, a := range moduleArguments {
		if value, ok := strings.CutPrefix(argument, a.name); ok && a.good(value) {
			return a.name, value
		}
	}
	return "", ""
}

// covers says whether services= lets the line do anything for the service.
func (g given) covers(service string) bool {
	return g.services == nil || slices.Contains(g.services, service)
}

// actsFor says whether the line asks the service for a code, or in the account
// phase for one given before. What the module refuses acts for all.
func (g given) actsFor(service string, kind Kind) bool {
	return g.bad != "" || g.covers(service) && (kind == Auth || slices.Contains(g.account, service))
}
