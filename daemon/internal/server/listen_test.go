package server

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// asDaemon makes this test program call Listen as a daemon would, with the
// sockets that it was started with.
const asDaemon = "SPSE_TOTP_TEST_LISTEN"

func TestMain(m *testing.M) {
	dir, ok := os.LookupEnv(asDaemon)
	if !ok {
		os.Exit(m.Run())
	}
	sockets, err := Listen(dir)
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	fmt.Println(sockets.PAM.Addr(), sockets.Control.Addr())
}

// given is a descriptor to hand over, by a name.
type given struct {
	name    string
	network string // or "file"
}

func (g given) open(t *testing.T, dir string, i int) *os.File {
	t.Helper()
	path := filepath.Join(dir, fmt.Sprint(i))
	var file *os.File
	var err error
	switch g.network {
	case "file":
		file, err = os.Create(path)
	case "unixgram":
		var conn *net.UnixConn
		if conn, err = net.ListenUnixgram(g.network, &net.UnixAddr{Name: path, Net: g.network}); err == nil {
			file, err = conn.File()
		}
	case "tcp":
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
			file, err = l.(*net.TCPListener).File()
		}
	default:
		var l *net.UnixListener
		if l, err = net.ListenUnix(g.network, &net.UnixAddr{Name: path, Net: g.network}); err == nil {
			file, err = l.File()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

func TestSocketsFromSystemd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		given []given
		want  string // "" is success
	}{
		"both":                 {[]given{{"pam", "unixpacket"}, {"control", "unix"}}, ""},
		"in the other order":   {[]given{{"control", "unix"}, {"pam", "unixpacket"}}, ""},
		"one":                  {[]given{{"pam", "unixpacket"}}, `0 sockets named "control"`},
		"the other":            {[]given{{"control", "unix"}}, `0 sockets named "pam"`},
		"two of one":           {[]given{{"pam", "unixpacket"}, {"pam", "unixpacket"}, {"control", "unix"}}, `2 sockets named "pam"`},
		"wrong names":          {[]given{{"spse-totpd.socket", "unixpacket"}, {"unknown", "unix"}}, `0 sockets named "pam"`},
		"exchanged":            {[]given{{"control", "unixpacket"}, {"pam", "unix"}}, "no unixpacket socket"},
		"pam as a stream":      {[]given{{"pam", "unix"}, {"control", "unix"}}, "no unixpacket socket"},
		"control as packets":   {[]given{{"pam", "unixpacket"}, {"control", "unixpacket"}}, "no unix socket"},
		"control from afar":    {[]given{{"pam", "unixpacket"}, {"control", "tcp"}}, "no unix socket"},
		"datagrams":            {[]given{{"pam", "unixgram"}, {"control", "unixgram"}}, "no unixpacket socket"},
		"files":                {[]given{{"pam", "file"}, {"control", "file"}}, `0 sockets named "pam"`},
		"descriptors, no name": {[]given{{"", "unixpacket"}, {"", "unix"}}, `0 sockets named "pam"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			own := filepath.Join(dir, "own")
			var names []string
			// $$ is the pid of the shell, and of what it becomes.
			cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", `LISTEN_PID=$$ exec "$0"`, os.Args[0])
			for i, g := range c.given {
				names = append(names, g.name)
				cmd.ExtraFiles = append(cmd.ExtraFiles, g.open(t, dir, i))
			}
			cmd.Env = append(os.Environ(), asDaemon+"="+own, "GORACE=atexit_sleep_ms=0",
				fmt.Sprintf("LISTEN_FDS=%d", len(c.given)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
			said, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			failed := strings.HasPrefix(string(said), "error:")
			if failed != (c.want != "") || !strings.Contains(string(said), c.want) {
				t.Errorf("got %s, want %q", said, c.want)
			}
			if _, err := os.Lstat(own); err == nil {
				t.Error("it made sockets of its own")
			}
		})
	}
}

// The tests of own sockets do not run beside others: listening changes the
// umask of the whole process.

func closeBoth(s Sockets) {
	_ = s.PAM.Close()
	_ = s.Control.Close()
}

func TestOwnSockets(t *testing.T) {
	dir := filepath.Join(folder(t), "run")
	sockets, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{
		dir: fs.ModeDir | 0o755, filepath.Join(dir, filePAM): fs.ModeSocket | 0o600, filepath.Join(dir, fileControl): fs.ModeSocket | 0o666,
	} {
		if info, err := os.Lstat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: mode %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
	// A second daemon leaves the first one's sockets alone.
	if second, err := Listen(dir); err == nil {
		t.Error("two daemons on one socket")
		closeBoth(second)
	}
	dial(t, sockets.PAM)
	dial(t, sockets.Control)
	closeBoth(sockets)
	again, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	closeBoth(again)
}

func TestWhatAKilledDaemonLeftIsReplaced(t *testing.T) {
	dir := folder(t)
	for name, network := range map[string]string{filePAM: "unixpacket", fileControl: "unix"} {
		l, err := net.ListenUnix(network, &net.UnixAddr{Name: filepath.Join(dir, name), Net: network})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		_ = l.Close()
	}
	sockets, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	dial(t, sockets.PAM)
	closeBoth(sockets)
}

// What is in use or is no socket stays, and the daemon says so.
func TestWhatIsNotOursStays(t *testing.T) {
	for name, make := range map[string]func(*testing.T, string) func(){
		"a file":          func(t *testing.T, path string) func() { return must(t, os.WriteFile(path, []byte("budi"), 0o600)) },
		"a folder":        func(t *testing.T, path string) func() { return must(t, os.Mkdir(path, 0o700)) },
		"a link":          func(t *testing.T, path string) func() { return must(t, os.Symlink("/nowhere", path)) },
		"a live one":      func(t *testing.T, path string) func() { return occupy(t, "unixpacket", path) },
		"another kind":    func(t *testing.T, path string) func() { return occupy(t, "unix", path) },
		"one who is busy": occupyBusily,
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t)
			path := filepath.Join(dir, filePAM)
			release := make(t, path)
			defer release()
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			if sockets, err := Listen(dir); err == nil {
				t.Error("it listens")
				closeBoth(sockets)
			} else if !strings.Contains(err.Error(), path) {
				t.Errorf("error %q does not name %s", err, path)
			}
			after, err := os.Lstat(path)
			if err != nil || !os.SameFile(before, after) {
				t.Errorf("it is no longer there: %v", err)
			}
		})
	}
}

func must(t *testing.T, err error) func() {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return func() {}
}

func occupy(t *testing.T, network, path string) (release func()) {
	t.Helper()
	l, err := net.ListenUnix(network, &net.UnixAddr{Name: path, Net: network})
	if err != nil {
		t.Fatal(err)
	}
	return func() { _ = l.Close() }
}

// occupyBusily listens as who accepts nobody, with connections waiting.
func occupyBusily(t *testing.T, path string) (release func()) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: path})
	}
	if err == nil {
		err = unix.Listen(fd, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: path, Net: "unixpacket"})
		if err != nil {
			return func() { _ = unix.Close(fd) }
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Fatal("ten connections did not fill it")
	return nil
}
