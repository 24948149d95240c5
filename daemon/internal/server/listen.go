package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
)

// The sockets, by the names that the units give them (FileDescriptorName=) and
// by the names of their files.
const (
	namePAM     = "pam"
	nameControl = "control"
	filePAM     = "pam.sock"
	fileControl = "control.sock"
)

// Sockets are the two that the daemon listens on.
type Sockets struct {
	PAM     *net.UnixListener
	Control *net.UnixListener
}

// Listen takes the sockets from systemd, or, run by hand, makes them in dir.
func Listen(dir string) (Sockets, error) {
	bySystemd := os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid()) // sd_listen_fds(3)
	given, err := activation.ListenersWithNames()                     // leaves out what is no listener
	if err != nil {
		return Sockets{}, fmt.Errorf("taking sockets from systemd: %w", err)
	}
	if bySystemd {
		return activated(given)
	}
	return ownSockets(dir)
}

func activated(given map[string][]net.Listener) (Sockets, error) {
	pam, err := one(given, namePAM, "unixpacket")
	if err != nil {
		return Sockets{}, err
	}
	control, err := one(given, nameControl, "unix")
	if err != nil {
		return Sockets{}, err
	}
	return Sockets{PAM: pam, Control: control}, nil
}

func one(given map[string][]net.Listener, name, network string) (*net.UnixListener, error) {
	if len(given[name]) != 1 {
		return nil, fmt.Errorf("systemd gave %d sockets named %q, want 1 (FileDescriptorName= in the socket units)", len(given[name]), name)
	}
	l, ok := given[name][0].(*net.UnixListener)
	if !ok || l.Addr().Network() != network {
		return nil, fmt.Errorf("the socket named %q is no %s socket", name, network)
	}
	return l, nil
}

// ownSockets makes both sockets as the socket units would: pam.sock for root alone,
// control.sock for all.
func ownSockets(dir string) (Sockets, error) {
	if err := makeFolder(dir); err != nil {
		return Sockets{}, fmt.Errorf("making the sockets' folder: %w", err)
	}
	pam, err := listenAt(filepath.Join(dir, filePAM), "unixpacket", 0o600)
	if err != nil {
		return Sockets{}, err
	}
	control, err := listenAt(filepath.Join(dir, fileControl), "unix", 0o666)
	if err != nil {
		_ = pam.Close()
		return Sockets{}, err
	}
	return Sockets{PAM: pam, Control: control}, nil
}

// makeFolder makes a folder that all may pass through, whatever the umask; one
// that is there stays as it is.
func makeFolder(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// listenAt makes a socket, in place of one that a killed daemon left.
func listenAt(path, network string, mode os.FileMode) (*net.UnixListener, error) {
	if err := removeDead(path, network); err != nil {
		return nil, err
	}
	mask := syscall.Umask(0o777) // nobody connects before the mode is set
	l, err := net.ListenUnix(network, &net.UnixAddr{Name: path, Net: network})
	syscall.Umask(mask)
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	if err := os.Chmod(path, mode); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("listening: %w", err)
	}
	return l, nil
}

// removeDead removes a socket that nobody listens on: connect() is refused
// there. One in use, be it busy or of another kind, or what is no socket, stays.
func removeDead(path, network string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("listening: %s is there and is no socket", path)
	}
	conn, err := net.DialUnix(network, nil, &net.UnixAddr{Name: path, Net: network})
	if err == nil {
		_ = conn.Close()
		return fmt.Errorf("listening: another daemon listens on %s", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("listening: is %s in use? %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	return nil
}
