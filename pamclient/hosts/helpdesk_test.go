package hosts

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"spse-totp/pamclient/hosts/people"
	"spse-totp/pamclient/hosts/stage"
)

const helpdeskGID = 40100

// openHelpdesk has the stage know a group of helpdesk clerks, and one of
// administrators with a member, for one test.
func openHelpdesk(t *testing.T, administrator string) {
	t.Helper()
	group := regexp.MustCompile(`(?m)^(sudo:.*)$`).ReplaceAllString(string(must(os.ReadFile("/etc/group"))), "${1}"+administrator)
	cover(t, "/etc/group", group+"helpdesk:x:40100:\n", 0o644)
	underRules(t, "helpdesk = \"helpdesk\"\n")
}

// clerk runs the CLI as a member of the helpdesk, who is not root.
func clerk(t *testing.T, uid int, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(cli(t), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: stage.FirstUID, Groups: []uint32{helpdeskGID}}}
	cmd.Dir = "/"
	return cmd
}

var issuedLine = regexp.MustCompile(`(?m)^\s*([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{5})\s*$`)

// issuedCode is the code that a command prints to be read out.
func issuedCode(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	cmd.Stderr = nil
	out, err := cmd.Output()
	found := issuedLine.FindSubmatch(out)
	if err != nil || found == nil {
		t.Fatalf("%v: %v: %s", cmd.Args, err, out)
	}
	return string(found[1])
}

// A caller, a letter, a reset: by a clerk of the helpdesk. The caller types the
// code that was read out, and has a new phone in that login.
func TestTheClerkHelpsACaller(t *testing.T) {
	p, administrator := newPerson(t), newPerson(t)
	openHelpdesk(t, administrator.Name)
	self := theFleet.crowd.People()[0].Name
	uid := theFleet.uid(self)

	for _, name := range []string{self, "root", administrator.Name} {
		out, err := clerk(t, uid, "reset", name, "--reason", "HP hilang").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "error: you may not do that") {
			t.Errorf("reset of %s by the helpdesk: %v: %s", name, err, out)
		}
	}
	code := issuedCode(t, clerk(t, uid, "reset", p.Name, "--reason", "HP hilang", "--letter", "027/12/2026"))
	events := theFleet.events.of(p.Name)
	if e := events[len(events)-1]; e["SPSE_TOTP_EVENT"] != "reset" || !strings.Contains(e["MESSAGE"], "027/12/2026") {
		t.Errorf("the journal has %v", e)
	}
	if err := logIn(portPassword, p.Name, answers(stage.Password, codeOf(t, p))); err == nil {
		t.Error("in by the phone that was lost")
	}
	// Left at the picture, the code is good still.
	s := byOpenSSH(t, p.Name)
	s.types(passwordPrompt, stage.Password)
	s.types(people.CodePrompt, code)
	s.types(confirmAt, "")
	s.reads("Aktivasi dihentikan")
	s.Close()
	mustBeActive(t, p.Name, false)

	s = byOpenSSH(t, p.Name)
	s.types(passwordPrompt, stage.Password)
	s.types(people.CodePrompt, strings.ToLower(code))
	phone := s.activates()
	s.isIn()
	told := read(t, p.Name, must(people.PhoneCode(phone, 30)))
	for _, news := range []string{"Security Code direset.", "helpdesk memberi kode aktivasi.", "HP diaktifkan dengan kode dari helpdesk."} {
		if !strings.Contains(told, news) {
			t.Errorf("was told %q, not %q", told, news)
		}
	}
	var said string
	if err := logIn(portPassword, p.Name, answersAll(&said, code)); err == nil || !strings.Contains(said, refusal) {
		t.Errorf("a code of the helpdesk that is spent: %v, %q", err, said)
	}
	theFleet.events.mustNotHold(t, code)
	mustLeaveNoProcess(t, "sshd")
}

// The break-glass: root's, one login, and the owner is told at the next.
func TestACodeForOneLogin(t *testing.T) {
	p := newPerson(t)
	openHelpdesk(t, "")
	out, err := clerk(t, theFleet.uid(theFleet.crowd.People()[0].Name), "issue", p.Name, "--valid", "1h", "--reason", "HP tertinggal", "--once").CombinedOutput()
	if err == nil {
		t.Errorf("a clerk gives one: %s", out)
	}
	code := issuedCode(t, exec.Command(cli(t), "issue", p.Name, "--valid", "1h", "--reason", "HP tertinggal", "--once"))
	const inOnce, usedOnce = "Anda masuk dengan kode sekali pakai", "login dengan kode sekali pakai dari helpdesk."
	if said := read(t, p.Name, code); !strings.Contains(said, inOnce) || strings.Contains(said, usedOnce) {
		t.Errorf("once: %q", said)
	}
	if err := logIn(portPassword, p.Name, answers(stage.Password, code)); err == nil {
		t.Error("in twice")
	}
	if told := read(t, p.Name, codeOf(t, p)); !strings.Contains(told, usedOnce) {
		t.Errorf("the next login: %q", told)
	}
	mustLeaveNoProcess(t, "sshd")
}
