package hosts

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"spse-totp/daemon/protocol"
	"spse-totp/pamclient/hosts/people"
	"spse-totp/pamclient/hosts/stage"
)

// Two hundred callers on the socket and fifty processes with real libpam have
// one code. The daemon is stopped while they all send it, so that every answer
// is there before the first verdict.
func TestOneCodeInARace(t *testing.T) {
	const rounds, callers, processes = 100, 200, 50
	driver := buildDriver(t)
	for round := range rounds {
		name, code := theFleet.code(t)
		before := theFleet.events.count(name)
		people := make([]answerer, 0, callers+processes)
		for range callers {
			people = append(people, dial(t, name))
		}
		for range processes {
			people = append(people, driver.start(t, name))
		}
		for _, p := range people {
			p.untilAsked(t)
		}
		if err := theFleet.daemon.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		for _, p := range people {
			p.answer(t, code)
		}
		if err := theFleet.daemon.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		in := 0
		for _, p := range people {
			if p.gotIn(t) {
				in++
			}
		}
		reasons := map[string]int{}
		for _, e := range theFleet.events.await(t, name, before+callers+processes)[before:] {
			reasons[e["SPSE_TOTP_REASON"]]++
		}
		if in != 1 || reasons["accepted"] != 1 || reasons["replayed"] != callers+processes-1 {
			t.Fatalf("round %d: %d got in; reasons %v", round, in, reasons)
		}
	}
	t.Logf("%d rounds of %d callers and %d PAM processes: 1 success in each, the others replayed", rounds, callers, processes)
}

// answerer is somebody at the prompt.
type answerer interface {
	untilAsked(t *testing.T)
	answer(t *testing.T, code string)
	gotIn(t *testing.T) bool
}

// caller speaks the protocol itself.
type caller struct{ conn *net.UnixConn }

func dial(t *testing.T, name string) *caller {
	t.Helper()
	conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: stage.PAMSocket, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(4 * people.Hang)); err != nil {
		t.Fatal(err)
	}
	c := &caller{conn}
	c.send(t, protocol.Start{
		Phase: protocol.PhaseAuth, Service: "race", User: name,
		NSS: &protocol.Identity{Name: name, UID: uint32(theFleet.uid(name))},
	})
	return c
}

func (c *caller) send(t *testing.T, m protocol.Message) {
	t.Helper()
	if _, err := c.conn.Write(must(protocol.Marshal(m))); err != nil {
		t.Fatal(err)
	}
}

func (c *caller) receive(t *testing.T) protocol.Reply {
	t.Helper()
	b := make([]byte, protocol.MaxFrame)
	n, err := c.conn.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return must(protocol.ParseReply(b[:n]))
}

func (c *caller) untilAsked(t *testing.T) {
	t.Helper()
	if _, ok := c.receive(t).(protocol.Prompt); !ok {
		t.Fatal("no prompt")
	}
}

func (c *caller) answer(t *testing.T, code string) {
	t.Helper()
	c.send(t, protocol.Answer{Typed: protocol.NewTyped(code)})
}

func (c *caller) gotIn(t *testing.T) bool {
	t.Helper()
	defer c.conn.Close()
	for {
		switch reply := c.receive(t).(type) {
		case protocol.Offer:
			c.answer(t, "")
		case protocol.Result:
			return reply.Verdict == protocol.Accepted
		}
	}
}

// pamDriver is a program that opens a PAM stack of its own.
type pamDriver struct{ program, folder string }

// buildDriver compiles it, and writes a stack of our line alone.
func buildDriver(t *testing.T) pamDriver {
	t.Helper()
	d := pamDriver{program: filepath.Join(stage.Dir, "driver"), folder: filepath.Join(stage.Dir, "race.d")}
	if out, err := exec.Command("cc", "-O1", "-o", d.program, "../testdriver/driver.c", "-lpam").CombinedOutput(); err != nil {
		t.Fatalf("cc: %v: %s", err, out)
	}
	module := must(filepath.Abs("../../build/pam_spse_totp.so"))
	if err := os.MkdirAll(d.folder, 0o755); err != nil { // several tests have one
		t.Fatal(err)
	}
	line := fmt.Sprintf("auth required %s socket=%s timeout=60\n", module, stage.PAMSocket)
	if err := os.WriteFile(filepath.Join(d.folder, "race"), []byte(line), 0o644); err != nil {
		t.Fatal(err)
	}
	return d
}

// process is one run of it.
type process struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	said *bufio.Scanner
}

func (d pamDriver) start(t *testing.T, name string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(d.program, d.folder, "race", "user="+name, "type", "auth")}
	p.in = must(p.cmd.StdinPipe())
	p.said = bufio.NewScanner(must(p.cmd.StdoutPipe()))
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

func (p *process) untilAsked(t *testing.T) {
	t.Helper()
	for p.said.Scan() {
		if strings.Contains(p.said.Text(), "Security Code") {
			return
		}
	}
	t.Fatal("the PAM process ended without a prompt")
}

func (p *process) answer(t *testing.T, code string) {
	t.Helper()
	if _, err := io.WriteString(p.in, code+"\n"); err != nil {
		t.Fatal(err)
	}
}

func (p *process) gotIn(t *testing.T) bool {
	t.Helper()
	in := false
	for p.said.Scan() {
		if line := p.said.Text(); strings.Contains(line, `"call":"auth"`) {
			in = strings.Contains(line, `"code":0`)
		}
	}
	_ = p.cmd.Wait() // its lines told how it went
	return in
}
