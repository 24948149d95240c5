// Package man holds the manual pages, in mdoc(7). Its tests hold each page to
// what it is about: no command, flag, key or argument is missing, and none is
// named that there is not.
//
// They need what `make build` makes, and Debian's groff-base and mandoc.
package man

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	program = "../../build/spse-totp"

	cliPage    = "spse-totp.1"
	configPage = "spse-totp.toml.5"
	daemonPage = "spse-totpd.8"
	modulePage = "pam_spse_totp.8"
)

var pages = []string{cliPage, configPage, daemonPage, modulePage}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// run runs spse-totp, which is to succeed, and returns what it says on standard
// output.
func run(t *testing.T, args ...string) string {
	t.Helper()
	if _, err := os.Stat(program); err != nil { // by which go test knows whether it is a new one
		t.Fatalf("%v (make build)", err)
	}
	said, err := exec.Command(program, args...).Output()
	if err != nil {
		t.Fatalf("spse-totp %s: %v", strings.Join(args, " "), err)
	}
	return string(said)
}

// without skips the test where a program is missing and need not be there.
func without(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("SPSE_TOTP_REQUIRE_TOOLS") == "1" {
		t.Fatalf("%s is missing, and SPSE_TOTP_REQUIRE_TOOLS=1 wants it: packaging/dependencies", program)
	}
	t.Skipf("no %s here", program)
}

// mandoc knows mdoc best, and groff is what man(1) shows the pages by on Debian.
func TestThePagesAreWellFormed(t *testing.T) {
	for _, lint := range [][]string{
		{"mandoc", "-Tlint", "-Wwarning"},
		{"groff", "-mdoc", "-Tutf8", "-ww", "-z"},
	} {
		t.Run(lint[0], func(t *testing.T) {
			without(t, lint[0])
			for _, page := range pages {
				if said, err := exec.Command(lint[0], append(lint[1:], page)...).CombinedOutput(); err != nil || len(said) > 0 {
					t.Errorf("%s: %v: %s", page, err, said)
				}
			}
		})
	}
}

// same complains of what the page does not name, and of what it names that there
// is not.
func same(t *testing.T, page, what string, named, are []string) {
	t.Helper()
	for _, one := range are {
		if !slices.Contains(named, one) {
			t.Errorf("%s does not name the %s %s", page, what, one)
		}
	}
	for _, one := range named {
		if !slices.Contains(are, one) {
			t.Errorf("%s names the %s %s, which there is not", page, what, one)
		}
	}
}

func matches(pattern, text string) []string {
	var found []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

// items are what the heads of a page's lists name behind a macro, as of
// `.It Ic a , b`: a and b.
func items(page, macro string) []string {
	var found []string
	for _, head := range matches(`(?m)^\.It `+macro+` (.*)$`, page) {
		for name := range strings.SplitSeq(head, " , ") {
			found = append(found, strings.TrimPrefix(strings.Fields(name)[0], "-"))
		}
	}
	return found
}

// commandLines are the commands of the page, each flag as `command --flag`; what
// all commands take is of the command without a name.
func commandLines(page string) []string {
	var found []string
	for _, head := range matches(`(?m)^\.It ((?:Ic|Fl) .*)$`, page) {
		command := strings.TrimSpace(strings.Join(matches(`^Ic ([a-z ]+)`, head), ""))
		if command != "" {
			found = append(found, command)
		}
		for _, flag := range matches(`(?:Fl|,) -([a-z]+)`, head) {
			found = append(found, strings.TrimSpace(command+" --"+flag))
		}
	}
	return found
}

// commandsOf walks the program's help from a command on. A command that only
// leads to others is none.
func commandsOf(t *testing.T, command string) []string {
	help := run(t, append(strings.Fields(command), "--help")...)
	_, flags, _ := strings.Cut(help, "\nFlags:\n")
	flags, _, _ = strings.Cut(flags, "\nGlobal Flags:\n")
	var found []string
	for _, flag := range matches(`(?m)^ .*--([a-z]+)`, flags) {
		if flag != "help" || command == "" {
			found = append(found, strings.TrimSpace(command+" --"+flag))
		}
	}
	_, list, leads := strings.Cut(help, "\nAvailable Commands:\n")
	if command != "" && (!leads || len(found) > 0) {
		found = append(found, command)
	}
	list, _, _ = strings.Cut(list, "\n\n")
	for _, name := range matches(`(?m)^  ([a-z]+) `, list) {
		found = append(found, commandsOf(t, strings.TrimSpace(command+" "+name))...)
	}
	return found
}

func TestCommandsAndFlags(t *testing.T) {
	same(t, cliPage, "command or flag", commandLines(read(t, cliPage)), commandsOf(t, ""))
}

func TestExitCodes(t *testing.T) {
	_, codes, _ := strings.Cut(run(t, "--help"), "\nExit codes:\n")
	codes, _, _ = strings.Cut(codes, "\n\n")
	are := matches(`(?m)^  (\d+) `, codes)
	if len(are) < 4 {
		t.Fatalf("the help knows %v", are)
	}
	same(t, cliPage, "exit code", matches(`(?m)^\.It (\d+)$`, read(t, cliPage)), are)
}

func TestDaemonFlags(t *testing.T) {
	are := matches(`flag\.\w+\("(\w+)"`, read(t, "../../daemon/cmd/spse-totpd/main.go"))
	named := items(read(t, daemonPage), "Fl")
	same(t, daemonPage, "flag", named, append(are, "h", "help"))
}

func TestConfigurationKeys(t *testing.T) {
	files, err := filepath.Glob("../../daemon/internal/config/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var are []string
	for _, file := range files {
		are = append(are, matches("`toml:\"(\\w+)\"`", read(t, file))...)
	}
	same(t, configPage, "key", items(read(t, configPage), "Ic"), are)
}

func TestModuleArguments(t *testing.T) {
	are := matches(`(?:after|strcmp)\(argument, "(\w+=?)"\)`, read(t, "../../pamclient/args.c"))
	same(t, modulePage, "argument", items(read(t, modulePage), "Cm"), are)
}

// What a page shows as a file is one.
func TestTheConfigurationShownIsTaken(t *testing.T) {
	shown := matches(`(?s)\n\.Bd -literal -offset indent\n(.*?)\.Ed\n`, read(t, configPage))
	if len(shown) == 0 {
		t.Fatal("none is shown")
	}
	for _, content := range shown {
		path := filepath.Join(t.TempDir(), "spse-totp.toml")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if said, err := exec.Command(program, "config", "check", "--config", path).CombinedOutput(); err != nil {
			t.Errorf("%v: %s%s", err, said, content)
		}
	}
}

// A page that another refers to is there, if it is one of ours.
func TestReferences(t *testing.T) {
	for _, page := range pages {
		for _, m := range regexp.MustCompile(`(?m)^\.Xr (\S*spse\S*) (\d)`).FindAllStringSubmatch(read(t, page), -1) {
			if to := m[1] + "." + m[2]; !slices.Contains(pages, to) {
				t.Errorf("%s refers to %s", page, to)
			}
		}
	}
}
