package host

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

var thisMachine = processes{os.DirFS("/")}

// process is one of a machine in memory.
type process struct {
	parent         int
	uids           string
	exe, title     string
	ticks          int
	sockets        []string // inodes
	loginUID, comm string
}

const noLogin = "4294967295"

// running is a machine in memory on which these processes run.
func running(processes map[int]process, tcp, tcp6 string) fs.FS {
	root := fstest.MapFS{"proc/sys/kernel/random/boot_id": {Data: []byte("this-boot\n")}}
	for pid, p := range processes {
		file := func(name, content string) {
			root[fmt.Sprintf("proc/%d/%s", pid, name)] = &fstest.MapFile{Data: []byte(content)}
		}
		link := func(name, to string) {
			root[fmt.Sprintf("proc/%d/%s", pid, name)] = &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink}
		}
		file("status", fmt.Sprintf("Name:\tx\nPPid:\t%d\nUid:\t%s\nGid:\t0\t0\t0\t0\n", p.parent, p.uids))
		file("stat", fmt.Sprintf("%d (%s) S %d 1 1 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 %d 100 200 0\n", pid, p.comm, p.parent, p.ticks))
		file("cmdline", p.title)
		file("loginuid", p.loginUID)
		file("net/tcp", tcp)
		file("net/tcp6", tcp6)
		link("exe", p.exe)
		for i, inode := range p.sockets {
			link(fmt.Sprintf("fd/%d", i), "socket:["+inode+"]")
		}
		link("fd/9", "/dev/null")
	}
	return root
}

const (
	roots  = "0\t0\t0\t0"
	admins = "1001\t1001\t1001\t1001"
)

// onBookworm and onTrixie are as seen there: sudo in a login of admin's.
var (
	onBookworm = map[int]process{
		1:  {uids: roots, exe: "/usr/lib/systemd/systemd", title: "/sbin/init\x00", loginUID: noLogin},
		39: {parent: 1, uids: roots, exe: "/usr/sbin/sshd", title: "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups\x00", loginUID: noLogin, sockets: []string{"30"}},
		70: {parent: 39, uids: roots, exe: "/usr/sbin/sshd", title: "sshd: admin [priv]\x00\x00\x00", loginUID: "1001", ticks: 4104, comm: "sshd) (x", sockets: []string{"7", "40", "41"}},
		71: {parent: 70, uids: admins, exe: "/usr/sbin/sshd", title: "sshd: admin@pts/0\x00", loginUID: "1001", ticks: 4200},
		72: {parent: 71, uids: admins, exe: "/usr/bin/bash", title: "-bash\x00", loginUID: "1001", ticks: 4201},
		73: {parent: 72, uids: "1001\t0\t0\t0", exe: "/usr/bin/sudo", title: "sudo\x00spse-totp\x00", loginUID: "1001", ticks: 4300},
		74: {parent: 73, uids: roots, exe: "/usr/bin/spse-totp", title: "spse-totp\x00", loginUID: "1001", ticks: 4301},
	}
	onTrixie = map[int]process{
		39: {parent: 1, uids: roots, exe: "/usr/sbin/sshd", title: "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups\x00", loginUID: noLogin},
		70: {parent: 39, uids: roots, exe: "/usr/lib/openssh/sshd-session (deleted)", title: "sshd-session: admin [priv]\x00\x00", loginUID: "1001", ticks: 4104, sockets: []string{"41"}},
		71: {parent: 70, uids: admins, exe: "/usr/lib/openssh/sshd-session", title: "sshd-session: admin@notty\x00", loginUID: "1001"},
		74: {parent: 71, uids: roots, exe: "/usr/bin/spse-totp", title: "spse-totp\x00", loginUID: "1001"},
	}
)

const (
	tcpHead = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	tcp     = tcpHead +
		"   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 40 1 0 100 0 0 10 0\n" +
		"   1: 02006F0A:0016 0900A8C0:E704 01 00000000:00000000 02:000AFC61 00000000     0        0 99 3 0 20 4 15 59 -1\n" +
		"   2: 02006F0A:0016 01006F0A:E704 01 00000000:00000000 02:000AFC61 00000000     0        0 41 3 0 20 4 15 59 -1\n"
	tcp6 = tcpHead +
		"   0: 00000000000000000000000000000000:0016 B80D0120000000000000000005000000:0FA0 01 00000000:00000000 02:000AFC61 00000000     0        0 41 1 0 100 0 0 10 0\n"
	tcp6Mapped = tcpHead +
		"   0: 0000000000000000FFFF000002006F0A:0016 0000000000000000FFFF000001006F0A:E704 01 00000000:00000000 02:000AFC61 00000000     0        0 41 1 0 100 0 0 10 0\n"
)

// with is a machine where one process is another.
func with(machine map[int]process, pid int, change func(*process)) map[int]process {
	all := make(map[int]process)
	for pid, p := range machine {
		all[pid] = p
	}
	p := all[pid]
	change(&p)
	all[pid] = p
	return all
}

