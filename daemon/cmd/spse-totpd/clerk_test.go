package main

import (
	"encoding/base32"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/internal/control"
	"spse-totp/pamclient/hosts/stage"
	"spse-totp/totp"
)

// The users and the helpdesk's group of a machine of its own, which the daemon and
// the CLI see in place of this one.
const (
	budiUID, clerkUID, adminUID = 63001, 63002, 63003
	helpdeskGID                 = 63100

	clerksPasswd = `root:x:0:0:root:/root:/bin/sh
budi:x:63001:63001:Budi Santoso,,,:/:/bin/sh
clerk:x:63002:63002::/:/bin/sh
admin:x:63003:63003::/:/bin/sh
`
	clerksGroup = `root:x:0:
helpdesk:x:63100:clerk
sudo:x:63101:admin
`
)

// clerksOffice is a daemon on that machine, and the CLI beside it.
type clerksOffice struct {
	*bench
	daemon *process
	cli    string
}

func newClerksOffice(t *testing.T, people ...string) (*clerksOffice, []person) {
	t.Helper()
	needRoot(t, "give the daemon users of its own")
	b := newBench(t)
	b.configure(`helpdesk = "helpdesk"`)
	b.write("passwd", clerksPasswd)
	b.write("group", clerksGroup)
	for path, mode := range map[string]os.FileMode{"passwd": 0o644, "group": 0o644, ".": 0o755, "control.sock": 0o666} {
		if err := os.Chmod(b.path(path), mode); err != nil { // as systemd gives the socket
			t.Fatal(err)
		}
	}
	cli := filepath.Join(b.dir, "spse-totp")
	build := exec.Command("go", append(append([]string{"build"}, buildFlags...), "-o", cli, "../spse-totp")...)
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the CLI: %v\n%s", err, said)
	}
	all := b.people(people...)
	b.privately(`mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/group" /etc/group`, b.dir)
	return &clerksOffice{b, b.start(), cli}, all
}

// command runs the CLI as a user with these groups beside the own.
func (o *clerksOffice) command(uid int, groups []int, args ...string) []string {
	all := []string{strconv.Itoa(uid)}
	for _, gid := range groups {
		all = append(all, strconv.Itoa(gid))
	}
	return append([]string{
		"nsenter", "-t", strconv.Itoa(o.daemon.cmd.Process.Pid), "-m",
		"setpriv", "--reuid", all[0], "--regid", all[0], "--groups", strings.Join(all, ","),
		o.cli, "--socket", o.path("control.sock"),
	}, args...)
}

// seat seats the user at a terminal in front of the CLI. The shell waits for one
// more Enter, so that what was said last is read before the session ends.
func (o *clerksOffice) seat(uid int, groups []int, args ...string) *seated {
	o.t.Helper()
	line := append([]string{"-c", `"$@"; echo "exit $?."; read -r end`, "sh"}, o.command(uid, groups, args...)...)
	terminal, err := stage.Open(io.Discard, exec.Command("sh", line...))
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(terminal.Close)
	return &seated{o.t, terminal}
}

// seated is a person at a terminal.
type seated struct {
	t        *testing.T
	terminal *stage.Terminal
}

// sees waits for the text, and returns what came with it.
func (s *seated) sees(text string) string {
	s.t.Helper()
	return s.reads(regexp.QuoteMeta(text))
}

func (s *seated) reads(pattern string) string {
	s.t.Helper()
	read, err := s.terminal.Wait(pattern)
	if err != nil {
		s.t.Fatalf("%v; it showed\n%s", err, s.terminal.Shown())
	}
	return read
}

func (s *seated) types(line string) {
	s.t.Helper()
	if err := s.terminal.Enter(line); err != nil {
		s.t.Fatal(err)
	}
}

// leaves waits for the CLI's end.
func (s *seated) leaves(status int) {
	s.t.Helper()
	s.sees(fmt.Sprintf("exit %d.", status))
	s.types("")
	if _, err := s.terminal.Ended(); err != nil {
		s.t.Error(err)
	}
}

