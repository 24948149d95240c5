package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/protocol"
)

// supervisor hears what a daemon tells systemd.
type supervisor struct {
	t    *testing.T
	conn *net.UnixConn
}

// supervise makes the daemons of the bench tell.
func (b *bench) supervise() supervisor {
	b.t.Helper()
	path := b.path("notify.sock")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	b.env = append(b.env, "NOTIFY_SOCKET="+path)
	return supervisor{b.t, conn}
}

// await reads up to a message that begins so, and returns it.
func (s supervisor) await(begin string) string {
	s.t.Helper()
	if err := s.conn.SetReadDeadline(time.Now().Add(hang)); err != nil {
		s.t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	for {
		n, err := s.conn.Read(buffer)
		if err != nil {
			s.t.Fatalf("systemd was not told %s: %v", begin, err)
		}
		if told := string(buffer[:n]); strings.HasPrefix(told, begin) {
			return told
		}
	}
}

func TestSystemdIsTold(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	systemd := b.supervise()
	b.env = append(b.env, fmt.Sprintf("WATCHDOG_USEC=%d", (200*time.Millisecond).Microseconds()))
	begin := time.Now() // and not when the test gets to read that it is ready
	d := b.launch(b.held)
	systemd.await("READY=1")
	const beats = 5
	for range beats {
		systemd.await("WATCHDOG=1")
	}
	if least := beats * 100 * time.Millisecond; time.Since(begin) < least {
		t.Errorf("%d beats within %v: more often than half of WATCHDOG_USEC", beats, time.Since(begin))
	}
	d.signal(syscall.SIGHUP)
	systemd.await("RELOADING=1\nMONOTONIC_USEC=")
	systemd.await("READY=1")
	d.signal(syscall.SIGTERM)
	systemd.await("STOPPING=1")
	if status := d.exit(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// Told to stop at once and again, the daemon never forgets to say so.
func TestStoppingIsAlwaysTold(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	systemd := b.supervise()
	for range rounds(10, 100) {
		d := b.launch(b.held)
		systemd.await("READY=1")
		d.signal(syscall.SIGTERM)
		if status := d.exit(); status != 0 {
			t.Errorf("exit status %d", status)
		}
		systemd.await("STOPPING=1")
	}
}

// A group that is taken away keeps nobody out at the next start: its rule is told
// of, and decides what is strictest. A reload takes no such rule.
func TestAGroupThatIsGone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.people("budi")[0]
	b.configure("[[rule]]", `groups = ["no-such-group"]`, `verdict = "exempt"`, `reason = "x"`, "until = 2099-12-31",
		"[[rule]]", `groups = ["no-such-group-either"]`, `verdict = "require"`)
	d := b.start()
	d.await(audit.Service, "spse-totp.toml:6", "group that is gone")
	d.await(audit.Service, "spse-totp.toml:11", "group that is gone")
	c, err := b.talk(p.start())
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if _, err := c.prompt(); err != nil { // and not exempt
		t.Fatal(err)
	}
	if err := c.send(answer(p.code(0))); err != nil {
		t.Fatal(err)
	}
	if verdict, err := c.result(); err != nil || verdict != protocol.Accepted {
		t.Errorf("%v, %v", verdict, err)
	}
	d.signal(syscall.SIGHUP)
	d.await(audit.Alarm, "not reloaded", "no-such-group")
}

func TestReload(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.people("budi")[0]
	d := b.start()
	prompt := func() string {
		t.Helper()
		c, err := b.talk(p.start())
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		said, err := c.prompt()
		if err != nil {
			t.Fatal(err)
		}
		return said
	}
	if said := prompt(); !strings.Contains(said, "LPSE Kudus") {
		t.Errorf("prompt %q", said)
	}
	b.configure(`contact = "a new one"`, `isuer = "LPSE Demak"`)
	d.signal(syscall.SIGHUP)
	alarm := d.await(audit.Alarm, "not reloaded", "spse-totp.toml:7:", "isuer")
	if !strings.Contains(alarm["SPSE_TOTP_HINT"], "config check") {
		t.Errorf("hint %q", alarm["SPSE_TOTP_HINT"])
	}
	if said := prompt(); !strings.Contains(said, "LPSE Kudus") {
		t.Errorf("after a broken file: prompt %q", said)
	}
	b.write("spse-totp.toml", `issuer = "LPSE Demak"`)
	d.signal(syscall.SIGHUP)
	d.await(audit.Service, "reloaded")
	if said := prompt(); !strings.Contains(said, "LPSE Demak") || !strings.Contains(said, "angka") {
		t.Errorf("after the reload: prompt %q", said)
	}
	b.expectLogin(p, p.code(0), protocol.Accepted)
}

// A stop ends each conversation in one of two ways: with the verdict, or with
// nothing at all. Where it is nothing, nothing was decided, and the next
// daemon lets in.
func TestStopCostsNobodyALogin(t *testing.T) {
	t.Parallel()
	const count = 100
	b := newBench(t)
	people := b.people(numbered("budi", count)...)
	silent := b.people("siti")[0]
	d := b.start()
	waits, err := b.talk(silent.start())
	if err != nil {
		t.Fatal(err)
	}
	defer waits.close()
	asked, err := waits.prompt()
	if err != nil {
		t.Fatal(err)
	}
	talks, prompts := make([]*talk, count), make([]string, count)
	for i, p := range people {
		if talks[i], err = b.talk(p.start()); err != nil {
			t.Fatal(err)
		}
		defer talks[i].close()
		if prompts[i], err = talks[i].prompt(); err != nil {
			t.Fatal(err)
		}
	}
	codes := make([]string, count)
	d.signal(syscall.SIGSTOP) // so that it finds answers and stop together
	for i, p := range people {
		codes[i] = p.code(0)
		if err := talks[i].send(answer(codes[i])); err != nil {
			t.Fatal(err)
		}
	}
	d.signal(syscall.SIGTERM)
	d.signal(syscall.SIGCONT)
	if status := d.exit(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	b.start()
	first, next := 0, 0
	for i, p := range people {
		verdict, err := talks[i].result()
		if err == nil {
			first++
		} else if verdict, err = b.continued(p, prompts[i], codes[i]); err == nil {
			next++
		}
		if err != nil || verdict != protocol.Accepted {
			t.Errorf("%s: %v, %v", p.name, verdict, err)
		}
	}
	if reply, err := waits.next(); err == nil {
		t.Errorf("who waited was told %v", reply)
	}
	if verdict, err := b.continued(silent, asked, silent.code(0)); err != nil || verdict != protocol.Accepted {
		t.Errorf("who waited: %v, %v", verdict, err)
	}
	t.Logf("%d were answered by the first daemon, %d by the next", first, next)
}

// The reader of the log is no condition for logins.
func TestALogThatNobodyReadsStopsNoLogin(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.people("budi")[0]
	b.wrap = []string{"/bin/sh", "-c", `exec "$@" 2> "` + b.path("log") + `"`, "sh"}
	if err := syscall.Mkfifo(b.path("log"), 0o600); err != nil {
		t.Fatal(err)
	}
	systemd := b.supervise()
	reader := make(chan *os.File, 1)
	go func() {
		file, err := os.Open(b.path("log"))
		if err != nil {
			t.Error(err)
		}
		reader <- file
	}()
	b.launch(b.held)
	systemd.await("READY=1")
	_ = (<-reader).Close()
	b.expectLogin(p, p.wrong(), protocol.Refused)
	b.expectLogin(p, p.code(0), protocol.Accepted)
}

// Run by hand the daemon makes sockets of its own, and takes them along.
func TestByHand(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.held = nil
	p := b.people("budi")[0]
	d := b.start()
	b.expectLogin(p, p.code(0), protocol.Accepted)
	second := b.launch(nil)
	if status := second.exit(); status != 1 || !strings.Contains(second.said(), "another daemon listens") {
		t.Errorf("a second daemon ended with %d: %s", status, second.said())
	}
	next := p.code(1)
	b.expectLogin(p, next, protocol.Accepted)
	d.kill() // which leaves the sockets behind
	d = b.start()
	b.expectLogin(p, next, protocol.Refused)
	if status := d.stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if left, err := filepath.Glob(b.path("run/*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.wrap = []string{"/bin/sh", "-c", `exec "$1" now`, "sh"}
	d := b.launch(nil)
	if status := d.exit(); status != 2 || !strings.Contains(d.said(), "usage: spse-totpd") {
		t.Errorf("exit status %d: %s", status, d.said())
	}
}
