package pamclient

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"spse-totp/daemon/protocol"
)

// A thousand transactions in one process: no memory and no descriptor is lost.

// transaction is one login in a process of many.
type transaction struct {
	name, service string
	steps         []string
	daemon        []func(*peer)
	want          []int // what its calls return
}

// mix is ten transactions. The first comes first, since what it logs opens
// libc's own descriptor.
var mix = []transaction{
	{name: "no daemon", service: "nobody",
		steps: []string{"user=budi", "auth"},
		want:  []int{pamUnavail}},
	{name: "right", service: "sshd",
		steps:  []string{"user=root", "answer=" + code, "null", "auth", "acct", "setcred"},
		daemon: []func(*peer){talkative(code, protocol.Accepted)},
		want:   []int{pamSuccess, pamSuccess, pamSuccess}},
	{name: "wrong", service: "sshd",
		steps:  []string{"user=budi", "answer=271828", "fail=19", "auth"},
		daemon: []func(*peer){talkative("271828", protocol.Refused)},
		want:   []int{pamAuthErr}},
	{name: "empty", service: "sshd",
		steps:  []string{"user=budi", "answer=", "answer=", "auth"},
		daemon: []func(*peer){talkative("", protocol.Refused)},
		want:   []int{pamAuthErr}},
	{name: "withheld", service: "sshd",
		steps: []string{"user=budi", "answer=\t" + code, "auth"},
		daemon: []func(*peer){func(p *peer) {
			p.start()
			p.prompt(prompt)
			p.withheld()
			p.result(protocol.Refused)
			p.hungUp()
		}},
		want: []int{pamAuthErr}},
	{name: "daemon gone, and back", service: "sshd",
		steps: []string{"user=budi", "answer=" + code, "auth"},
		daemon: []func(*peer){goneAfterTheAnswer, func(p *peer) {
			p.carries(prompt, code)
			p.result(protocol.Accepted)
			p.hungUp()
		}},
		want: []int{pamSuccess}},
	{name: "daemon gone twice", service: "sshd",
		steps:  []string{"user=budi", "answer=" + code, "auth"},
		daemon: []func(*peer){goneAfterTheAnswer, func(p *peer) { p.carries(prompt, code) }},
		want:   []int{pamUnavail}},
	{name: "garbled", service: "sshd",
		steps:  []string{"user=budi", "auth"},
		daemon: []func(*peer){func(p *peer) { p.start(); p.raw([]byte{1}) }},
		want:   []int{pamUnavail}},
	{name: "one prompt", service: "oneprompt",
		steps: []string{"user=budi", "answer=rahasia" + code, "auth"},
		daemon: []func(*peer){func(p *peer) {
			p.carries("", code)
			p.result(protocol.Accepted)
			p.hungUp()
		}},
		want: []int{pamSuccess}},
	{name: "account phase", service: "sshd",
		steps:  []string{"user=budi", "acct"},
		daemon: []func(*peer){verdict(protocol.Refused)},
		want:   []int{pamAuthErr}},
}

// talkative uses every message there is. Its offer is left out.
func talkative(typed string, v protocol.Verdict) func(*peer) {
	return func(p *peer) {
		p.start()
		p.send(protocol.NeedGroups{GIDs: []uint32{otherGID}})
		request[protocol.Groups](p)
		p.send(protocol.Show{Text: "Halo", Style: protocol.StyleInfo})
		p.prompt(prompt)
		p.answer(typed)
		p.offer(offered)
		p.answer("")
		p.result(v)
		p.hungUp()
	}
}

func goneAfterTheAnswer(p *peer) {
	p.start()
	p.prompt(prompt)
	p.answer(code)
}

// thousand plays the mix a hundred times. Whatever watches the driver ends it
// with a status of its own where something is wrong, which fails the test.
func thousand(t *testing.T, b build) {
	const times = 100
	l := newLogin(t, b)
	l.stack("sshd", "auth required MODULE", "account required MODULE account=sshd")
	l.stack("nobody", "auth required "+b.module+" socket="+filepath.Join(l.folder, "none"))
	l.stack("oneprompt", "auth optional MODULE split=6", "auth required MODULE")
	steps := []string{"repeat=" + strconv.Itoa(times)}
	var conversations []func(*peer)
	for _, one := range mix {
		steps = append(steps, "again="+one.service)
		steps = append(append(steps, one.steps...), "fds")
		conversations = append(conversations, one.daemon...)
	}
	l.daemon(slices.Repeat(conversations, times)...)
	events := l.run(steps...).events

	var codes, descriptors []int
	for _, e := range events {
		if e.Call != "" {
			codes = append(codes, e.Code)
		}
		if e.Descriptors == 0 {
			continue
		}
		one := mix[len(descriptors)%len(mix)]
		if !slices.Equal(codes, one.want) {
			t.Errorf("transaction %d, %s: returned %v, want %v", len(descriptors)+1, one.name, codes, one.want)
		}
		codes, descriptors = nil, append(descriptors, e.Descriptors)
	}
	if len(descriptors) != times*len(mix) {
		t.Fatalf("%d transactions, want %d", len(descriptors), times*len(mix))
	}
	for i, n := range descriptors[2:] {
		if n != descriptors[1] {
			t.Fatalf("%d descriptors after the second transaction, %d after number %d, %s",
				descriptors[1], n, i+3, mix[(i+2)%len(mix)].name)
		}
	}
}

func TestAThousandTransactionsLeakNothing(t *testing.T) {
	t.Parallel()
	for _, b := range builds {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			thousand(t, b)
		})
	}
}

// valgrind looks at the very module that ships, and sees too what is read before
// it was written.
func TestAThousandTransactionsUnderValgrind(t *testing.T) {
	if os.Getenv("SPSE_TOTP_LONG") == "" {
		t.Skip("make test-long runs it, which installs valgrind")
	}
	t.Parallel()
	valgrind, err := exec.LookPath("valgrind")
	if err != nil {
		if os.Getenv("SPSE_TOTP_REQUIRE_TOOLS") == "1" {
			t.Fatal("valgrind is missing, and SPSE_TOTP_REQUIRE_TOOLS=1 wants it: install the Debian package valgrind")
		}
		t.Skip("valgrind is missing, so nothing was looked at: install the Debian package valgrind")
	}
	b := builds[0]
	// What NSS keeps for the process, and can still reach, is no leak.
	b.under = []string{valgrind, "--quiet", "--error-exitcode=99", "--leak-check=full",
		"--show-leak-kinds=definite,indirect,possible", "--errors-for-leak-kinds=definite,indirect,possible"}
	b.env = []string{"LD_PRELOAD=" + b.module} // keeps it loaded: valgrind can name its functions at the end
	thousand(t, b)
}