func TestTheLoginBehindAProcess(t *testing.T) {
	began := Moment{"this-boot", 41040 * time.Millisecond}
	admin := &SSHLogin{"admin", 70, netip.MustParseAddrPort("10.111.0.1:59140"), began}
	for what, c := range map[string]struct {
		machine   map[int]process
		tcp, tcp6 string
		want      *SSHLogin
	}{
		"bookworm":         {onBookworm, tcp, tcpHead, admin},
		"trixie, upgraded": {onTrixie, tcp, tcpHead, admin},
		"over IPv6":        {onBookworm, tcpHead, tcp6, &SSHLogin{"admin", 70, netip.MustParseAddrPort("[2001:db8::5]:4000"), began}},
		"IPv4 over IPv6":   {onBookworm, tcpHead, tcp6Mapped, admin},
		"no connection":    {onBookworm, tcpHead, tcpHead, &SSHLogin{"admin", 70, netip.AddrPort{}, began}},
		"a garbled table":  {onBookworm, strings.ReplaceAll(tcp, "01006F0A", "0100XX0A"), "x", &SSHLogin{"admin", 70, netip.AddrPort{}, began}},
		"a name with a blank": {with(onBookworm, 70, func(p *process) { p.title = "sshd: ad min [priv]\x00" }), tcp, tcpHead,
			&SSHLogin{"ad min", 70, admin.From, began}},
		"a title of the user's":   {with(onBookworm, 70, func(p *process) { p.uids = admins }), tcp, tcpHead, nil},
		"sudo by another name":    {with(onBookworm, 70, func(p *process) { p.exe = "/usr/bin/sudo" }), tcp, tcpHead, nil},
		"a program of root's":     {with(onBookworm, 70, func(p *process) { p.uids = "1001\t0\t0\t0" }), tcp, tcpHead, nil},
		"another title":           {with(onBookworm, 70, func(p *process) { p.title = "sshd: admin@pts/0\x00" }), tcp, tcpHead, nil},
		"the console":             {with(onBookworm, 72, func(p *process) { p.parent = 1 }), tcp, tcpHead, nil},
		"parents that go around":  {with(onBookworm, 71, func(p *process) { p.parent = 72 }), tcp, tcpHead, nil},
		"one of the system's own": {with(onBookworm, 74, func(p *process) { p.parent, p.loginUID = 1, noLogin }), tcp, tcpHead, nil},
	} {
		p := processes{running(c.machine, c.tcp, c.tcp6)}
		got, err := p.sshLogin(74)
		if err != nil || (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%s: %+v, %v, want %+v", what, got, err, c.want)
		}
	}
}

func TestWhoseLoginItIs(t *testing.T) {
	for text, want := range map[string]Session{
		noLogin:        {},
		"0":            {User: "root"},
		"65534\n":      {User: "nobody", UID: 65534},
		"4294967294":   {User: "uid 4294967294", UID: 4294967294},
		"not a number": {},
	} {
		root := running(map[int]process{74: {parent: 1, uids: roots, loginUID: text}}, "", "")
		got, err := Users{}.Session(t.Context(), root, 74)
		if got != want || (err != nil) != (text == "not a number") {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
	}
	if got, err := (Users{}).Session(t.Context(), running(nil, "", ""), 74); err == nil {
		t.Errorf("no such process: %+v", got)
	}
	root := running(map[int]process{74: {parent: 1, uids: roots}}, "", "").(fstest.MapFS)
	delete(root, "proc/74/loginuid")
	if got, err := (Users{}).Session(t.Context(), root, 74); err != nil || got != (Session{}) {
		t.Errorf("a kernel that keeps none: %+v, %v", got, err)
	}
}

func TestTheSessionOfThisProcess(t *testing.T) {
	got, err := Users{}.Session(t.Context(), os.DirFS("/"), os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("/proc/self/loginuid")
	if set := err == nil && string(text) != noLogin; set != (got.User != "") {
		t.Errorf("%+v, and loginuid is %q, %v", got, text, err)
	}
}

// A program of the user's own that calls itself as sshd's does is none.
func TestAProgramThatCallsItselfSSHD(t *testing.T) {
	liar := exec.Command("sleep", "600")
	liar.Args[0] = "sshd: root [priv]"
	if err := liar.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = liar.Process.Kill(); _ = liar.Wait() }()
	if user, is := thisMachine.privileged(liar.Process.Pid); is {
		t.Errorf("it is taken for the login of %s", user)
	}
	title, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(liar.Process.Pid), "cmdline"))
	if err != nil || !strings.HasPrefix(string(title), "sshd: root [priv]") {
		t.Errorf("it calls itself %q, %v", title, err)
	}
}

func FuzzParsePeer(f *testing.F) {
	for _, seed := range []string{"0100007F:0016", "B80D0120000000000000000005000000:0FA0", ":", "0100007F:", "é100007:1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if peer, err := parsePeer(text); err == nil && !peer.IsValid() {
			t.Errorf("%q: %v, without an error", text, peer)
		}
	})
}