// version is that of an account's record, as root sees it.
func (o *clerksOffice) version(name string) uint64 {
	o.t.Helper()
	a, err := ask[control.Account](o.bench, http.MethodGet, control.PathAccount, name, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	return a.Version
}

// A clerk, a lost phone, a letter: the reset by conversation, the code read out,
// and the new phone.
func TestAClerkResetsAndThePersonActivates(t *testing.T) {
	t.Parallel()
	o, people := newClerksOffice(t, "budi")
	old := people[0]
	desk := o.seat(clerkUID, []int{helpdeskGID}, "reset")
	desk.sees("User ID of the person")
	desk.types("budy")
	desk.sees(`There is no account "budy"`)
	desk.types("budi")
	desk.sees("Full name: Budi Santoso\r\n")
	desk.sees("Last login by a code: never\r\n")
	desk.sees("State: active\r\n")
	desk.sees("Number of the letter")
	desk.types("027/12/2026")
	desk.sees("Reason")
	desk.types("HP hilang")
	desk.sees("(y/N): ")
	desk.types("y")
	desk.sees("Read out to the person, good until ")
	desk.reads(`[0-9]{2}:[0-9]{2}:\r\n`) // the code is on a line of its own
	code := strings.TrimSpace(desk.reads(`[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{5}\r\n`))
	desk.leaves(0)
	told := o.daemon.await(audit.Reset)
	if told["SPSE_TOTP_WHY"] != "HP hilang" || told["SPSE_TOTP_LETTER"] != "027/12/2026" || !strings.Contains(told["SPSE_TOTP_CALLER"], strconv.Itoa(clerkUID)) {
		t.Errorf("the journal is told %v", told)
	}

	phone := o.seat(budiUID, nil, "activate")
	phone.sees("Activation code from the LPSE helpdesk")
	phone.types(old.code(0)) // of the phone that was taken away
	phone.sees("The code was not accepted.")
	phone.sees("Activation code from the LPSE helpdesk")
	phone.types(strings.ToLower(code))
	shown := phone.reads(`Or type: [A-Z2-7 ]+`)
	_, byHand, _ := strings.Cut(shown, "Or type: ")
	raw, err := base32.StdEncoding.DecodeString(strings.ReplaceAll(byHand, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := totp.SecretFromBytes(raw)
	if err != nil {
		t.Fatal(err)
	}
	phone.sees("digits on the phone")
	phone.types(person{t: t, name: "budi", secret: secret}.code(0))
	phone.sees("Active.")
	phone.leaves(0)
	a, err := ask[control.Account](o.bench, http.MethodGet, control.PathAccount, "budi", nil)
	if err != nil || !a.Active || a.Happened[0].Change != "activated-by-issued-code" {
		t.Errorf("afterwards %+v, %v", a, err)
	}
}

// Of an administrator, of root and of itself the helpdesk changes nothing; nor
// does who is in its group no longer, by the kernel's word.
func TestWhatAClerkMayNot(t *testing.T) {
	t.Parallel()
	o, _ := newClerksOffice(t, "budi", "clerk", "admin", "root")
	clerks := []int{helpdeskGID}
	desk := o.seat(clerkUID, clerks, "reset")
	desk.sees("User ID of the person")
	desk.types("admin")
	desk.sees("You may not reset admin")
	desk.sees("Stopped; nothing has changed.")
	desk.leaves(1)

	gone := o.seat(clerkUID, nil, "reset")
	gone.sees("error: only root and the helpdesk reset accounts")
	gone.leaves(1)

	for _, c := range []struct {
		uid    int
		groups []int
		args   []string
	}{
		{clerkUID, clerks, []string{"reset", "admin", "--reason", "x"}},
		{clerkUID, clerks, []string{"issue", "admin", "--reason", "x"}},
		{clerkUID, clerks, []string{"disable", "admin"}},
		{clerkUID, clerks, []string{"reset", "root", "--reason", "x"}},
		{clerkUID, clerks, []string{"reset", "clerk", "--reason", "x"}},
		{clerkUID, clerks, []string{"issue", "budi", "--reason", "x", "--once"}},
		{clerkUID, clerks, []string{"enable", "budi"}},
		{clerkUID, clerks, []string{"remove", "budi", "--reason", "x"}},
		{clerkUID, clerks, []string{"clock", "accept"}},
		{clerkUID, clerks, []string{"reset", "budi", "--reason", "HP\nhilang"}},
		{clerkUID, clerks, []string{"reset", "budi", "--reason", strings.Repeat("x", 10_000)}},
		{clerkUID, clerks, []string{"issue", "budi", "--reason", "x", "--letter", "027\x1b[2J"}},
		{clerkUID, clerks, []string{"issue", "budi", "--reason", "x", "--valid", "8d"}},
		{clerkUID, nil, []string{"reset", "budi", "--reason", "x"}},
		{budiUID, nil, []string{"issue", "budi", "--reason", "x"}},
		{budiUID, nil, []string{"reset", "clerk", "--reason", "x"}},
		{adminUID, []int{63101}, []string{"reset", "budi", "--reason", "x"}}, // without sudo
	} {
		line := o.command(c.uid, c.groups, c.args...)
		command := exec.Command(line[0], line[1:]...)
		said, err := command.CombinedOutput()
		if err == nil || command.ProcessState.ExitCode() != 1 || !strings.HasPrefix(string(said), "error: ") {
			t.Errorf("uid %d, %q: %v, it says %q", c.uid, c.args, err, said)
		}
	}
	for _, name := range []string{"budi", "clerk", "admin", "root"} {
		if v := o.version(name); v != 1 {
			t.Errorf("the record of %s has version %d", name, v)
		}
	}
	for _, kind := range []audit.Kind{audit.Reset, audit.Issue, audit.Disable, audit.Enable, audit.Remove, audit.Clock} {
		if told := o.daemon.told(kind); len(told) > 0 {
			t.Errorf("the journal is told %v", told)
		}
	}
	for kernelSays, groups := range map[string][]int{"yes": clerks, "no": nil} {
		line := o.command(clerkUID, groups, "whoami")
		if said, err := exec.Command(line[0], line[1:]...).Output(); err != nil || !strings.Contains(string(said), "helpdesk  "+kernelSays+"\n") {
			t.Errorf("%v: whoami says %s, %v", groups, said, err)
		}
	}
}
