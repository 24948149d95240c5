package hosts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"spse-totp/pamclient/hosts/people"
	"spse-totp/pamclient/hosts/stage"
)

// A rule refuses a directory server's group, and one below it exempts all. While
// the directory is down, in whatever way NSS tells of it or does not, nobody of
// the group gets in by the milder rule, in real sshd; and once it is back, those
// who are not of the group do again.
func TestADirectoryThatIsDownOpensNoDoor(t *testing.T) {
	directory := coverDirectory(t)
	loadRules(t, `[[rule]]
groups = [40000]
verdict = "refuse"

[[rule]]
verdict = "exempt"
until = 2999-12-31
reason = "semua"
`)
	inGroup, other := theFleet.newcomer(t), theFleet.newcomer(t)
	for _, line := range []string{"files hesiod", "files hesiod systemd"} {
		cover(t, "/etc/nsswitch.conf", "passwd: files\nshadow: files\ngroup: "+line+"\n", 0o644)
		for _, step := range []struct {
			state  string
			others bool // get in, who are not in the group
		}{
			{"up " + inGroup, true},
			{"unavail", false},
			{"again", false},
			{"notfound", false},
			{"busy " + inGroup, true},
			{"up " + inGroup, true},
		} {
			directory(step.state)
			t.Run(line+", "+step.state, func(t *testing.T) {
				for name, in := range map[string]bool{inGroup: false, other: step.others} {
					t.Run(name, func(t *testing.T) {
						t.Parallel() // a refusal takes its time
						expectLogin(t, name, in)
					})
				}
			})
		}
	}
	mustLeaveNoProcess(t, "sshd")
}

// expectLogin logs in by the password alone, and asks what that should end in.
func expectLogin(t *testing.T, name string, in bool) {
	t.Helper()
	if err := logIn(portPassword, name, answers(stage.Password, "")); in != (err == nil) {
		t.Errorf("logs in: %v, want %v", err, in)
	}
	want := "refuse"
	if in {
		want = "exempt"
	}
	if got := explained(t, name); got != want {
		t.Errorf("policy explain says %q, want %q", got, want)
	}
}

// coverDirectory puts a directory server of the tests' into the place of Hesiod's
// library, which comes with glibc, and returns what sets its state.
func coverDirectory(t *testing.T) func(state string) {
	t.Helper()
	built := filepath.Join(t.TempDir(), "libnss_hesiod.so.2")
	if out, err := exec.Command("cc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
		"-DSERVICE=hesiod", "-o", built, "../testdriver/directory.c").CombinedOutput(); err != nil {
		t.Fatalf("cc: %v\n%s", err, out)
	}
	libraries, err := filepath.Glob("/usr/lib/*-linux-gnu*/libnss_hesiod.so.2")
	if err != nil || len(libraries) == 0 {
		t.Fatalf("there is no libnss_hesiod.so.2 of glibc: %v", err)
	}
	for _, library := range libraries {
		cover(t, library, string(must(os.ReadFile(built))), 0o644)
	}
	return func(state string) {
		if err := os.WriteFile(filepath.Join(stage.Dir, "directory"), []byte(state), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// loadRules has the daemon go by these rules, for one test.
func loadRules(t *testing.T, rules string) {
	t.Helper()
	path, err := stage.Config()
	if err != nil {
		t.Fatal(err)
	}
	without := must(os.ReadFile(path))
	reloaded := func(content string) {
		t.Helper()
		before := reloads()
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := theFleet.daemon.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(people.Hang); reloads() == before; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the daemon does not take the rules: " + theFleet.events.tail(400))
			}
		}
	}
	reloaded(string(without) + rules)
	t.Cleanup(func() { reloaded(string(without)) })
}

// reloads is how often the daemon took over its configuration.
func reloads() int {
	n := 0
	for _, event := range theFleet.events.of("") {
		if strings.Contains(event["MESSAGE"], "configuration reloaded") {
			n++
		}
	}
	return n
}

var verdictRow = regexp.MustCompile(`(?m)^verdict +(\S+)$`)

// explained is the verdict that `policy explain` tells of a login from here.
func explained(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("../../build/spse-totp", "--socket", stage.ControlSocket, "policy", "explain", name,
		"--from", "127.0.0.1", "--config", filepath.Join(stage.Dir, "spse-totp.toml")).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%v: %s", err, out)
	}
	found := verdictRow.FindStringSubmatch(string(out))
	if found == nil {
		return string(out)
	}
	return found[1]
}
