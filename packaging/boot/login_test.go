package boot

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"

	"spse-totp/packaging/boot/machine"
	"spse-totp/pamclient/hosts/people"
)

// A verdict that comes after the module's deadline is nobody's: the person was
// refused, and the code is used up.
func TestALateVerdict(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		o.mustWork(t)
		pid := o.daemon()
		p, code := o.code(t)
		err := o.logIn(p.Name, people.AtTheCode(password, func() (string, error) {
			return code, syscall.Kill(pid, syscall.SIGSTOP)
		}))
		if err == nil {
			t.Error("in without a verdict")
		}
		mark := o.mark(t)
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		o.awaitEntry(t, mark, "SPSE_TOTP_ACCOUNT", p.Name)
		if err := o.logIn(p.Name, people.Answers(password, code)); err == nil {
			t.Error("in by a code whose verdict came late")
		}
		o.mustWork(t)
		if o.daemon() != pid {
			t.Error("the daemon was started again: there was no late verdict")
		}
	})
}

// eventsOf waits for so many of the daemon's events about somebody since the
// mark, and returns them.
func (o *office) eventsOf(t *testing.T, mark, who string, n int) []machine.Entry {
	t.Helper()
	var found []machine.Entry
	until(t, fmt.Sprintf("%d events about %s", n, who), func() bool {
		found = nil
		for _, e := range o.since(t, mark) {
			if e["SPSE_TOTP_ACCOUNT"] == who {
				found = append(found, e)
			}
		}
		return len(found) >= n
	})
	return found
}

// A login is in the journal with fields to search by, as the daemon's own.
func TestTheJournalsFields(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		mark := o.mark(t)
		p, code := o.code(t)
		if err := o.logIn(p.Name, people.Answers(password, code)); err != nil {
			t.Error(err)
		}
		for _, not := range []string{code, people.Spoilt(code)} {
			if err := o.logIn(p.Name, people.Answers(password, not)); err == nil {
				t.Error("in by a used or a wrong code")
			}
		}
		all := map[string]string{
			"MESSAGE_ID": "92a3c479f41249908aa6958e84ccca08", "SPSE_TOTP_EVENT": "login",
			"SPSE_TOTP_SERVICE": "sshd", "SPSE_TOTP_TTY": "ssh", "SPSE_TOTP_RHOST": strings.TrimSuffix(o.Address, "2") + "1",
			"_SYSTEMD_UNIT": unit, "_UID": fmt.Sprint(daemonUID), "_COMM": "spse-totpd",
		}
		events := o.eventsOf(t, mark, p.Name, 3)
		for i, own := range []map[string]string{
			{"SPSE_TOTP_VERDICT": "accepted", "SPSE_TOTP_REASON": "accepted", "PRIORITY": "6"},
			{"SPSE_TOTP_VERDICT": "refused", "SPSE_TOTP_REASON": "replayed", "PRIORITY": "5"},
			{"SPSE_TOTP_VERDICT": "refused", "SPSE_TOTP_REASON": "wrong", "PRIORITY": "5"},
		} {
			for _, want := range []map[string]string{all, own} {
				for field, value := range want {
					if events[i][field] != value {
						t.Errorf("event %d: %s is %q, want %q", i, field, events[i][field], value)
					}
				}
			}
			if events[i]["SPSE_TOTP_VERSION"] == "" {
				t.Errorf("event %d has no version", i)
			}
		}
	})
}

// However a prompt is left, nobody is in, nothing is counted, and the password
// alone is worth nothing.
func TestPromptsThatAreLeft(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		p, code := o.code(t)
		mark := o.mark(t)
		left := errors.New("the person hung up")
		for what, method := range map[string]ssh.AuthMethod{
			"hung up":             people.AtTheCode(password, func() (string, error) { return "", left }),
			"empty":               people.Answers(password, ""),
			"the password twice":  people.Answers(password, password),
			"the password method": ssh.Password(password),
		} {
			if err := o.logIn(p.Name, method); err == nil {
				t.Errorf("%s: in", what)
			}
		}
		for service, whom := range map[string]string{"sudo": "root", "su": p.Name} {
			for what, typed := range map[string]string{"end of file": "", "empty": "\n", "a newline in the middle": code[:3] + "\n" + code[3:] + "\n"} {
				if said, in := o.escalate(service, p.Name, whom, password+"\n"+typed); in {
					t.Errorf("%s, %s: in: %s", service, what, said)
				}
			}
		}
		for _, e := range o.eventsOf(t, mark, p.Name, 1) {
			switch e["SPSE_TOTP_REASON"] {
			case "abandoned", "withheld", "malformed":
			default:
				t.Errorf("a prompt that was left came to %q", e["SPSE_TOTP_REASON"])
			}
		}
		if err := o.logIn(p.Name, people.Answers(password, code)); err != nil {
			t.Errorf("and then the right code: %v", err)
		}
	})
}

