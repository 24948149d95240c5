package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"spse-totp/pamclient/hosts/stage"
)

// journals takes what is logged, as systemd-journald would on a real host, and
// drops it: syslog(3) of the modules at /dev/log, the daemon's events at the
// journal's own socket. Without a reader each would take another way.
type journals struct {
	syslog, journal drain
	stderr          *os.File // of the daemon; it believes it is the journal's
}

// The places where journald listens.
const (
	syslogSocket  = "/dev/log"
	journalSocket = "/run/systemd/journal/socket"
)

func openJournals() (*journals, error) {
	if err := privateDev(); err != nil {
		return nil, fmt.Errorf("a /dev of the stage's own: %w", err)
	}
	// A new network namespace queues 10 datagrams; systemd sets this at boot.
	if err := os.WriteFile("/proc/sys/net/unix/max_dgram_qlen", []byte("512\n"), 0o644); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(journalSocket), 0o755); err != nil {
		return nil, err
	}
	j := &journals{}
	if err := errors.Join(j.syslog.listen(syslogSocket), j.journal.listen(journalSocket), j.connectStderr()); err != nil {
		return nil, err
	}
	return j, nil
}

// connectStderr makes the daemon's standard error, and tells it as systemd does
// that this is the journal (systemd.exec(5), JOURNAL_STREAM).
func (j *journals) connectStderr() error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	var info unix.Stat_t
	if err := unix.Fstat(int(write.Fd()), &info); err != nil {
		return err
	}
	go func() { _, _ = io.Copy(os.Stderr, read) }() // nothing, unless the daemon fails
	j.stderr = write
	return os.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", info.Dev, info.Ino))
}

// drain reads datagrams and counts them.
type drain struct{ read atomic.Int64 }

func (d *drain) listen(path string) error {
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return err
	}
	go func() {
		datagram := make([]byte, 64<<10)
		for {
			if _, err := socket.Read(datagram); err != nil {
				return
			}
			d.read.Add(1)
		}
	}()
	return nil
}

// privateDev covers the machine's /dev, for the stage alone, by one with the few
// devices that are wanted, where a /dev/log can be made.
func privateDev() error {
	own := filepath.Join(stage.Dir, "dev")
	if err := os.Mkdir(own, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", own, "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=0755"); err != nil {
		return err
	}
	for _, device := range []string{"null", "zero", "full", "random", "urandom"} {
		place := filepath.Join(own, device)
		if err := os.WriteFile(place, nil, 0o666); err != nil {
			return err
		}
		if err := unix.Mount(filepath.Join("/dev", device), place, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("%s: %w", device, err)
		}
	}
	return unix.Mount(own, "/dev", "", unix.MS_MOVE, "")
}
