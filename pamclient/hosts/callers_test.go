package hosts

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"spse-totp/pamclient/hosts/stage"
)

// cliAs runs the CLI with a user's own uid and these groups.
func cliAs(t *testing.T, uid int, groups ...uint32) func(args ...string) *exec.Cmd {
	t.Helper()
	program := cli(t)
	return func(args ...string) *exec.Cmd {
		cmd := exec.Command(program, args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid), Groups: groups}}
		cmd.Dir = "/"
		return cmd
	}
}

// Who may what, by the kernel's word of real uids and groups: the helpdesk by its
// group, which whoever has it as the primary one has too; an administrator who is
// not root yet is nobody; and uid 0 is root's, by whatever name.
func TestTheDaemonKnowsItsCallers(t *testing.T) {
	other, own, administrator := newPerson(t).Name, newPerson(t).Name, newPerson(t).Name
	openHelpdesk(t, administrator)
	cover(t, "/etc/passwd", string(must(os.ReadFile("/etc/passwd")))+"toor:x:0:0::/root:/bin/sh\n", 0o644)
	targets := []string{other, own, administrator, "root", "toor"}
	uid := theFleet.uid(own)
	root, clerk := cliAs(t, 0), cliAs(t, uid, stage.FirstUID, helpdeskGID)
	plain, admin := cliAs(t, uid, stage.FirstUID), cliAs(t, theFleet.uid(administrator), stage.FirstUID, 27) // Debian's group sudo

	may := func(who func(...string) *exec.Cmd, args ...string) {
		t.Helper()
		if said, err := who(args...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v: %s", args, err, said)
		}
	}
	mayNot := func(who func(...string) *exec.Cmd, args ...string) {
		t.Helper()
		said := atSeat(t, who(args...))
		if !strings.Contains(said, "error: you may not do that") && !strings.Contains(said, "is root's to give") {
			t.Errorf("%v: %s", args, said)
		}
	}
	onAccounts := [][]string{
		{"reset", "--reason", "HP hilang"}, {"issue", "--reason", "HP hilang"}, {"disable"}, {"status"},
	}
	rootsAlone := [][]string{
		{"list"}, {"clock"}, {"clock", "accept"}, {"enable", other}, {"remove", other, "--reason", "pindah"},
		{"issue", other, "--reason", "darurat", "--once"},
	}
	on := func(verb []string, name string) []string { return append(append([]string{}, verb...), name) }

	before := versions(t)
	for _, verb := range onAccounts {
		for _, name := range targets {
			allowed := name == other || name == own && verb[0] == "status"
			if !allowed {
				mayNot(clerk, on(verb, name)...)
			}
			if name != own {
				mayNot(plain, on(verb, name)...)
			}
			if name != administrator {
				mayNot(admin, on(verb, name)...)
			}
		}
	}
	for _, who := range []func(...string) *exec.Cmd{clerk, plain, admin} {
		for _, args := range rootsAlone {
			mayNot(who, args...)
		}
		mayNot(who, "activate", other)
		may(who, "status")
		may(who, "whoami")
	}
	if after := versions(t); !maps.Equal(after, before) {
		t.Error("refused, and a record changed")
	}
	for _, verb := range onAccounts {
		may(clerk, on(verb, other)...)
	}
	may(cliAs(t, helpdeskGID, uint32(helpdeskGID)), "status", other)
	for _, args := range rootsAlone {
		may(root, args...)
	}
	for _, name := range []string{own, administrator} {
		for _, verb := range onAccounts {
			may(root, on(verb, name)...)
		}
	}
	if said := string(must(clerk("whoami").Output())); !strings.Contains(said, "helpdesk") {
		t.Errorf("a clerk is told %s", said)
	}
}

// atSeat is all that the program says to somebody who types a code ahead, for the
// prompt that a clerk gets to see.
func atSeat(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	s := sitDown(t, cmd)
	if err := s.Enter("123456"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Ended(); err != nil {
		t.Fatal(err)
	}
	return s.Shown()
}

// versions are those of all records.
func versions(t *testing.T) map[string]uint64 {
	t.Helper()
	var all []struct {
		Name    string
		Version uint64
	}
	if err := json.Unmarshal(must(exec.Command(cli(t), "list", "--json").Output()), &all); err != nil {
		t.Fatal(err)
	}
	found := make(map[string]uint64)
	for _, a := range all {
		found[a.Name] = a.Version
	}
	return found
}
