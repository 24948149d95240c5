package stage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/creack/pty"
)

// patience is how long a program may take to say what is waited for, or to end.
const patience = 20 * time.Second

// reopening is the pause before a terminal that is closed is read again.
const reopening = 5 * time.Millisecond

// Terminal is a program at a terminal of 80x24.
type Terminal struct {
	cmd    *exec.Cmd
	screen *os.File
	said   chan string
	unread string
	echo   io.Writer
	shown  strings.Builder

	ended chan struct{} // closed when the program has ended
	end   error         // how, to be read after that
}

// Open starts the program. What it shows goes to echo too, but for what clears
// a screen.
func Open(echo io.Writer, cmd *exec.Cmd) (*Terminal, error) {
	screen, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", cmd.Path, err)
	}
	t := &Terminal{cmd: cmd, screen: screen, said: make(chan string, 64), echo: echo, ended: make(chan struct{})}
	go func() {
		t.end = cmd.Wait()
		close(t.ended)
	}()
	go t.read()
	return t, nil
}

// read reads till the program has ended. One that hangs its terminal up and
// opens it anew, as util-linux's login does, leaves it closed for a moment.
func (t *Terminal) read() {
	defer close(t.said)
	buffer := make([]byte, 4096)
	for {
		over := t.over() // asked before reading: what was said last is read then
		n, err := t.screen.Read(buffer)
		if n > 0 {
			t.said <- string(buffer[:n])
		}
		switch {
		case err == nil:
		case over || !errors.Is(err, syscall.EIO): // EIO: nobody has the terminal open
			return
		default:
			time.Sleep(reopening)
		}
	}
}

func (t *Terminal) over() bool {
	select {
	case <-t.ended:
		return true
	default:
		return false
	}
}

// Wait reads till the pattern is seen, and returns what was read.
func (t *Terminal) Wait(pattern string) (string, error) {
	wanted := regexp.MustCompile(pattern)
	limit := time.After(patience)
	for {
		if at := wanted.FindStringIndex(t.unread); at != nil {
			read := t.unread[:at[1]]
			t.unread = t.unread[at[1]:]
			return read, nil
		}
		select {
		case piece, more := <-t.said:
			if !more {
				return "", fmt.Errorf("%s ended before it said %q", t.cmd.Path, pattern)
			}
			t.unread += t.show(piece)
		case <-limit:
			return "", fmt.Errorf("%s did not say %q in time", t.cmd.Path, pattern)
		}
	}
}

var clearing = strings.NewReplacer("\033[2J", "", "\033[3J", "", "\033[H", "", "\033[?1049h", "", "\033[?1049l", "")

func (t *Terminal) show(piece string) string {
	piece = clearing.Replace(piece)
	t.shown.WriteString(piece)
	_, _ = io.WriteString(t.echo, piece) // for who watches
	return piece
}

// Shown is all that the program showed so far.
func (t *Terminal) Shown() string { return t.shown.String() }

// Enter types a line.
func (t *Terminal) Enter(line string) error {
	_, err := t.screen.WriteString(line + "\r")
	return err
}

// Press presses a key, such as Ctrl-C ('\x03') or ^D ('\x04').
func (t *Terminal) Press(key byte) error {
	_, err := t.screen.Write([]byte{key})
	return err
}

// Ended waits for the program's end, and returns its exit status.
func (t *Terminal) Ended() (int, error) {
	limit := time.After(patience)
	for {
		select {
		case piece, more := <-t.said:
			t.show(piece)
			if more {
				continue
			}
			<-t.ended
			var exit *exec.ExitError
			if t.end != nil && !errors.As(t.end, &exit) {
				return -1, t.end
			}
			return t.cmd.ProcessState.ExitCode(), nil
		case <-limit:
			return -1, fmt.Errorf("%s does not end", t.cmd.Path)
		}
	}
}

// Close hangs up.
func (t *Terminal) Close() { _ = t.screen.Close() }
