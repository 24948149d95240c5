package host

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The module's own list is in C: what one of the two does not know is a door
// left open, or a false alarm.
func TestTheModuleTakesTheseArguments(t *testing.T) {
	source, err := os.ReadFile("../../../pamclient/args.c")
	if err != nil {
		t.Fatal(err)
	}
	find := func(pattern string) []string {
		var all []string
		for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(source), -1) {
			all = append(all, match[1])
		}
		return all
	}
	named := slices.Concat(find(`after\(argument, "([^"]*)"\)`), find(`strcmp\(argument, "([^"]*)"\)`))
	var ours []string
	for _, a := range moduleArguments {
		ours = append(ours, a.name)
	}
	if !slices.Equal(named, ours) {
		t.Errorf("args.c takes %q, this list is %q", named, ours)
	}
	for what, pattern := range map[string]string{
		"split=":    `args->split == (6) \|\| args->split == 8\)`,
		"timeout=":  `TIMEOUT_MAX = (60) `,
		"at least":  `args->timeout >= (1) &&`,
		"socket=":   `text\[0\] != '(/)' \|\| strlen\(text\) >= sizeof\(\(\(struct sockaddr_un`,
		"a list":    `if \((\*at <= ' ' \|\| \*at > '~' \|\| \*at == '/' \|\| \(\*at >= 'A' && \*at <= 'Z'\))\)`,
		"a number":  `if \((length < 1 \|\| length > 2)\)`,
		"all there": `(static bool read_argument)`,
	} {
		if len(find(pattern)) != 1 {
			t.Errorf("%s: args.c judges values otherwise than it did when this list was made", what)
		}
	}
}

func TestArguments(t *testing.T) {
	for what, c := range map[string]struct {
		arguments string
		want      given
	}{
		"none":           {"", given{}},
		"all":            {"socket=/run/x services=sshd,su account=sshd split=6 timeout=60 debug", given{services: []string{"sshd", "su"}, account: []string{"sshd"}, split: true}},
		"other values":   {"split=8 timeout=1", given{split: true}},
		"two digits":     {"split=06 timeout=01", given{split: true}},
		"longest socket": {"socket=/" + strings.Repeat("x", 106), given{}},
	} {
		got := readArguments(strings.Fields(c.arguments))
		if !slices.Equal(got.services, c.want.services) || !slices.Equal(got.account, c.want.account) || got.split != c.want.split || got.bad != "" {
			t.Errorf("%s: %+v, want %+v", what, got, c.want)
		}
	}
	for _, bad := range []string{
		"nullok", "servces=sshd", "Services=sshd", "services", "services=", "services=,", "services=sshd,", "services=,sshd", "services=sshd,,su",
		"services=SSHD", "services=ssh/d", "services=ssh d", "services=sshd\r", "services=ssh\u00e9", "account=", "account=Sshd",
		"socket=", "socket=run", "socket=/" + strings.Repeat("x", 107), "split=", "split=7", "split=006", "split=+6", "split=6x",
		"timeout=", "timeout=0", "timeout=61", "timeout=100", "timeout=-1", "debug=", "debug=1", "Debug", "",
	} {
		if got := readArguments([]string{"debug", bad}); got.bad != bad {
			t.Errorf("%q: %+v", bad, got)
		}
	}
	for _, twice := range []string{"socket=/a", "services=a", "account=a", "split=6", "timeout=5", "debug"} {
		if got := readArguments([]string{twice, twice}); got.bad != twice {
			t.Errorf("%q twice: %+v", twice, got)
		}
	}
}
