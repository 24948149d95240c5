package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"spse-totp/daemon/internal/audit"
)

// process is a running daemon.
type process struct {
	b     *bench
	cmd   *exec.Cmd
	ended chan struct{}

	mu     sync.Mutex // protects what follows
	news   chan struct{}
	stderr bytes.Buffer
	events []event
}

// event is one JSON line of standard error.
type event map[string]string

func (e event) is(kind audit.Kind, words ...string) bool {
	if e["SPSE_TOTP_EVENT"] != string(kind) {
		return false
	}
	told := e["MESSAGE"] + " " + e["SPSE_TOTP_REASON"]
	return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(told, word) })
}

// start runs the daemon and waits till it is ready.
func (b *bench) start() *process {
	b.t.Helper()
	d := b.launch(b.held)
	d.await(audit.Service, "ready")
	return d
}

// launch runs the daemon with the sockets; with none it makes its own.
func (b *bench) launch(sockets []*os.File) *process {
	b.t.Helper()
	args := append(slices.Clone(b.wrap), b.program, "--config", b.path("spse-totp.toml"))
	env := append(os.Environ(), b.env...)
	if len(sockets) > 0 {
		// $$ is the pid of the shell, and of what it becomes.
		args = append([]string{"/bin/sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh"}, args...)
		env = append(env, fmt.Sprintf("LISTEN_FDS=%d", len(sockets)), "LISTEN_FDNAMES=pam:control")
	}
	d := &process{b: b, cmd: exec.Command(args[0], args[1:]...), ended: make(chan struct{}), news: make(chan struct{})}
	d.cmd.Env, d.cmd.ExtraFiles, d.cmd.Dir = env, sockets, "/"
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: b.as}
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	go d.listen(stderr)
	b.t.Cleanup(func() {
		d.kill()
		if b.t.Failed() {
			said := d.said()
			b.t.Logf("the daemon said at last:\n%s", said[max(0, len(said)-4000):])
		}
		if strings.Contains(d.said(), "DATA RACE") || strings.Contains(d.said(), "goroutine ") {
			b.t.Errorf("the daemon broke:\n%s", d.said())
		}
	})
	return d
}

func (d *process) listen(stderr io.Reader) {
	defer close(d.ended)
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		d.mu.Lock()
		d.stderr.Write(append(lines.Bytes(), '\n'))
		var e event
		if json.Unmarshal(lines.Bytes(), &e) == nil {
			d.events = append(d.events, e)
		}
		close(d.news)
		d.news = make(chan struct{})
		d.mu.Unlock()
	}
	_ = d.cmd.Wait() // how it ended is in ProcessState
}

func (d *process) said() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stderr.String()
}

// told returns the events so far that are of that kind and have these words.
func (d *process) told(kind audit.Kind, words ...string) []event {
	d.mu.Lock()
	defer d.mu.Unlock()
	var told []event
	for _, e := range d.events {
		if e.is(kind, words...) {
			told = append(told, e)
		}
	}
	return told
}

// await waits for an event, past or to come.
func (d *process) await(kind audit.Kind, words ...string) event {
	d.b.t.Helper()
	return d.awaitCount(1, kind, words...)[0]
}

func (d *process) awaitCount(count int, kind audit.Kind, words ...string) []event {
	d.b.t.Helper()
	timeout := time.After(hang)
	for {
		d.mu.Lock()
		news := d.news
		d.mu.Unlock()
		if told := d.told(kind, words...); len(told) >= count {
			return told
		}
		select {
		case <-news:
		case <-d.ended:
			if told := d.told(kind, words...); len(told) >= count {
				return told
			}
			d.b.t.Fatalf("the daemon ended without %d events %s %q:\n%s", count, kind, words, d.said())
		case <-timeout:
			d.b.t.Fatalf("no %d events %s %q:\n%s", count, kind, words, d.said())
		}
	}
}

func (d *process) signal(s syscall.Signal) {
	d.b.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.b.t.Fatal(err)
	}
}

// kill is kill -9.
func (d *process) kill() {
	_ = d.cmd.Process.Kill() // it may have ended
	<-d.ended
}

// stop is what systemd does, and returns the exit status.
func (d *process) stop() int {
	d.b.t.Helper()
	d.signal(syscall.SIGTERM)
	return d.exit()
}

func (d *process) exit() int {
	d.b.t.Helper()
	select {
	case <-d.ended:
		return d.cmd.ProcessState.ExitCode()
	case <-time.After(hang):
		d.b.t.Fatalf("the daemon does not end:\n%s", d.said())
		return -1
	}
}
