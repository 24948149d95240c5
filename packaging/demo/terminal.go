package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/creack/pty"
)

// patience is how long a program may take to say what is waited for.
const patience = 20 * time.Second

// terminal is a program at a terminal of 80x24, of which everything shown is
// printed here too.
type terminal struct {
	cmd    *exec.Cmd
	screen *os.File
	said   chan string
	unread string
	shown  strings.Builder
}

func open(cmd *exec.Cmd) (*terminal, error) {
	screen, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", cmd.Path, err)
	}
	t := &terminal{cmd: cmd, screen: screen, said: make(chan string, 64)}
	go func() {
		defer close(t.said)
		buffer := make([]byte, 4096)
		for {
			n, err := screen.Read(buffer)
			if n > 0 {
				t.said <- string(buffer[:n])
			}
			if err != nil { // EIO: the program closed its terminal
				return
			}
		}
	}()
	return t, nil
}

// wait reads till the pattern is seen, and returns what was read.
func (t *terminal) wait(pattern string) (string, error) {
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
			t.show(piece)
			t.unread += piece
		case <-limit:
			return "", fmt.Errorf("%s did not say %q in time", t.cmd.Path, pattern)
		}
	}
}

// show prints what the program printed, but not what clears a screen.
func (t *terminal) show(piece string) {
	piece = strings.NewReplacer("\033[2J", "", "\033[3J", "", "\033[H", "", "\033[?1049h", "", "\033[?1049l", "").Replace(piece)
	t.shown.WriteString(piece)
	fmt.Print(piece)
}

// enter types a line.
func (t *terminal) enter(line string) error {
	_, err := t.screen.WriteString(line + "\r")
	return err
}

// ended demands that the program ends, with that status.
func (t *terminal) ended(status int) error {
	limit := time.After(patience)
	for {
		select {
		case piece, more := <-t.said:
			t.show(piece)
			if more {
				continue
			}
			var exit *exec.ExitError
			if err := t.cmd.Wait(); err != nil && !errors.As(err, &exit) {
				return err
			}
			if got := t.cmd.ProcessState.ExitCode(); got != status {
				return fmt.Errorf("%s ended with status %d, want %d", t.cmd.Path, got, status)
			}
			return nil
		case <-limit:
			return fmt.Errorf("%s does not end", t.cmd.Path)
		}
	}
}

func (t *terminal) close() { _ = t.screen.Close() }
