package hosts

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"spse-totp/pamclient/hosts/people"
	"spse-totp/pamclient/hosts/stage"
)

// asUser runs a program with a user's own rights.
func asUser(uid int, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: stage.FirstUID}}
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// cli is the CLI where every user can run it.
func cli(t *testing.T) string {
	t.Helper()
	path := filepath.Join(stage.Dir, "spse-totp")
	if _, err := os.Stat(path); err == nil {
		return path // somebody may be running it
	}
	if err := os.WriteFile(path, must(os.ReadFile("../../build/spse-totp")), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// Once activated, the secret is out of reach of its owner's processes, and so
// are daemon, keyset and records.
func TestTheOwnersProcessesReadNoSecret(t *testing.T) {
	owner := theFleet.crowd.People()[0]
	uid := theFleet.uid(owner.Name)
	program := cli(t)
	pid := theFleet.daemon.Process.Pid
	state := stage.Dir + "/state"
	for _, args := range [][]string{
		{program, "status"},
		{program, "status", "--json"},
		{"cat", stage.Dir + "/keyset.json"},
		{"cat", state + "/accounts.db"},
		{"cat", state + "/accounts.db-wal"},
		{"ls", state},
		{"cat", fmt.Sprintf("/proc/%d/environ", pid)},
		{"cat", fmt.Sprintf("/proc/%d/maps", pid)},
		{"dd", fmt.Sprintf("if=/proc/%d/mem", pid), "bs=1", "count=1"},
		{"ls", fmt.Sprintf("/proc/%d/fd", pid)},
	} {
		said, err := asUser(uid, args[0], args[1:]...)
		if own := args[0] == program; own != (err == nil) {
			t.Errorf("%v: %v: %s", args, err, said)
		}
		mustNotTell(t, strings.Join(args, " "), said, owner)
	}
	for _, e := range theFleet.events.of(owner.Name) {
		mustNotTell(t, "an event", fmt.Sprint(e), owner)
	}
}

func mustNotTell(t *testing.T, what, said string, s *people.Person) {
	t.Helper()
	for _, form := range []string{s.Key.Secret.Base32(), s.Key.Secret.Grouped(), string(s.Key.Secret.Bytes())} {
		if strings.Contains(said, form) {
			t.Errorf("%s tells the secret", what)
		}
	}
}

// The database and all that was logged hold no secret and no password.
func TestNothingAtRestOrInALogHoldsASecret(t *testing.T) {
	for _, file := range []string{"accounts.db", "accounts.db-wal"} {
		b := must(os.ReadFile(stage.Dir + "/state/" + file))
		for _, s := range theFleet.crowd.People()[:20] {
			if bytes.Contains(b, s.Key.Secret.Bytes()) || bytes.Contains(b, []byte(s.Key.Secret.Base32())) {
				t.Errorf("%s holds the secret of %s", file, s.Name)
			}
		}
	}
	for _, s := range theFleet.crowd.People()[:20] {
		theFleet.events.mustNotHold(t, s.Key.Secret.Base32())
	}
	theFleet.events.mustNotHold(t, stage.Password)
}

// Nobody acts for another, nor reads their state, and pam.sock is root's.
func TestNobodyActsForAnother(t *testing.T) {
	program := cli(t)
	self := theFleet.crowd.People()[0].Name
	uid := theFleet.uid(self)
	other := theFleet.crowd.People()[1].Name
	for _, args := range [][]string{
		{"status", other},
		{"list"},
		{"reset", other, "--reason", "HP hilang"},
		{"reset", self, "--reason", "HP hilang"}, // not even one's own
		{"disable", other},
		{"enable", other},
		{"remove", other, "--reason", "pindah"},
	} {
		said, err := asUser(uid, program, args...)
		if err == nil || !strings.Contains(said, "error: you may not do that") {
			t.Errorf("%v: %v: %s", args, err, said)
		}
	}
	info := must(os.Stat(stage.PAMSocket))
	if info.Mode().Perm() != 0o600 || info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("pam.sock is %v", info.Mode())
	}
}

// The module opens nothing below a user's folder, and nothing to write.
func TestTheModuleOpensNothingOfAUsers(t *testing.T) {
	driver := buildDriver(t)
	name, code := theFleet.code(t)
	trace := filepath.Join(stage.Dir, "trace")
	out, err := exec.Command("strace", "-f", "-e", "trace=%file", "-o", trace,
		driver.program, driver.folder, "race", "user="+name, "answer="+code, "auth", "acct").CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"call":"auth","code":0`) {
		t.Fatalf("the traced login: %v: %s", err, out)
	}
	calls := string(must(os.ReadFile(trace)))
	if !strings.Contains(calls, "pam_spse_totp.so") {
		t.Fatal("the trace does not even show the module")
	}
	for call := range strings.Lines(calls) {
		switch {
		case strings.Contains(call, theFleet.module): // libpam opens the module, wherever this tree is
		case strings.Contains(call, stage.Dir+"/home"), strings.Contains(call, "/home/"), strings.Contains(call, "/root"):
			t.Errorf("below a user's folder: %s", call)
		case strings.Contains(call, "O_WRONLY"), strings.Contains(call, "O_RDWR"), strings.Contains(call, "O_CREAT"):
			t.Errorf("to write: %s", call)
		}
	}
}
