package main

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"
)

// personWait bounds what a person waits for in these tests.
const personWait = 20 * time.Second

// person sits at a terminal in front of a running command.
type person struct {
	t        *testing.T
	terminal *os.File
	chunks   chan string
	seen     string // all that came so far
	read     int    // how much of it was waited for
}

// seat starts the command at a terminal of that size.
func seat(t *testing.T, rows, columns uint16, args ...string) *person {
	t.Helper()
	return start(t, rows, columns, append([]string{"spse-totp"}, args...)...)
}

// stay runs a command, tells how it ended, and stays. When the leader of a session
// ends, the kernel throws away what its terminal holds and nobody read: so stay is
// the leader, and not the command, which alone ends of Ctrl-C.
const stay = `trap : INT QUIT; "$@"; printf '\000left %d\000' $?; exec sleep 3600`

// leftAs reads what stay tells.
var leftAs = regexp.MustCompile("\x00left ([0-9]+)\x00")

func start(t *testing.T, rows, columns uint16, args ...string) *person {
	t.Helper()
	command := exec.Command("sh", append([]string{"-c", stay, "sh"}, args...)...)
	command.Env = append(os.Environ(), "GORACE="+noRaceExitWait)
	terminal, err := pty.StartWithSize(command, &pty.Winsize{Rows: rows, Cols: columns})
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, terminal: terminal, chunks: make(chan string)}
	go p.watch()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		for range p.chunks { // till the watch ends
		}
		_ = terminal.Close()
		_ = command.Wait()
	})
	return p
}

func (p *person) watch() {
	defer close(p.chunks)
	buffer := make([]byte, 4096)
	for {
		n, err := p.terminal.Read(buffer)
		if err != nil {
			return // the command has closed its end
		}
		p.chunks <- string(buffer[:n])
	}
}

// sees waits for the text and returns what came since the last wait, the text
// included.
func (p *person) sees(text string) string {
	p.t.Helper()
	timeout := time.After(personWait)
	for {
		if at := strings.Index(p.seen[p.read:], text); at >= 0 {
			from := p.read
			p.read += at + len(text)
			return p.seen[from:p.read]
		}
		if leftAs.MatchString(p.seen) {
			p.t.Fatalf("it ended without %q after\n%q", text, p.seen)
		}
		select {
		case chunk, more := <-p.chunks:
			if !more {
				p.t.Fatalf("it ended without %q after\n%q", text, p.seen)
			}
			p.seen += chunk
		case <-timeout:
			p.t.Fatalf("no %q after\n%q", text, p.seen)
		}
	}
}

// types sends keys. ^C and ^D are keys too.
func (p *person) types(keys string) {
	p.t.Helper()
	if _, err := p.terminal.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// leaves waits for the command's end and returns its exit code and all that
// came since the last wait.
func (p *person) leaves() (status int, rest string) {
	p.t.Helper()
	timeout := time.After(personWait)
	for {
		if end := leftAs.FindStringSubmatchIndex(p.seen); end != nil {
			status, err := strconv.Atoi(p.seen[end[2]:end[3]])
			if err != nil {
				p.t.Fatal(err)
			}
			return status, p.seen[p.read:end[0]]
		}
		select {
		case chunk, more := <-p.chunks:
			if !more {
				p.t.Fatalf("the terminal is gone after\n%q", p.seen)
			}
			p.seen += chunk
		case <-timeout:
			p.t.Fatalf("it does not end after\n%q", p.seen)
		}
	}
}

// linesOf are the lines that an output, drawn onto an empty screen, fills.
func linesOf(screen string) []string {
	_, drawn, alone := strings.Cut(screen, wipe)
	if !alone {
		drawn = screen
	}
	return strings.Split(strings.ReplaceAll(drawn, "\r\n", "\n"), "\n")
}

// expectFits fails where the screen is larger than 80x24, the prompt with a
// code of eight digits included.
func expectFits(t *testing.T, screen string) {
	t.Helper()
	lines := linesOf(screen)
	if len(lines) > 24 {
		t.Errorf("%d lines:\n%s", len(lines), screen)
	}
	lines[len(lines)-1] += "12345678"
	for _, line := range lines {
		if n := utf8.RuneCountInString(line); n > 80 {
			t.Errorf("a line of %d columns: %q", n, line)
		}
	}
}

// looksLikeASecret finds the test's secret and its handle, in whatever form.
var looksLikeASecret = regexp.MustCompile(`GEZD ?GNBV|otpauth|a-handle|[▀▄█]`)
