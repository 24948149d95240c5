package host

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"time"
)

// Runner runs a program to its end, and returns its exit status and the beginning
// of what it said on stderr. A program whose stdout takes no more is ended. An
// error means that it did not come to its end by itself.
type Runner func(ctx context.Context, stdout io.Writer, program string, args ...string) (exit int, stderr string, err error)

var _ Runner = Run

// maxComplaint is how many bytes are kept of what a program says on stderr.
const maxComplaint = 4096

// Run runs programs of this machine, with nothing of the caller's environment.
func Run(ctx context.Context, stdout io.Writer, program string, args ...string) (exit int, stderr string, err error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"LC_ALL=C"}
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second // for a child of it that holds the pipe open
	cmd.Stdout = stdout
	complaint := &beginning{left: maxComplaint}
	cmd.Stderr = complaint
	err = cmd.Run()
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 0, "", ctx.Err()
	case errors.As(err, &ended) && ended.Exited():
		return ended.ExitCode(), complaint.kept.String(), nil
	case err != nil:
		return 0, "", err
	}
	return 0, complaint.kept.String(), nil
}

// beginning keeps so many bytes of what is written to it.
type beginning struct {
	kept bytes.Buffer
	left int
}

func (b *beginning) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.left -= n
	b.kept.Write(p[:n])
	return len(p), nil
}

// lines hands on each line that is written to it, without its end, until visit
// is false; a line of more than longest bytes is left out.
type lines struct {
	visit   func(line []byte) (more bool)
	longest int

	partial  []byte
	skipping bool // the rest of a line that is too long
	enough   bool
}

// errEnough ends a program that has said enough.
var errEnough = errors.New("enough was read")

func (l *lines) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if l.enough {
			return 0, errEnough
		}
		part, next, whole := bytes.Cut(rest, []byte("\n"))
		rest = next
		l.add(part)
		if whole {
			l.end()
		}
	}
	return len(p), nil
}

func (l *lines) add(part []byte) {
	if l.skipping = l.skipping || len(l.partial)+len(part) > l.longest; l.skipping {
		l.partial = l.partial[:0]
		return
	}
	l.partial = append(l.partial, part...)
}

func (l *lines) end() {
	l.enough = !l.skipping && !l.visit(l.partial)
	l.partial, l.skipping = l.partial[:0], false
}
