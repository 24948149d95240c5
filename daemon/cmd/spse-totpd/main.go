// spse-totpd holds the secrets and judges the codes. It is started by systemd,
// or by hand with a configuration of one's own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"spse-totp/daemon/internal/config"
)

const usage = `usage: spse-totpd [--config FILE]

The daemon that holds the secrets of Security Codes and judges them. systemd
starts it; by hand, as root:

  spse-totp key init
  spse-totpd --config /etc/spse-totp/spse-totp.toml

SIGHUP reads the configuration again, SIGTERM stops it.
`

func main() {
	flag.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	path := flag.String("config", config.DefaultPath, "")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	signal.Ignore(syscall.SIGPIPE) // a reader of the log who goes away stops no login
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, *path); err != nil {
		tell(err)
		os.Exit(1)
	}
}

// hinted is an error with what to do about it.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

func tell(err error) {
	fmt.Fprintf(os.Stderr, "error: %v\n", err)
	var h hinted
	if errors.As(err, &h) {
		fmt.Fprintf(os.Stderr, "hint: %s\n", h.hint)
	}
}