// hostile is an environment that would change a setuid program, if it or our
// module heeded it.
var hostile = []string{
	"LD_PRELOAD=/tmp/evil.so", "LD_AUDIT=/tmp/evil.so", "LD_LIBRARY_PATH=/tmp", "LD_DEBUG=all",
	"HOME=/tmp", "LANG=../../tmp/evil", "LC_ALL=../../tmp/evil", "LANGUAGE=../../tmp/evil", "TZ=:/etc/shadow", "TMPDIR=/tmp/evil",
	"GODEBUG=gctrace=1,inittrace=1", "GOTRACEBACK=crash", "GCONV_PATH=/tmp", "NOTIFY_SOCKET=/tmp/evil",
	"LISTEN_FDS=2", "CREDENTIALS_DIRECTORY=/tmp", "STATE_DIRECTORY=/tmp",
}

// escalate has somebody become another by sudo or su: what is typed comes from
// a pipe, and hostile variables are set for the program.
func (o *office) escalate(service, who, whom, typed string, environment ...string) (said string, in bool) {
	args := append([]string{"runuser", "-u", who, "--", "env"}, environment...)
	if service == "sudo" {
		args = append(args, "sudo", "-k", "-S", "-u", whom, "/bin/sh", "-c", "echo in as $(id -un)")
	} else {
		args = append(args, "su", whom, "-c", "echo in as $(id -un)")
	}
	said, err := o.RunWith(typed, args...)
	return said, err == nil || strings.Contains(said, "in as ")
}

func TestAHostileEnvironmentChangesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		for _, service := range []string{"sudo", "su"} {
			for _, environment := range [][]string{nil, hostile} {
				p, code := o.code(t)
				other, _ := o.code(t)
				who, whom := p.Name, other.Name
				if service == "su" { // which asks whom one becomes
					who, whom = whom, who
				}
				if said, in := o.escalate(service, who, whom, password+"\n"+people.Spoilt(code)+"\n", environment...); in {
					t.Errorf("%s with %v: in by a wrong code: %s", service, environment, said)
				}
				said, _ := o.escalate(service, who, whom, password+"\n"+code+"\n", environment...)
				if !strings.Contains(said, "in as "+whom) || strings.Contains(said, "evil") || strings.Contains(said, "calling init") {
					t.Errorf("%s with %v: %s", service, environment, said)
				}
			}
		}
		o.mustWork(t)
	})
}

// A user name is nothing but a name, however it looks.
func TestUserNames(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		mark := o.mark(t)
		names := []string{
			"nobody-of-that-name", "../../etc/passwd", "budi000\n", "budi000\x00", "BUDI000", " budi000", "%s%n", "-budi000",
			fmt.Sprint(firstUID + 1), strings.Repeat("b", 300), strings.Repeat("b", 60000), notActivated,
		}
		_, code := o.code(t)
		for _, name := range names {
			if err := o.logIn(name, people.Answers(password, code)); err == nil {
				t.Errorf("%.20q: in", name)
			}
		}
		for _, e := range o.since(t, mark) {
			if strings.ContainsAny(e["MESSAGE"], "\n\x00") || strings.Contains(e["MESSAGE"], "nobody-of-that-name") {
				t.Errorf("the journal repeats a name as it was typed: %q", e["MESSAGE"])
			}
		}
		o.mustWork(t)
	})
}

// The sockets missing, of the wrong kind or with wrong modes: refused, and as
// good as new when they are.
func TestSocketsThatAreSpoilt(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		const socket = "/run/spse-totp/pam.sock"
		for what, spoil := range map[string][]string{
			"a FIFO":      {"mkfifo", "-m", "600", socket},
			"a file":      {"touch", socket},
			"a dead link": {"ln", "-s", "/nowhere", socket},
		} {
			o.run(t, "rm", "-f", socket)
			o.run(t, spoil...)
			o.mustRefuse(t, what)
		}
		o.run(t, "rm", "-f", socket)
		o.mustRefuse(t, "no socket")
		o.run(t, "systemctl", "restart", unitPAM)
		o.mustWork(t)
		mustBeSockets(t, o)
		if _, err := o.Run("test", "-e", "/nowhere"); err == nil {
			t.Error(fs.ErrExist)
		}
	})
}
