package hosts

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"spse-totp/pamclient/hosts/people"
	"spse-totp/pamclient/hosts/stage"
)

var (
	codeLine = regexp.MustCompile(`(?m)^\d\) ([0-9A-Z-]{29})\r?$`)
	askedFor = regexp.MustCompile(`nomor (\d)`)
)

// makeRecovery is the login in which somebody writes recovery codes down, off the
// screen.
func makeRecovery(t *testing.T, user, code string) (codes []string) {
	t.Helper()
	s := byOpenSSH(t, user)
	s.types(passwordPrompt, stage.Password)
	s.types(people.CodePrompt, code)
	s.types(recoveryOffer, "y")
	for _, found := range codeLine.FindAllStringSubmatch(s.reads(`Ketik kode cadangan nomor[^\n]*: $`), -1) {
		codes = append(codes, found[1])
	}
	if len(codes) != 8 {
		t.Fatalf("%d codes on the screen: %q", len(codes), last(s.Shown(), 600))
	}
	number := must(strconv.Atoi(askedFor.FindStringSubmatch(last(s.Shown(), 120))[1]))
	if err := s.Enter(strings.ToLower(codes[number-1])); err != nil {
		t.Fatal(err)
	}
	s.reads("Kode cadangan tersimpan")
	s.isIn()
	if left := status(t, user).RecoveryLeft; left != 8 {
		t.Fatalf("%d recovery codes are kept", left)
	}
	return codes
}

// Day one: activated. The next login: recovery codes. The phone is lost: in by a
// recovery code, and a new phone in that login; and the one after it tells so.
func TestAnOperatorWhoLostThePhone(t *testing.T) {
	user := theFleet.newcomer(t)
	old := must(activateAtTerminal(clients(t)["OpenSSH"], user, people.DarkScreen))
	codes := makeRecovery(t, user, must(people.PhoneCode(old, 30)))

	s := byOpenSSH(t, user)
	s.types(passwordPrompt, stage.Password)
	s.types(people.CodePrompt, strings.ToLower(codes[4]))
	if said := s.types(newPhoneOffer, "y"); !strings.Contains(said, "Sisa kode cadangan: 7.") || strings.Contains(said, "login dengan kode cadangan") {
		t.Errorf("with a recovery code: %q", said)
	}
	phone := s.activates()
	s.isIn()

	if err := logIn(portPassword, user, answers(stage.Password, must(people.PhoneCode(old, 30)))); err == nil {
		t.Error("in by the old phone")
	}
	told, again := read(t, user, must(people.PhoneCode(phone, 30))), ""
	for _, news := range []string{", 127.0.0.1: login dengan kode cadangan.", ", 127.0.0.1: HP diaktifkan.", "Hubungi Helpdesk LPSE: 0291-0000."} {
		if !strings.Contains(told, news) {
			t.Errorf("was told %q, not %q", told, news)
		}
	}
	if err := logIn(portPassword, user, answersAll(&again, codes[4])); err == nil || !strings.Contains(again, refusal) {
		t.Errorf("a used recovery code: %v, %q", err, again)
	}
	if err := logIn(portPassword, user, answersAll(&again, strings.ReplaceAll(codes[0], "-", ""))); err != nil {
		t.Errorf("another recovery code, without hyphens: %v", err)
	}
	if strings.Contains(again, "HP diaktifkan") || !strings.Contains(again, "Sisa kode cadangan: 6.") {
		t.Errorf("told twice, or not how many are left: %q", again)
	}
	for _, code := range append(codes, strings.ToLower(codes[4])) {
		theFleet.events.mustNotHold(t, code)
	}
	mustLeaveNoProcess(t, "sshd")
}

