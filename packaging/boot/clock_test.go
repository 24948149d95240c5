package boot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"spse-totp/daemon/clockjump"
	"spse-totp/pamclient/hosts/people"
	"spse-totp/pamclient/hosts/stage"
)

const (
	step = 30 * time.Second
	day  = 24 * time.Hour
	year = 365 * day

	usualRefusal = "Security Code tidak diterima. 1) Tunggu angka berganti, lalu coba lagi; setiap kode hanya berlaku sekali. " +
		"2) Masih gagal? Di HP, nyalakan tanggal & waktu otomatis. 3) HP hilang? Hubungi Helpdesk LPSE: 0291-0000."
)

// clock is the host's, for one test: it moves the database the other way. When the
// test ends it is right again.
type clock struct {
	o     *office
	moved time.Duration
}

func (o *office) clock(t *testing.T) *clock {
	t.Helper()
	c := &clock{o: o}
	t.Cleanup(func() {
		if c.moved != 0 {
			c.move(t, -c.moved)
		}
		o.run(t, "spse-totp", "clock", "accept")
		o.mustWork(t)
	})
	return c
}

// jump has the clock jump ahead by so much, and the phones not.
func (c *clock) jump(t *testing.T, by time.Duration, phones ...*people.Person) {
	t.Helper()
	c.move(t, by)
	for _, p := range phones {
		p.LeaveBehind(by)
	}
}

// pass has time pass, for the phones too.
func (c *clock) pass(t *testing.T, by time.Duration, phones ...*people.Person) {
	t.Helper()
	c.move(t, by)
	for _, p := range phones {
		p.Wait(by)
	}
}

// move moves the database, by a copy: a path that leads into the machine is another
// one to SQLite, which looks where its links lead.
func (c *clock) move(t *testing.T, by time.Duration) {
	t.Helper()
	c.o.run(t, "systemctl", "stop", unit)
	within, copied := c.o.Path(state+"/accounts.db"), filepath.Join(stage.Dir, c.o.Suite+".db")
	if _, err := os.Stat(within + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a daemon that was stopped has left its log: %v", err)
	}
	content, err := os.ReadFile(within)
	if err == nil {
		err = os.WriteFile(copied, content, 0o600)
	}
	if err == nil {
		err = clockjump.Jump(context.Background(), []byte(c.o.keyset), copied, by)
	}
	if err == nil {
		content, err = os.ReadFile(copied)
	}
	if err == nil {
		err = errors.Join(os.WriteFile(within, content, 0o600), os.Remove(copied))
	}
	if err != nil {
		t.Fatal(err)
	}
	c.moved += by
	c.o.run(t, "systemctl", "start", unit)
}

// newcomer takes somebody who never was active, and activates.
func (o *office) newcomer(t *testing.T) *people.Person {
	t.Helper()
	all := newcomers()
	if o.taken == len(all) {
		t.Fatal("no newcomers are left")
	}
	o.taken++
	p, err := people.Activate(people.Control(o.Path("/run/spse-totp/control.sock")), all[o.taken-1])
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// withRecovery is a newcomer who has recovery codes.
func (o *office) withRecovery(t *testing.T) (*people.Person, []string) {
	t.Helper()
	p := o.newcomer(t)
	codes, err := people.MakeRecovery(people.Control(o.Path("/run/spse-totp/control.sock")), p)
	if err != nil {
		t.Fatal(err)
	}
	return p, codes
}

// next is a code that the phone shows now or soon, the first time.
func next(t *testing.T, p *people.Person) string {
	t.Helper()
	code, ok := p.Code()
	if !ok {
		t.Fatal("no code is left")
	}
	return code
}

// screen is what the phone shows, used or not.
func screen(t *testing.T, p *people.Person) string {
	t.Helper()
	code, err := p.Shows()
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// mustBe demands that each code is in, or refused with the usual text and no other
// word. They are typed at once.
func (o *office) mustBe(t *testing.T, what string, in bool, who string, codes ...string) {
	t.Helper()
	var logins sync.WaitGroup
	for _, code := range codes {
		logins.Go(func() {
			var said string
			err := o.logIn(who, people.AnswersAll(&said, password, code))
			if (err == nil) != in {
				t.Errorf("%s: %s is in %v, want %v: %v: %q", what, who, err == nil, in, err, said)
			}
			if _, after, _ := strings.Cut(said, "): "); !in && strings.TrimSpace(after) != usualRefusal {
				t.Errorf("%s: %s reads %q", what, who, said)
			}
		})
	}
	logins.Wait()
}

// account is all that root reads of it.
func (o *office) account(t *testing.T, who string) string {
	t.Helper()
	return o.run(t, "spse-totp", "status", who, "--json")
}

// issue gives a code, and returns it.
func (o *office) issue(t *testing.T, who string, more ...string) string {
	t.Helper()
	var issued struct{ Code string }
	said := o.run(t, append([]string{"spse-totp", "issue", who, "--reason", "uji jam", "--json"}, more...)...)
	if err := json.Unmarshal([]byte(said), &issued); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return issued.Code
}

func mustSay(t *testing.T, what, said string, wanted ...string) {
	t.Helper()
	for _, text := range wanted {
		if !strings.Contains(said, text) {
			t.Errorf("%s does not say %q, but\n%s", what, text, said)
		}
	}
}

// A clock mark that is far ahead: for an hour both this host and somebody's
// phone were. All others were nowhere, have a phone that is right, and are refused,
// uncounted, until an administrator says that the clock is right.
func TestAMarkThatIsAhead(t *testing.T) {
	ahead := map[string]time.Duration{"a day": day}
	if os.Getenv("SPSE_TOTP_LONG") != "" {
		ahead["a year"] = year
	}
	for name, by := range ahead {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, o *office) { markAhead(t, o, by) })
		})
	}
}

