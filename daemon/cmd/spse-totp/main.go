// spse-totp activates Security Codes and administers them: a client of the
// daemon's control.sock. It opens the store never, and a keyset only as root.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// Whatever ends it, a secret is taken off the screen first.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP)
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, euid: os.Geteuid()}
	status := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(status)
}
