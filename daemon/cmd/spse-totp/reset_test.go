package main

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"spse-totp/daemon/internal/control"
)

// clerkOffice is a daemon at which a clerk resets root, whom every machine knows
// by full name.
type clerkOffice struct {
	mayReset bool
	unknown  int32 // so many names are no account's, then one is
	account  control.Account
	problem  *control.Problem // in place of the account
}

func newClerkOffice() clerkOffice {
	disabled, last := false, time.Date(2026, 11, 24, 1, 2, 3, 0, time.UTC)
	return clerkOffice{mayReset: true, account: control.Account{
		Name: "root", Active: true, WasActive: true, Disabled: &disabled, AcceptedAt: &last, Version: 7,
		Advice: []string{"nyalakan tanggal & waktu\x1b[2J"},
	}}
}

func (o clerkOffice) daemon(t *testing.T) *fakeDaemon {
	t.Helper()
	var looked atomic.Int32
	return daemonThat(t, func(request string, _ []byte) (int, any) {
		switch request {
		case "GET /v1/host":
			return http.StatusOK, control.Host{Language: "id", Issuer: "LPSE Kudus", Contact: "0291-0000"}
		case "GET /v1/whoami":
			me := control.WhoAmI{UID: 1003, Helpdesk: o.mayReset, Own: []string{"status"}, Others: []string{}}
			if o.mayReset {
				me.Others = []string{"status", "reset"}
			}
			return http.StatusOK, me
		case "GET /v1/account":
			if looked.Add(1) <= o.unknown {
				return http.StatusNotFound, control.Problem{Code: control.ProblemNoAccount, Error: "no such account"}
			}
			if o.problem != nil {
				return http.StatusForbidden, *o.problem
			}
			return http.StatusOK, o.account
		case "POST /v1/account/reset":
			return http.StatusOK, control.Issued{
				Code: issued, Says: []string{texts.ReadOut(time.Date(2026, 11, 25, 1, 2, 3, 0, time.UTC), false)},
			}
		}
		return http.StatusBadRequest, control.Problem{Code: control.ProblemBadRequest, Error: "unexpected " + request}
	})
}

const (
	askedHost   = "GET /v1/host"
	askedWhoAmI = "GET /v1/whoami"
	askedRoot   = "GET /v1/account?name=root"
)

// resets seats a clerk in front of the conversation.
func resets(t *testing.T, d *fakeDaemon) *person {
	t.Helper()
	return seat(t, 24, 80, "--socket", d.socket, "reset")
}

// expectStopped fails unless the command ends with nothing changed, after what is
// said.
func expectStopped(t *testing.T, p *person, said ...string) {
	t.Helper()
	status, rest := p.leaves()
	want := strings.Join(append(said, texts.Stopped()), "\r\n")
	if status != exitFailed || !strings.HasSuffix(rest, want+"\r\n") {
		t.Errorf("exit code %d, it ends with %q, want %q", status, rest, want)
	}
}

func TestAResetByConversation(t *testing.T) {
	o := newClerkOffice()
	o.unknown = 1
	o.account.Guarded, o.account.GuardedBy = true, "203.0.113.9"
	d := o.daemon(t)
	p := resets(t, d)
	p.sees(texts.DeskName())
	p.types("roto\n")
	p.sees(texts.DeskUnknown("roto"))
	p.sees(texts.DeskName())
	p.types(" root\n")
	p.sees(texts.DeskPerson("root"))
	p.sees(texts.DeskLast(*o.account.AcceptedAt))
	p.sees(texts.DeskState(true))
	p.sees("\r\n- nyalakan tanggal & waktu\\x1b[2J\r\n")
	p.sees(texts.DeskLetter())
	p.types("027/12/2026\n")
	p.sees(texts.DeskReason())
	p.types("HP hilang\n")
	p.sees(texts.GuessedFirst("203.0.113.9")) // before it is too late
	p.sees(texts.DeskSure("root"))
	p.types("y\n")
	p.sees("y\r\n")
	status, rest := p.leaves()
	want := texts.ReadOut(time.Date(2026, 11, 25, 1, 2, 3, 0, time.UTC), false) + "\r\n" + issued + "\r\n"
	if status != exitDone || rest != want {
		t.Errorf("exit code %d, it ends with %q, want %q", status, rest, want)
	}
	d.expectRequests(t, askedHost, askedWhoAmI, "GET /v1/account?name=roto", askedRoot,
		`POST /v1/account/reset?name=root {"reason":"HP hilang","letter":"027/12/2026"}`)
}