func markAhead(t *testing.T, o *office, by time.Duration) {
	o.configurable(t)("contact = \"0291-0000\"\nhelpdesk = \"helpdesk\"\n", 0o644)
	o.run(t, "systemctl", "reload", unit)
	budi, called, stranded := o.newcomer(t), o.newcomer(t), o.newcomer(t)
	admin, codes := o.withRecovery(t)
	traveller, kept := o.withRecovery(t)
	others := []*people.Person{budi, called, stranded, admin}
	c := o.clock(t)
	c.jump(t, by, others...)
	traveller.Wait(by) // the phone jumps as the host does
	c.pass(t, step, append(others, traveller)...)
	o.mustBe(t, "an hour in which all is ahead", true, traveller.Name, next(t, traveller))
	mark := o.mark(t)
	c.jump(t, -by, others...)
	traveller.Wait(-by)

	alarm := o.awaitEntry(t, mark, "SPSE_TOTP_EVENT", "alarm")
	mustSay(t, "the alarm", alarm["MESSAGE"], fmt.Sprintf("codes are refused: the host's clock is %dh5", int(by.Hours())-1)) // 24h less the while since
	mustSay(t, "its hint", alarm["SPSE_TOTP_HINT"], "timedatectl", "spse-totp clock accept")
	if alarm["MESSAGE_ID"] != "774cbfe4e1bc457f90ff0a1ef0c2ded0" || alarm["PRIORITY"] != "1" {
		t.Errorf("the alarm is %v", alarm)
	}
	before := o.account(t, budi.Name)
	right, wrong := screen(t, budi), people.Spoilt(screen(t, budi))
	o.mustBe(t, "right and wrong codes", false, budi.Name, right, right, wrong, wrong, wrong, wrong, wrong, wrong, wrong, wrong, wrong, wrong, next(t, budi))
	if after := o.account(t, budi.Name); after != before {
		t.Errorf("the record was\n%s\nand is\n%s", before, after)
	}
	mustSay(t, "status", o.run(t, "spse-totp", "status", budi.Name), "next: jam server terlambat, kode ditolak: betulkan jam (timedatectl), atau kalau jam sudah benar: spse-totp clock accept")
	mustSay(t, "clock", o.run(t, "spse-totp", "clock"), "behind  yes: codes of phones are refused", "next: jam server terlambat", time.Now().Add(by).UTC().Format("2006-01-02"))

	o.mustBe(t, "a recovery code", true, admin.Name, codes[0])
	o.mustBe(t, "a code for one login", true, stranded.Name, o.issue(t, stranded.Name, "--once"))
	issued := o.issue(t, called.Name)
	o.mustBe(t, "a code that leads to a new phone", false, called.Name, issued)
	mustSay(t, "status", o.account(t, called.Name), `"issued_until"`, `"active": true`)

	for _, who := range []string{clerk, budi.Name} {
		if said, err := o.as(who, "spse-totp", "clock", "accept"); err == nil || !strings.Contains(said, "error: you may not do that") {
			t.Errorf("%s accepts the clock: %s", who, said)
		}
	}
	o.mustBe(t, "nobody may have accepted the clock", false, budi.Name, screen(t, budi))
	o.acceptClock(t, admin.Name, codes[1])

	for _, p := range []*people.Person{budi, called, stranded} {
		o.mustBe(t, "the clock accepted", true, p.Name, screen(t, p))
	}
	o.mustLeadToActivation(t, called.Name, issued)
	o.mustBe(t, "a step used in a future that is over", false, traveller.Name, screen(t, traveller))
	o.mustBe(t, "a recovery code", true, traveller.Name, kept[0])
}