// A new phone while the old one is at hand: by the CLI, in a session, and the old
// one works until the new one's code was right.
func TestAnOperatorWithANewPhone(t *testing.T) {
	p := newPerson(t)
	cmd := exec.Command(cli(t), "activate")
	cmd.SysProcAttr = credential(theFleet.uid(p.Name))
	s := sitDown(t, cmd)
	s.types(`HP yang lama[^\n]*: $`, codeOf(t, p))
	s.reads(confirmAt)
	if err := logIn(portPassword, p.Name, answers(stage.Password, codeOf(t, p))); err != nil {
		t.Errorf("the old phone, before the new one is right: %v", err)
	}
	phone := must(people.Scan(s.Shown(), people.DarkScreen))
	if err := s.Enter(must(people.PhoneCode(phone, 0))); err != nil {
		t.Fatal(err)
	}
	s.reads(activatedText)
	if code, err := s.Ended(); err != nil || code != 0 {
		t.Errorf("ended with %d, %v", code, err)
	}
	if err := logIn(portPassword, p.Name, answers(stage.Password, must(people.PhoneCode("?secret="+p.Key.Secret.Base32(), 30)))); err == nil {
		t.Error("in by the old phone")
	}
	if err := logIn(portPassword, p.Name, answers(stage.Password, must(people.PhoneCode(phone, 30)))); err != nil {
		t.Errorf("the new phone: %v", err)
	}
	mustLeaveNoProcess(t, "sshd")
}

// An offer keeps nobody out who cannot be asked: the password method of sshd, with
// password and code in one, and sudo -S; and its answer is never a password.
func TestOffersKeepNobodyOut(t *testing.T) {
	coverSudoers(t)
	p := newPerson(t)
	cmd := exec.Command("sudo", "-S", "-k", "cat")
	cmd.SysProcAttr = credential(theFleet.uid(p.Name))
	cmd.Stdin, cmd.Dir = strings.NewReader(stage.Password+"\n"+codeOf(t, p)+"\nthe command's own\n"), "/"
	if out, err := cmd.Output(); err != nil || !strings.Contains(string(out), "the command's own\n") {
		t.Errorf("sudo -S: %v: %q", err, out)
	}
	coverSplit(t)
	for name, method := range map[string]func(string) ssh.AuthMethod{
		"password":             func(text string) ssh.AuthMethod { return ssh.Password(text) },
		"keyboard-interactive": both, // which types it to the offer too
	} {
		p := newPerson(t)
		before := theFleet.events.count(p.Name)
		if err := logIn(portPassword, p.Name, method(stage.Password+codeOf(t, p))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if reason := theFleet.events.await(t, p.Name, before+1)[before]["SPSE_TOTP_REASON"]; reason != "accepted" {
			t.Errorf("%s: %s", name, reason)
		}
		if left := status(t, p.Name).RecoveryLeft; left != 0 {
			t.Errorf("%s: %d recovery codes", name, left)
		}
	}
	mustLeaveNoProcess(t, "sshd")
	mustLeaveNoProcess(t, "sudo")
}

// A name that was given to another person, by userdel and useradd, opens nothing
// until the helpdesk resets it; then the new person activates by the code that
// the reset gives.
func TestANameThatIsAnothersNow(t *testing.T) {
	p := newPerson(t)
	if err := logIn(portPassword, p.Name, answers(stage.Password, codeOf(t, p))); err != nil {
		t.Fatal(err)
	}
	uid := theFleet.uid(p.Name)
	line := regexp.MustCompile(`(?m)^(` + p.Name + `:x:)\d+:`)
	passwd := string(must(os.ReadFile("/etc/passwd")))
	cover(t, "/etc/passwd", line.ReplaceAllString(passwd, "${1}"+strconv.Itoa(uid+1000)+":"), 0o644)

	var said string
	if err := logIn(portPassword, p.Name, answersAll(&said, codeOf(t, p))); err == nil || !strings.Contains(said, refusal) {
		t.Errorf("under another uid: %v, %q", err, said)
	}
	if s := status(t, p.Name); s.Failures != 0 || s.advises("uid") != nil {
		t.Errorf("counted %d, and %v", s.Failures, s.advises("uid"))
	}
	code := issuedCode(t, exec.Command(cli(t), "reset", p.Name, "--reason", "pegawai baru"))
	s := byOpenSSH(t, p.Name)
	s.types(passwordPrompt, stage.Password)
	s.types(people.CodePrompt, code)
	phone := s.activates()
	s.isIn()
	if err := logIn(portPassword, p.Name, answers(stage.Password, must(people.PhoneCode(phone, 30)))); err != nil {
		t.Errorf("the new person: %v", err)
	}
	mustLeaveNoProcess(t, "sshd")
}
