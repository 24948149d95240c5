package host

import (
	"bytes"
	"context"
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
	var stdout bytes.Buffer
	if exit, _, err = Run(ctx, &stdout, program, args...); err != nil {
		return nil, 0, err
	}
	return stdout.Bytes(), exit, nil
}