// acceptClock is an administrator who logged in, gets past sudo by a recovery code,
// and says that the clock is right; the journal tells who it was.
func (o *office) acceptClock(t *testing.T, who, recovery string) {
	t.Helper()
	mark := o.mark(t)
	uid := o.run(t, "id", "-u", who)
	// As pam_loginuid(8) does at a login.
	said, err := o.RunWith(password+"\n"+recovery+"\n\n", "sh", "-c",
		"echo "+uid+" >/proc/self/loginuid && exec runuser -u "+who+" -- sudo -k -S spse-totp clock accept")
	if err != nil {
		t.Fatalf("clock accept: %v: %s", err, said)
	}
	mustSay(t, "clock accept", said, "behind  no")
	e := o.awaitEntry(t, mark, "SPSE_TOTP_EVENT", "clock")
	if e["MESSAGE_ID"] != "0608fe81686620ca7c40b4c25de77b53" || e["SPSE_TOTP_BY"] != who || !strings.HasPrefix(e["SPSE_TOTP_CALLER"], "uid 0 ") {
		t.Errorf("the event is %v", e)
	}
	mustSay(t, "the event", e["MESSAGE"], "the host's clock was accepted as right; codes had been accepted up to 20", ", who logged in as "+who)
	o.awaitEntry(t, mark, "SPSE_TOTP_EVENT", "recovery")
}

var picture = regexp.MustCompile(`gambar lain\): $`)

// mustLeadToActivation demands that the code leads to a picture, at which the person
// hangs up.
func (o *office) mustLeadToActivation(t *testing.T, who, code string) {
	t.Helper()
	seen := false
	err := o.logIn(who, ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
		said := make([]string, len(questions))
		for i, question := range questions {
			switch {
			case picture.MatchString(question):
				seen = true
				return nil, errors.New("hung up")
			case people.IsCodePrompt(question):
				said[i] = code
			default:
				said[i] = password
			}
		}
		return said, nil
	}))
	if err == nil || !seen {
		t.Errorf("the code of %s leads to no picture: %v", who, err)
	}
}

// A host whose clock was a year ahead for an hour, and is right again, locks nobody
// out: not who did nothing, not who typed codes that did not fit, few or so many that
// it takes two in a row now, and not who got in by a recovery code.
func TestAHostThatWasAYearAhead(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		idle, few, many, called := o.newcomer(t), o.newcomer(t), o.newcomer(t), o.newcomer(t)
		kept, codes := o.withRecovery(t)
		all := []*people.Person{idle, few, many, called, kept}
		c := o.clock(t)
		issued := o.issue(t, called.Name)
		c.jump(t, year, all...)
		shown := screen(t, few)
		o.mustBe(t, "the clock a year ahead", false, few.Name, shown, shown, shown)
		shown = screen(t, many)
		o.mustBe(t, "the clock a year ahead", false, many.Name, shown, shown, shown, shown, shown, shown, shown, shown, shown, shown, shown, shown)
		o.mustBe(t, "a recovery code", true, kept.Name, codes[0])
		o.mustBe(t, "a code of the helpdesk, a year old by the clock", false, called.Name, issued)
		mark := o.mark(t)
		c.jump(t, -year, all...)

		if said := o.run(t, "spse-totp", "clock"); !strings.Contains(said, "behind  no") {
			t.Errorf("an hour that was ahead has moved the mark: %s", said)
		}
		for _, e := range o.since(t, mark) {
			if e["SPSE_TOTP_EVENT"] == "alarm" {
				t.Errorf("alarm %v", e)
			}
		}
		for _, p := range []*people.Person{idle, few, called} {
			o.mustBe(t, "one code", true, p.Name, next(t, p))
		}
		mustSay(t, "status", o.run(t, "spse-totp", "status", many.Name), "guarded until   the next accepted code")
		o.mustBe(t, "the first of two", false, many.Name, next(t, many))
		c.pass(t, step, all...)
		o.mustBe(t, "the second", true, many.Name, next(t, many))
		o.mustBe(t, "one code", true, kept.Name, next(t, kept))
		o.mustLeadToActivation(t, called.Name, issued)
	})
}
