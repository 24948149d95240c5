package host

import (
	"context"
	"errors"
	"os/exec"
	"time"
)

// NSS is asked by programs, so that users of LDAP and the like are found too:
// the binaries are cgo-free, and Go's own lookup reads files of /etc alone.
const (
	getent = "/usr/bin/getent"
	id     = "/usr/bin/id"

	// notFound is getent's exit status for "no such key".
	notFound = 2

	// What a directory server may take, for one user and for a list of all.
	lookUpWait = 2 * time.Second
	listWait   = 30 * time.Second
)

// ask runs a program that asks NSS, and returns what it said and its exit
// status. An error means that it did not come to its end.
func ask(ctx context.Context, wait time.Duration, program string, args ...string) (said []byte, exit int, err error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"LC_ALL=C"} // nothing of the caller's
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second // for a child of it that holds the pipe open
	said, err = cmd.Output()
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, 0, ctx.Err()
	case errors.As(err, &ended) && ended.Exited():
		return said, ended.ExitCode(), nil
	case err != nil:
		return nil, 0, err
	}
	return said, 0, nil
}
