package hosts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"spse-totp/daemon/clockjump"
	"spse-totp/pamclient/hosts/people"
	"spse-totp/pamclient/hosts/stage"
)

const (
	step = 30 * time.Second
	day  = 24 * time.Hour
)

// aMoment passes for the host and everybody's phone, without anybody waiting for it.
// When the test ends it is today again.
func aMoment(t *testing.T, by time.Duration, all ...*people.Person) {
	t.Helper()
	move(t, by)
	for _, p := range all {
		p.Wait(by)
	}
}

// clockJumps has the host's clock jump ahead by so much, and not the phones. When
// the test ends it is right again.
func clockJumps(t *testing.T, by time.Duration, all ...*people.Person) {
	t.Helper()
	move(t, by)
	for _, p := range all {
		p.LeaveBehind(by)
	}
}

// moved is how far each test has moved the fleet's database.
var moved = map[*testing.T]time.Duration{}

func move(t *testing.T, by time.Duration) {
	t.Helper()
	if _, before := moved[t]; !before {
		moved[t] = 0
		t.Cleanup(func() { returnToToday(t) })
	}
	moved[t] += by
	keyset := must(os.ReadFile(stage.Dir + "/keyset.json"))
	err := theFleet.whileStopped(syscall.SIGTERM, func() error {
		return clockjump.Jump(context.Background(), keyset, stage.Dir+"/state/accounts.db", by)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// returnToToday puts right what the test moved. Codes that were accepted on a later
// day have left the clock mark there.
func returnToToday(t *testing.T) {
	t.Helper()
	if back := -moved[t]; back != 0 {
		move(t, back)
	}
	if said, err := exec.Command(cli(t), "clock", "accept").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, said)
	}
}

// door is a program at which a person types password and code, again and again from
// the same place. An error is neither in nor the usual refusal.
type door func(code string) (in bool, err error)

// doors are one for each program that asks a person for a code.
func doors(t *testing.T) map[string]func(p *people.Person) door {
	t.Helper()
	return map[string]func(*people.Person) door{
		"sshd":  doorOfSSHD,
		"sudo":  func(p *people.Person) door { return doorOfSudo(t, p) },
		"login": func(p *people.Person) door { return doorOfLogin(t, p) },
	}
}

func doorOfSSHD(p *people.Person) door {
	return func(code string) (bool, error) {
		var said string
		err := logIn(portPassword, p.Name, answersAll(&said, code))
		if err != nil && !onlyRefuses(said) {
			return false, fmt.Errorf("%w: %q", err, said)
		}
		return err == nil, nil
	}
}

// onlyRefuses says whether a person who reads this reads the usual refusal, and
// nothing of why.
func onlyRefuses(said string) bool {
	usual := "Password: " + "Security Code (6 angka, entri \"LPSE Kudus\" di HP): " + refusal
	return strings.HasPrefix(said, usual) && strings.HasSuffix(strings.TrimSpace(said), "0291-0000.")
}

func doorOfSudo(t *testing.T, p *people.Person) door {
	cmd := exec.Command("sh", "-c", "while :; do sudo -k echo masuk; done")
	cmd.SysProcAttr = credential(theFleet.uid(p.Name))
	at := sitDown(t, cmd)
	t.Cleanup(func() {
		_, err := at.Wait(passwordPrompt)
		err = errors.Join(err, at.Press('\x03')) // a sudo that is hung up on may stay
		if _, ended := at.Ended(); err != nil || ended != nil {
			t.Error(err, ended)
		}
	})
	return func(code string) (bool, error) { return typed(at.Terminal, code) }
}

// doorOfLogin: login asks for the next name after a refusal, and is at its end when
// the person leaves the shell.
func doorOfLogin(t *testing.T, p *people.Person) door {
	var at *seat
	return func(code string) (in bool, err error) {
		if at == nil {
			at = sitDown(t, exec.Command("login", "-p", p.Name))
		}
		if in, err = typed(at.Terminal, code); err != nil {
			return in, err
		}
		if !in {
			_, err := at.Wait(`ogin: $`)
			return false, errors.Join(err, at.Enter(p.Name))
		}
		err = at.Enter("exit")
		_, ended := at.Ended()
		at = nil
		return true, errors.Join(err, ended)
	}
}

// typed types password and code, and waits for what comes of it.
func typed(at *stage.Terminal, code string) (in bool, err error) {
	for _, line := range [][2]string{{passwordPrompt, stage.Password}, {people.CodePrompt, code}} {
		if _, err := at.Wait(line[0]); err != nil {
			return false, err
		}
		if err := at.Enter(line[1]); err != nil {
			return false, err
		}
	}
	seen, err := untilInOrOut(at)
	return !strings.HasSuffix(seen, refusal), err
}

// visitor is a person at a door.
type visitor struct {
	*people.Person
	program string
	open    door
}

// visitors are as many as there are doors, each of them guarded.
func guardedVisitors(t *testing.T) (all []*visitor, phones []*people.Person) {
	t.Helper()
	var guesses sync.WaitGroup
	for program, open := range doors(t) {
		p := newPerson(t)
		guesses.Go(func() { guess(t, p, 10) })
		all = append(all, &visitor{p, program, open(p)})
		phones = append(phones, p)
	}
	guesses.Wait()
	return all, phones
}

// try has all of them type what code gives, and demands that all are in, or none.
func try(t *testing.T, what string, all []*visitor, code func(*people.Person) string, in bool) {
	t.Helper()
	var doors sync.WaitGroup
	for _, v := range all {
		typed := code(v.Person)
		doors.Go(func() {
			if got, err := v.open(typed); err != nil || got != in {
				t.Errorf("%s: %s: in %v, want %v: %v", v.program, what, got, in, err)
			}
		})
	}
	doors.Wait()
}

// Two codes in a row, and between them the daemon is killed, and started; and the
// host's clock jumps, a day ahead or a day back, and is put right. Nobody reads more
// than the usual refusal, at sshd, sudo and login; everybody is in by the next code,
// or by the one after it, and then guarded no more.
func TestGuardedOverARestartAndAClockThatJumps(t *testing.T) {
	coverSudoers(t)
	next := func(p *people.Person) string { return codeOf(t, p) }
	shown := func(p *people.Person) string { return must(p.Shows()) }
	for name, between := range map[string]func(t *testing.T, all []*visitor, phones []*people.Person){
		// Codes are not judged then: the first one waits for its second.
		"killed, and a day back": func(t *testing.T, all []*visitor, phones []*people.Person) {
			if err := theFleet.restart(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			before := failures(t, all)
			clockJumps(t, -day, phones...)
			try(t, "the clock a day back", all, shown, false)
			clockJumps(t, +day, phones...)
			if after := failures(t, all); after != before {
				t.Errorf("counted while the clock was behind: %s, and before %s", after, before)
			}
		},
		// What the phone shows is wrong then: it ends the pair, and the person
		// begins another.
		"a day ahead": func(t *testing.T, all []*visitor, phones []*people.Person) {
			clockJumps(t, +day, phones...)
			try(t, "the clock a day ahead", all, shown, false)
			clockJumps(t, -day, phones...)
			aMoment(t, step, phones...)
			try(t, "the clock right again, the first code", all, next, false)
		},
	} {
		t.Run(name, func(t *testing.T) {
			all, phones := guardedVisitors(t)
			for _, v := range all {
				mustBeGuarded(t, v.Name, abroad, "the next accepted code")
			}
			try(t, "the first code", all, next, false)
			between(t, all, phones)
			for _, v := range all {
				if s := status(t, v.Name); !s.Guarded {
					t.Errorf("%s: between the codes: %+v", v.program, s)
				}
			}
			try(t, "the next code", all, next, true)
			for _, v := range all {
				if s := status(t, v.Name); s.Guarded || s.Failures != 0 {
					t.Errorf("%s: in, and %+v", v.program, s)
				}
			}
			aMoment(t, step, phones...)
			try(t, "one code, on another day", all, next, true)
		})
	}
	for program := range doors(t) {
		mustLeaveNoProcess(t, program)
	}
}

// failures are everybody's, as root reads them.
func failures(t *testing.T, all []*visitor) (counts string) {
	t.Helper()
	for _, v := range all {
		s := status(t, v.Name)
		counts += fmt.Sprintf("%s %d %v; ", v.program, s.Failures, s.Refusals)
	}
	return counts
}

// mustBeGuarded demands that status says why, by whom, and till when.
func mustBeGuarded(t *testing.T, name, by, until string) {
	t.Helper()
	said := string(must(exec.Command(cli(t), "status", name).Output()))
	for _, line := range []string{
		"guarded         yes, for wrong codes: only two codes in a row let in\n",
		"guarded by      " + by + "\n",
		"guarded until   " + until,
	} {
		if !strings.Contains(said, line) {
			t.Errorf("status does not say %q, but\n%s", line, said)
		}
	}
}

// Sixty wrong codes within 31 days, on two days: two codes in a row each time, over
// a restart and a clock that jumps, till the date that status names; from that date
// on one.
func TestGuardedForAMonth(t *testing.T) {
	onlyInALongRun(t)
	p := newPerson(t)
	open := doorOfSSHD(p)
	through := func(what string, in bool) {
		t.Helper()
		if got, err := open(codeOf(t, p)); err != nil || got != in {
			t.Errorf("%s: in %v, want %v: %v", what, got, in, err)
		}
	}
	guess(t, p, 30)
	aMoment(t, 10*day, p)
	guess(t, p, 30)
	ends := func() string { // in the daemon's own words, which it gives in whole seconds
		t.Helper()
		s := status(t, p.Name)
		if !s.Guarded || s.GuardedUntil == nil {
			t.Fatalf("no end of the 31 days: %+v", s)
		}
		return s.GuardedUntil.Local().Format("2006-01-02 15:04:05")
	}
	if left := time.Until(*status(t, p.Name).GuardedUntil); left < 21*day-time.Minute || left > 21*day {
		t.Errorf("the 31 days, of which 10 have passed, end in %v", left)
	}
	mustBeGuarded(t, p.Name, abroad, ends())
	through("the first code", false)
	through("the second", true)
	if err := theFleet.restart(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	aMoment(t, day, p)
	through("the first code the next day", false)
	through("the second", true)
	mustBeGuarded(t, p.Name, abroad, ends())

	clockJumps(t, 40*day, p)
	if s := status(t, p.Name); s.Guarded {
		t.Errorf("31 days were over, by the clock: %+v", s)
	}
	clockJumps(t, -90*day, p)
	if s := status(t, p.Name); s.Guarded {
		t.Errorf("they begin far in the future, by the clock: %+v", s)
	}
	clockJumps(t, 50*day, p)
	mustBeGuarded(t, p.Name, abroad, ends())

	aMoment(t, 20*day+time.Minute, p)
	through("one code, when the 31 days are over", true)
	mustLeaveNoProcess(t, "sshd")
}

func onlyInALongRun(t *testing.T) {
	t.Helper()
	if os.Getenv("SPSE_TOTP_LONG") == "" {
		t.Skip("make test-long runs it")
	}
}

// A host that was eight minutes ahead: two codes in a row let in, as for a phone that
// is off, and again once the clock is right; each time the login after it works at
// once.
func TestAHostThatWasEightMinutesAhead(t *testing.T) {
	onlyInALongRun(t)
	p := newPerson(t)
	open := doorOfSSHD(p)
	clockJumps(t, 8*time.Minute, p)
	for _, then := range []string{"eight minutes ahead", "right again"} {
		for i, in := range []bool{false, true, true} {
			if got, err := open(codeOf(t, p)); err != nil || got != in {
				t.Errorf("%s, code %d: in %v, want %v: %v", then, i+1, got, in, err)
			}
			aMoment(t, step, p)
		}
		if s := status(t, p.Name); s.Failures != 0 {
			t.Errorf("%s: %+v", then, s)
		}
		if then == "eight minutes ahead" {
			clockJumps(t, -8*time.Minute, p)
		}
	}
	mustLeaveNoProcess(t, "sshd")
}

// Where the office locks, no code of the phone lets in after so many wrong ones, nor
// two in a row, and status tells it; a recovery code does, or the helpdesk's.
func TestLockAfter(t *testing.T) {
	const refuse, admit = false, true
	kept, called := newPerson(t), newPerson(t)
	codes := makeRecovery(t, kept.Name, codeOf(t, kept))
	underRules(t, "lock_after = 12\n")
	var guesses sync.WaitGroup
	for _, p := range []*people.Person{kept, called} {
		guesses.Go(func() { guess(t, p, 12) })
	}
	guesses.Wait()
	for _, p := range []*people.Person{kept, called} {
		said := string(must(exec.Command(cli(t), "status", p.Name).Output()))
		for _, line := range []string{
			"locked          yes: only a recovery code or an issued code lets in\n",
			"next: terkunci karena terlalu banyak kode salah: kode cadangan atau spse-totp issue " + p.Name + " membukanya\n",
		} {
			if !strings.Contains(said, line) {
				t.Errorf("status does not say %q, but\n%s", line, said)
			}
		}
	}
	through := func(p *people.Person, what, code string, in bool) {
		t.Helper()
		if got, err := doorOfSSHD(p)(code); err != nil || got != in {
			t.Errorf("%s: in %v, want %v: %v", what, got, in, err)
		}
	}
	right := codeOf(t, kept)
	through(kept, "a right code", right, refuse)
	through(kept, "a recovery code", codes[0], admit)
	through(kept, "one code after that", right, admit)

	through(called, "a right code", codeOf(t, called), refuse)
	through(called, "and the next one", codeOf(t, called), refuse)
	s := byOpenSSH(t, called.Name)
	s.types(passwordPrompt, stage.Password)
	s.types(people.CodePrompt, issuedCode(t, exec.Command(cli(t), "issue", called.Name, "--reason", "terkunci")))
	phone := s.activates()
	s.isIn()
	through(called, "one code of the new phone", must(people.PhoneCode(phone, 30)), admit)
	for _, p := range []*people.Person{kept, called} {
		if s := status(t, p.Name); s.Locked || s.Guarded || s.Failures != 0 {
			t.Errorf("let in, and %+v", s)
		}
	}
	mustLeaveNoProcess(t, "sshd")
}
