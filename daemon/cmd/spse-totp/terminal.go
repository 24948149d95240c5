package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// The screen of a terminal that does not tell its size, and the smallest one
// that is reckoned with.
const (
	usualRows    = 24
	usualColumns = 80
)

// The alternate screen has no scrollback, and brings back what was on the
// terminal before: a secret shown on it leaves no trace. Where a terminal has
// none, the wiping is what remains.
const (
	enterAlternate = "\x1b[?1049h"
	leaveAlternate = "\x1b[?1049l"
	wipe           = "\x1b[H\x1b[2J"
)

// errAbandoned: the person ended the dialogue, by ^D, Ctrl-C or an empty line.
var errAbandoned = errors.New("abandoned by the person")

// terminal is the person's keyboard and screen.
type terminal struct {
	out      *os.File
	keyboard *bufio.Reader
}

// openTerminal takes both only if they are a terminal's: a secret is shown to a
// person, and goes into no pipe and no file. Else it says why the verb wants one.
func openTerminal(in, out *os.File, why, verb string) (*terminal, error) {
	if !isTerminal(in) || !isTerminal(out) {
		return nil, failed(why, "run it in a terminal, with nothing redirected; over ssh: ssh -t HOST spse-totp "+verb)
	}
	return &terminal{out: out, keyboard: bufio.NewReader(in)}, nil
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// size is in characters.
func (t *terminal) size() (rows, columns int) {
	size, err := unix.IoctlGetWinsize(int(t.out.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Row == 0 || size.Col == 0 {
		return usualRows, usualColumns
	}
	return int(size.Row), int(size.Col)
}

func (t *terminal) say(line string) { fmt.Fprintln(t.out, line) }

// ask returns what was typed in answer to the prompt, without its line's end,
// or errAbandoned.
func (t *terminal) ask(ctx context.Context, prompt string) (string, error) {
	line, err := t.askOrNone(ctx, prompt)
	if err == nil && strings.TrimSpace(line) == "" {
		t.say("")
		return "", errAbandoned
	}
	return line, err
}

// askOrNone is the same where an empty line is an answer.
func (t *terminal) askOrNone(ctx context.Context, prompt string) (string, error) {
	fmt.Fprint(t.out, prompt)
	type answer struct {
		line string
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		line, err := t.keyboard.ReadString('\n')
		typed <- answer{strings.TrimRight(line, "\r\n"), err}
	}()
	select {
	case <-ctx.Done():
		t.say("")
		return "", errAbandoned
	case a := <-typed:
		if a.err != nil { // a line without an end is not an answer
			t.say("")
			return "", errAbandoned
		}
		return a.line, nil
	}
}

// showAlone shows the lines from the top of an otherwise empty screen.
func (t *terminal) showAlone(lines []string) {
	fmt.Fprint(t.out, enterAlternate, wipe)
	for _, line := range lines {
		t.say(line)
	}
}

// forget takes off what was shown alone.
func (t *terminal) forget() { fmt.Fprint(t.out, wipe, leaveAlternate) }
