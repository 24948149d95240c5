package pamclient

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"spse-totp/daemon/protocol"
)

// The file itself.

func TestSharedObject(t *testing.T) {
	file, err := elf.Open(builds[0].module)
	must(t, err)
	defer file.Close()

	symbols, err := file.DynamicSymbols()
	must(t, err)
	var exported []string
	canaries := false
	for _, symbol := range symbols {
		if symbol.Section != elf.SHN_UNDEF && elf.ST_BIND(symbol.Info) != elf.STB_LOCAL {
			exported = append(exported, symbol.Name)
		}
		canaries = canaries || symbol.Name == "__stack_chk_fail"
	}
	slices.Sort(exported)
	if want := []string{"pam_sm_acct_mgmt", "pam_sm_authenticate", "pam_sm_setcred"}; !slices.Equal(exported, want) {
		t.Errorf("exports %v, want %v", exported, want)
	}
	if !canaries {
		t.Error("no stack protector")
	}

	needed, err := file.ImportedLibraries()
	must(t, err)
	slices.Sort(needed)
	if want := []string{"libc.so.6", "libpam.so.0"}; !slices.Equal(needed, want) {
		t.Errorf("needs %v, want %v", needed, want)
	}

	relro := slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_GNU_RELRO })
	flags, err := file.DynValue(elf.DT_FLAGS)
	must(t, err)
	if !relro || len(flags) != 1 || flags[0]&uint64(elf.DF_BIND_NOW) == 0 {
		t.Errorf("RELRO %v, flags %v", relro, flags)
	}
	for _, section := range file.Sections { // no global mutable state
		if (section.Name == ".data" || section.Name == ".bss") && section.Size > 8 {
			t.Errorf("%s has %d bytes", section.Name, section.Size)
		}
	}
}

func TestTheSocketIsClosedOnExec(t *testing.T) {
	onEachBuild(t, func(t *testing.T, l *login) {
		l.line("")
		l.daemon(accepting(prompt, code))
		d := l.begin("user=budi", "pause", "answer="+code, "auth")
		d.untilPaused()
		folder := fmt.Sprintf("/proc/%d", d.cmd.Process.Pid)
		entries, err := os.ReadDir(folder + "/fd")
		must(t, err)
		sockets := 0
		for _, entry := range entries {
			target, _ := os.Readlink(folder + "/fd/" + entry.Name())
			if !strings.HasPrefix(target, "socket:") {
				continue
			}
			sockets++
			info, err := os.ReadFile(folder + "/fdinfo/" + entry.Name())
			must(t, err)
			var pos, flags uint64
			_, err = fmt.Sscanf(string(info), "pos: %d\nflags: %o", &pos, &flags)
			must(t, err)
			if flags&syscall.O_CLOEXEC == 0 {
				t.Errorf("descriptor %s stays open over exec", entry.Name())
			}
		}
		if sockets == 0 {
			t.Error("no socket is open")
		}
		d.goOn()
		d.end().wantCode("auth", pamSuccess)
	})
}

// No argument of the driver holds it. Its tail is looked for: a wipe of the first
// byte alone is none.
const (
	typedSecret = "271828"
	secretTail  = "71828"
)

// secrets are logins in which typedSecret is typed or shown. Each is broken off
// once, so that a start carries it too.
var secrets = map[string]struct {
	stack, typed []string
	show         string
}{
	"answer":   {stack: []string{"auth required MODULE"}, typed: []string{typedSecret}},
	"withheld": {stack: []string{"auth required MODULE"}, typed: []string{"\t" + typedSecret}},
	"split": {stack: []string{"auth optional MODULE split=6", "auth required MODULE"},
		typed: []string{"rahasia-" + typedSecret, typedSecret}},
	// Short, so that the driver's next line overwrites its own copy.
	"shown": {stack: []string{"auth required MODULE"}, typed: []string{""}, show: "Kunci " + typedSecret},
}

