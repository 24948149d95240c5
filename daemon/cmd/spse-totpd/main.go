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

	"github.com/coreos/go-systemd/v22/journal"

	"spse-totp/daemon/internal/config"
)

const usage = `usage: spse-totpd [--check] [--config FILE]

The daemon that holds the secrets of Security Codes and judges them. systemd
starts it; by hand, as root:

  spse-totp key init
  spse-totpd --config /etc/spse-totp/spse-totp.toml

SIGHUP reads the configuration again, SIGTERM stops it. --check says whether a
reload would take the file, and does nothing else; spse-totp config check says
more.
`

func main() {
	flag.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	path := flag.String("config", config.DefaultPath, "")
	check := flag.Bool("check", false, "")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := do(*check, *path); err != nil {
		tell(err)
		os.Exit(1)
	}
}

func do(check bool, path string) error {
	if check {
		return configurationFiles(path).check()
	}
	signal.Ignore(syscall.SIGPIPE) // a reader of the log who goes away stops no login
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return run(ctx, path)
}

// hinted is an error with what to do about it.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// tell says what ended the program to whoever runs it, or to the journal, as an
// error (sd-daemon(3)).
func tell(err error) {
	level := ""
	if connected, err := journal.StderrIsJournalStream(); err == nil && connected {
		level = "<3>"
	}
	fmt.Fprintf(os.Stderr, "%serror: %v\n", level, err)
	var h hinted
	if errors.As(err, &h) {
		fmt.Fprintf(os.Stderr, "%shint: %s\n", level, h.hint)
	}
}