// A letter there need not be; nobody is guessing, and nobody is warned.
func TestAResetWithoutALetter(t *testing.T) {
	d := newClerkOffice().daemon(t)
	p := resets(t, d)
	p.sees(texts.DeskName())
	p.types("root\n")
	p.sees(texts.DeskLetter())
	p.types("\n")
	p.sees(texts.DeskReason())
	p.types("HP hilang\n")
	if said := p.sees(texts.DeskSure("root")); strings.Contains(said, "menebak") {
		t.Errorf("it says %q", said)
	}
	p.types("YA\n")
	if status, _ := p.leaves(); status != exitDone {
		t.Errorf("exit code %d", status)
	}
	d.expectRequests(t, askedHost, askedWhoAmI, askedRoot, `POST /v1/account/reset?name=root {"reason":"HP hilang"}`)
}

// Whatever is no yes, at whatever question, changes nothing, and says so.
func TestLeavingAReset(t *testing.T) {
	questions := []struct{ prompt, answer string }{
		{texts.DeskName(), "root\n"}, {texts.DeskLetter(), "\n"}, {texts.DeskReason(), "HP hilang\n"}, {texts.DeskSure("root"), "n\n"},
	}
	for what, c := range map[string]struct {
		keys string
		at   []int // the questions
	}{
		"^D": {"\x04", []int{0, 1, 2, 3}}, "Ctrl-C": {"\x03", []int{0, 1, 2, 3}}, "enter": {"\n", []int{0, 2, 3}},
		"n": {"n\n", []int{3}}, "neither": {"yy\n", []int{3}}, "^D in a line": {"y\x04\x04", []int{3}},
	} {
		for _, at := range c.at {
			t.Run(what+" at "+questions[at].prompt, func(t *testing.T) {
				d := newClerkOffice().daemon(t)
				p := resets(t, d)
				for _, q := range questions[:at] {
					p.sees(q.prompt)
					p.types(q.answer)
				}
				p.sees(questions[at].prompt)
				p.types(c.keys)
				expectStopped(t, p)
				asked := []string{askedHost, askedWhoAmI, askedRoot}
				if at == 0 {
					asked = asked[:2]
				}
				d.expectRequests(t, asked...)
			})
		}
	}
}

func TestThreeUnknownNamesEndAReset(t *testing.T) {
	o := newClerkOffice()
	o.unknown = unknownNames
	p := resets(t, o.daemon(t))
	for range unknownNames {
		p.sees(texts.DeskName())
		p.types("\x16\x1b\n") // ^V: the next key as it is
	}
	expectStopped(t, p, texts.DeskUnknown(`\x1b`))
}

// Whom the clerk may not reset is told before more is asked.
func TestWhoIsNotReset(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*clerkOffice)
		said   string
	}{
		"an administrator": {func(o *clerkOffice) {
			o.problem = &control.Problem{Code: control.ProblemNotAllowed, Error: "you may not do that"}
		}, texts.DeskNot("root")},
		"the clerk himself":    {func(o *clerkOffice) { o.account.Disabled = nil }, texts.DeskNot("root")},
		"one without a record": {func(o *clerkOffice) { o.account.Version, o.account.Active = 0, false }, texts.DeskNoPhone("root")},
	} {
		t.Run(what, func(t *testing.T) {
			o := newClerkOffice()
			c.change(&o)
			d := o.daemon(t)
			p := resets(t, d)
			p.sees(texts.DeskName())
			p.types("root\n")
			expectStopped(t, p, c.said)
			d.expectRequests(t, askedHost, askedWhoAmI, askedRoot)
		})
	}
}

func TestWhoMayResetNobodyIsAskedNothing(t *testing.T) {
	d := clerkOffice{}.daemon(t)
	status, rest := resets(t, d).leaves()
	if status != exitFailed || !strings.HasPrefix(rest, "error: only root and the helpdesk reset accounts\r\nhint: ") {
		t.Errorf("exit code %d, %q", status, rest)
	}
	d.expectRequests(t, askedHost, askedWhoAmI)
}

// What a user wrote into his own full name moves no cursor.
func TestAFullNameIsShownEscaped(t *testing.T) {
	d := &dialogue{texts: texts}
	if shown := strings.Join(d.whoThatIs("Budi\x1b[2J", newClerkOffice().account), "\n"); !strings.Contains(shown, `Budi\x1b[2J`) || strings.Contains(shown, "\x1b") {
		t.Errorf("it is shown as %q", shown)
	}
}
