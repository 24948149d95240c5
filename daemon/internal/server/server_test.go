package server

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spse-totp/daemon/protocol"
)

// hang bounds what a test waits for: whoever is slower hangs.
const hang = 15 * time.Second

// folder is a private place with a short path, which other uids can reach too.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "spse")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func listen(t *testing.T, network string) *net.UnixListener {
	t.Helper()
	path := filepath.Join(folder(t), "s")
	l, err := net.ListenUnix(network, &net.UnixAddr{Name: path, Net: network})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	return l
}

func dial(t *testing.T, l *net.UnixListener) *net.UnixConn {
	t.Helper()
	addr := l.Addr().(*net.UnixAddr)
	conn, err := net.DialUnix(addr.Net, nil, addr)
	if err != nil {
		t.Fatal(err)
	}
	return watched(t, conn)
}

func watched(t *testing.T, conn *net.UnixConn) *net.UnixConn {
	t.Helper()
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(hang)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// dialAs connects as another uid, which takes root: only the thread that does
// it becomes that uid, and ends with it.
func dialAs(t *testing.T, uid int, l *net.UnixListener) *net.UnixConn {
	t.Helper()
	addr := l.Addr().(*net.UnixAddr)
	kind := unix.SOCK_STREAM
	if addr.Net == "unixpacket" {
		kind = unix.SOCK_SEQPACKET
	}
	type dialled struct {
		fd  int
		err error
	}
	done := make(chan dialled)
	go func() {
		runtime.LockOSThread() // and never unlocked
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
			done <- dialled{-1, errno}
			return
		}
		fd, err := unix.Socket(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Connect(fd, &unix.SockaddrUnix{Name: addr.Name})
		}
		done <- dialled{fd, err}
	}()
	d := <-done
	if d.err != nil {
		t.Fatalf("connecting as uid %d: %v", uid, d.err)
	}
	file := os.NewFile(uintptr(d.fd), "")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	return watched(t, conn.(*net.UnixConn))
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can connect as another uid")
	}
}

// serve runs a server until the test, or stop, ends it; stopped is closed once
// it has returned.
func serve(t *testing.T, server func(context.Context) error) (stop context.CancelFunc, stopped <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		await(t, done, "the server's end")
	})
	return cancel, done
}

// await waits for what comes, or for the channel's end.
func await[T any](t *testing.T, event <-chan T, what string) T {
	t.Helper()
	select {
	case came := <-event:
		return came
	case <-time.After(hang):
		t.Fatalf("waited %v for %s", hang, what)
		panic("unreachable")
	}
}

func send(t *testing.T, conn *net.UnixConn, packet []byte) {
	t.Helper()
	if _, err := conn.Write(packet); err != nil {
		t.Fatal(err)
	}
}

// verdict reads a result.
func verdict(t *testing.T, conn *net.UnixConn) protocol.Verdict {
	t.Helper()
	buffer := make([]byte, protocol.MaxFrame)
	n, err := conn.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := protocol.ParseReply(buffer[:n])
	if err != nil {
		t.Fatal(err)
	}
	return reply.(protocol.Result).Verdict
}

// expectClosed waits for the other side to hang up.
func expectClosed(t *testing.T, conn *net.UnixConn) {
	t.Helper()
	n, err := conn.Read(make([]byte, 1))
	if n > 0 || !errors.Is(err, io.EOF) && !errors.Is(err, unix.ECONNRESET) && !errors.Is(err, unix.EPIPE) {
		t.Errorf("read %d bytes, %v, want a closed connection", n, err)
	}
}