// beginSecret runs one of them until the driver stays after its call.
func beginSecret(l *login, name string) *driver {
	l.t.Helper()
	test := secrets[name]
	l.stack("sshd", test.stack...)
	l.daemon(func(p *peer) {
		p.start()
		if test.show != "" {
			p.send(protocol.Show{Text: test.show, Style: protocol.StyleInfo})
		}
		p.prompt("?")
		request[protocol.Answer](p)
	}, func(p *peer) {
		p.start()
		p.result(protocol.Accepted)
		p.hungUp()
	})
	steps := append([]string{"user=budi"}, slices.Repeat([]string{"type"}, len(test.typed))...)
	d := l.begin(append(steps, "auth", "stay")...)
	for _, typed := range test.typed {
		d.untilPaused()
		d.typeLine(typed)
	}
	d.untilPaused()
	return d
}

// What was typed, or shown, is in no memory of the process once the call is over.
func TestNoSecretStaysInMemory(t *testing.T) {
	for name := range secrets {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := beginSecret(newLogin(t, builds[0]), name)
			memory := writableMemory(t, d.cmd.Process.Pid)
			if !strings.Contains(memory, "pam_spse_totp") {
				t.Error("not the memory of the process")
			}
			if at := strings.Index(memory, secretTail); at >= 0 {
				t.Errorf("it is still there: %q", memory[max(0, at-40):at+20])
			}
			d.goOn()
			d.end().wantCode("auth", pamSuccess)
		})
	}
}

// No block of memory is given back with a secret in it. (What is shown passes
// through vasprintf() in libpam, which gives back a buffer of its own.)
func TestNoSecretIsFreed(t *testing.T) {
	for _, name := range []string{"answer", "withheld", "split"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLogin(t, builds[0])
			l.env = []string{"LD_PRELOAD=" + filepath.Join(tools, "libwatch.so"), "WATCH=" + secretTail}
			d := beginSecret(l, name)
			d.goOn()
			d.end().wantCode("auth", pamSuccess)
		})
	}
}

func writableMemory(t *testing.T, pid int) string {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	must(t, err)
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	must(t, err)
	defer memory.Close()
	var all strings.Builder
	for _, line := range strings.Split(string(maps), "\n") {
		var from, to int64
		var access string
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &from, &to, &access); n != 3 || access[:2] != "rw" {
			continue
		}
		part := make([]byte, to-from)
		n, err := memory.ReadAt(part, from)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all.Write(part[:n])
	}
	return all.String()
}

// The log.

func TestLog(t *testing.T) {
	const password = "canary-password"
	for name, test := range map[string]struct {
		arguments string
		daemon    func(*peer)
		want      string
	}{
		"accepted": {"debug", accepting(prompt, code), "debug: pam_spse_totp(sshd:auth): auth ended with 0: Success\n"},
		"refused":  {"debug", verdict(protocol.Refused), "debug: pam_spse_totp(sshd:auth): auth ended with 7: "},
		"withheld": {"debug", func(p *peer) {
			p.start()
			p.prompt(prompt)
			p.withheld()
			p.raw([]byte{1, 19})
			p.hungUp()
		}, "err: pam_spse_totp(sshd:auth): SOCKET: the daemon's message is garbled: are module and daemon of one version?\n"},
		"unknown argument": {"debug nullok", nil, "err: pam_spse_totp(sshd:auth): bad argument: nullok: correct the line in /etc/pam.d\n"},
		"nobody there":     {"", nil, "err: pam_spse_totp(sshd:auth): SOCKET: the daemon is not there: systemctl status spse-totpd\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLogin(t, builds[0])
			l.stack("sshd", "auth optional MODULE split=6 debug", "auth required MODULE "+test.arguments)
			l.env = []string{"LD_PRELOAD=" + filepath.Join(tools, "liblog.so")}
			typed := code
			if name == "withheld" {
				typed = password
			}
			if test.daemon != nil {
				l.daemon(test.daemon)
			}
			d := l.begin("user=user-canary", "answer="+password, "answer="+typed, "auth")
			d.end()
			log := d.stderr.String()
			if want := strings.ReplaceAll(test.want, "SOCKET", l.socket); !strings.Contains(log, want) {
				t.Errorf("no %q in the log:\n%s", want, log)
			}
			for _, secret := range []string{password, code, "user-canary"} {
				if strings.Contains(log, secret) {
					t.Errorf("%q is in the log:\n%s", secret, log)
				}
			}
		})
	}
}
