package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// outcome is one login that was made.
type outcome struct {
	began    time.Duration // on the monotonic clock of all clients
	took     time.Duration
	accepted bool
}

// effort is what a client did.
type effort struct {
	outcomes []outcome     // of the first logins of its share, in their order
	cpu      time.Duration // user and system, its children's with it
	written  int64         // bytes
}

// client is one process of the driver, ready to start.
type client struct {
	cmd  *exec.Cmd
	said *bufio.Scanner
}

// stack says which PAM stack is driven, and how.
type stack struct {
	folder, service string
	forked          bool
}

// warmUps are made by all clients together before they start, for a third of the
// limit at most: what only the first logins of a process and of a daemon cost is
// not measured.
const warmUps = 60

// drive has all clients start at once, each with its share, and begin no login
// after the limit. watch hears when all are ready, and when all are done.
func drive(s stack, shares [][]login, warmer login, limit time.Duration, watch watch) (efforts []effort, err error) {
	starting, start, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, starting.Close()) }()
	clients := make([]client, len(shares))
	for i, share := range shares {
		if clients[i], err = s.launch(share, warmer, max(1, warmUps/len(shares)), limit, starting); err != nil {
			_ = start.Close() // starts and so ends those there are
			return nil, err
		}
	}
	for _, c := range clients {
		err = errors.Join(err, c.untilReady())
	}
	err = errors.Join(err, watch.ready(), start.Close())
	efforts = make([]effort, len(clients))
	for i, c := range clients {
		var failed error
		efforts[i], failed = c.effort()
		err = errors.Join(err, failed)
	}
	return efforts, errors.Join(err, watch.done())
}

// watch is who else looks at a batch.
type watch interface {
	ready() error
	done() error
}

func (s stack) launch(share []login, warmer login, times int, limit time.Duration, starting *os.File) (client, error) {
	mode := "in-process"
	if s.forked {
		mode = "forked"
	}
	cmd := exec.Command("build/bench-driver", s.folder, s.service, mode, fmt.Sprint(limit.Milliseconds()))
	cmd.Stdin = strings.NewReader(script(share, warmer, times))
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{starting} // descriptor 3
	out, err := cmd.StdoutPipe()
	if err != nil {
		return client{}, err
	}
	return client{cmd, bufio.NewScanner(out)}, cmd.Start()
}

// script is a client's standard input.
func script(share []login, warmer login, times int) string {
	var b strings.Builder
	for range times {
		fmt.Fprintf(&b, "%s %s\n", warmer.user, warmer.code)
	}
	b.WriteString("\n")
	for _, l := range share {
		fmt.Fprintf(&b, "%s %s\n", l.user, l.code)
	}
	return b.String()
}

func (c client) untilReady() error {
	if !c.said.Scan() || c.said.Text() != "ready" {
		return errors.New("a client ended before it was ready")
	}
	return nil
}

// effort waits for the client's end.
func (c client) effort() (effort, error) {
	var e effort
	complete := false
	for c.said.Scan() {
		line := c.said.Text()
		var began, took, cpu int64
		var code int
		switch {
		case scan(line, "login %d %d %d", &began, &took, &code):
			e.outcomes = append(e.outcomes, outcome{time.Duration(began), time.Duration(took), code == 0})
		case scan(line, "spent %d %d", &cpu, &e.written):
			e.cpu, complete = time.Duration(cpu), true
		default:
			return effort{}, fmt.Errorf("a client says %q", line)
		}
	}
	if err := c.cmd.Wait(); err != nil || !complete {
		return effort{}, fmt.Errorf("a client failed: %w", errors.Join(err, c.said.Err()))
	}
	return e, nil
}

func scan(line, format string, into ...any) bool {
	n, err := fmt.Sscanf(line, format, into...)
	return err == nil && n == len(into)
}
