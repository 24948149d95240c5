package hosts

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"spse-totp/pamclient/hosts/people"
	"spse-totp/pamclient/hosts/stage"
	"spse-totp/totp"
)

// Somebody tried codes from elsewhere: the owner reads it at the next login, once,
// and what it means; status shows it still.
func TestTheOwnerIsTold(t *testing.T) {
	p := newPerson(t)
	guess(t, p, 3)
	s := byOpenSSH(t, p.Name)
	s.types(passwordPrompt, stage.Password)
	s.types(people.CodePrompt, codeOf(t, p))
	s.reads(`3 kali kode salah dari 127\.0\.0\.9, terakhir \d\d-\d\d-\d{4} \d\d:\d\d\.\r?\n` +
		`Bukan Anda\? Maka password Anda mungkin diketahui orang lain\. Ganti sekarang: passwd`)
	s.types(recoveryOffer, "")
	s.isIn()
	if again := read(t, p.Name, codeOf(t, p)); strings.Contains(again, "kode salah") {
		t.Errorf("the login after it: %q", again)
	}
	rows := status(t, p.Name).Refusals
	if len(rows) != 1 || rows[0].Count != 3 || rows[0].Source != "sshd "+abroad {
		t.Errorf("status shows %v", rows)
	}
	mustLeaveNoProcess(t, "sshd")
}

// Who has recovery codes is offered nothing, and in at once: then what the owner
// is told stands above the shell, also in PuTTY.
func TestTheOwnerIsToldAboveTheShell(t *testing.T) {
	port := fmt.Sprint(portPassword)
	for name, client := range map[string][]string{
		"OpenSSH": {"ssh", "-p", port, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"},
		"PuTTY":   {"plink", "-ssh", "-P", port, "-hostkey", fingerprint(t), "-no-antispoof"},
		"login":   {"login", "-p"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPerson(t)
			makeRecovery(t, p.Name, codeOf(t, p))
			guess(t, p, 1)
			if name != "login" {
				client = append(client, "-l", p.Name, "127.0.0.1")
			} else {
				client = append(client, p.Name)
			}
			s := sitDown(t, exec.Command(client[0], client[1:]...))
			s.types(passwordPrompt, stage.Password)
			s.types(people.CodePrompt, codeOf(t, p))
			if seen := s.reads(`\$ $`); !strings.Contains(seen, "1 kali kode salah dari "+abroad) || !strings.Contains(seen, "Ganti sekarang: passwd") {
				t.Errorf("above the shell stands %q", seen)
			}
			if err := s.Enter("exit"); err != nil {
				t.Fatal(err)
			}
			if code, err := s.Ended(); err != nil || code != 0 {
				t.Errorf("ended with %d, %v", code, err)
			}
		})
	}
	mustLeaveNoProcess(t, "sshd")
}

// After ten wrong codes from elsewhere the owner's first right code is refused, by
// the usual text, and the next one lets in: in sshd, sudo and login.
func TestGuardedTakesTwoInARow(t *testing.T) {
	coverSudoers(t)
	const guesses = 10
	enter := func(s *seat, p *people.Person) {
		s.types(passwordPrompt, stage.Password)
		s.types(people.CodePrompt, codeOf(t, p))
	}
	for program, twice := range map[string]func(t *testing.T, p *people.Person){
		"sshd": func(t *testing.T, p *people.Person) {
			s := byOpenSSH(t, p.Name) // which asks again by itself
			enter(s, p)
			s.reads(refusal)
			enter(s, p)
			s.types(recoveryOffer, "")
			s.isIn()
		},
		"sudo": func(t *testing.T, p *people.Person) {
			cmd := exec.Command("sh", "-c", "sudo -k echo masuk; sudo -k echo masuk")
			cmd.SysProcAttr = credential(theFleet.uid(p.Name))
			s := sitDown(t, cmd)
			enter(s, p)
			s.reads(refusal)
			enter(s, p)
			s.isIn()
		},
		"login": func(t *testing.T, p *people.Person) {
			s := sitDown(t, exec.Command("login", "-p", p.Name))
			enter(s, p)
			s.reads(refusal)
			s.types(`ogin: $`, p.Name)
			enter(s, p)
			s.types(recoveryOffer, "")
			s.isIn()
		},
	} {
		t.Run(program, func(t *testing.T) {
			p := newPerson(t)
			guess(t, p, guesses)
			before := status(t, p.Name)
			if !before.Guarded || before.Failures != guesses {
				t.Fatalf("after %d wrong codes: %+v", guesses, before)
			}
			for _, advice := range []string{"ada yang menebak kode dari " + abroad, "dua kode berturut-turut"} {
				if err := before.advises(advice); err != nil {
					t.Error(err)
				}
			}
			twice(t, p)
			if after := status(t, p.Name); after.Guarded || after.Failures != 0 {
				t.Errorf("in, and %+v", after)
			}
		})
	}
	for _, program := range []string{"sshd", "login", "sudo"} {
		mustLeaveNoProcess(t, program)
	}
}

// A phone four minutes behind gets in by two codes in a row, reading no more than
// the usual refusal; nothing is counted, status says it, and the next login works
// at once.
func TestAPhoneFourMinutesBehind(t *testing.T) {
	// At its activation it was still further behind: so no step of now is spent.
	p := must(people.ActivateBy(people.Control(stage.ControlSocket), theFleet.newcomer(t), -19, -18))
	shows := func(behind totp.Step) string {
		now := p.Key.Params.StepAt(time.Now())
		return must(totp.CodeAt(p.Key.Secret, p.Key.Params, now-behind)).Reveal()
	}
	var said string
	if err := logIn(portPassword, p.Name, answersAll(&said, shows(9))); err == nil || !strings.Contains(said, refusal) {
		t.Errorf("one code: %v, %q", err, said)
	}
	if s := status(t, p.Name); s.Failures != 0 || len(s.Refusals) != 1 || s.Refusals[0].Reason != "noted" {
		t.Errorf("after one code: %+v", s)
	}
	if err := logIn(portPassword, p.Name, answers(stage.Password, shows(8))); err != nil {
		t.Errorf("the next code: %v", err)
	}
	if err := status(t, p.Name).advises("HP terlambat 4 menit"); err != nil {
		t.Error(err)
	}
	if said := string(must(exec.Command(cli(t), "status", p.Name).Output())); !strings.Contains(said, "drift           phone is 4 min behind\n") {
		t.Errorf("status says\n%s", said)
	}
	if err := logIn(portPassword, p.Name, answers(stage.Password, shows(7))); err != nil {
		t.Errorf("the next login: %v", err)
	}
	mustLeaveNoProcess(t, "sshd")
}
