package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"spse-totp/daemon/internal/config"
	"spse-totp/daemon/internal/seal"
)

// hang bounds what a test waits for: whoever is slower hangs.
const hang = 15 * time.Second

// long makes the storms as long as they should be once in a while.
var long = os.Getenv("SPSE_TOTP_LONG") == "1"

// rounds is how many rounds a storm has.
func rounds(short, full int) int {
	if long {
		return full
	}
	return short
}

// program is the daemon, as it ships.
var program string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "spse-totpd")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // some tests run it as another user
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	program = filepath.Join(dir, "spse-totpd")
	build := exec.Command("go", append(append([]string{"build"}, buildFlags...), "-o", program, ".")...)
	if said, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the daemon: %v\n%s", err, said)
		return 1
	}
	return m.Run()
}

// bench is the surroundings of a daemon: its folders, configuration, keyset
// and sockets. The test holds the sockets as systemd would, so that whoever
// connects while no daemon runs waits for the next one.
type bench struct {
	t      *testing.T
	dir    string
	sealer *seal.Sealer
	held   []*os.File // pam, control

	// program is the daemon: the one built as these tests are, if not told
	// otherwise.
	program string
	// wrap is what starts the daemon in its stead, with its command line
	// behind: a shell script, say.
	wrap []string
	// as is the user it runs as; nil is the test's own.
	as *syscall.Credential
	// env is added to its environment.
	env []string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir, err := os.MkdirTemp("", "spse") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b := &bench{t: t, dir: dir, program: program}
	b.configure(`contact = "0291-12345"`)
	b.sealer = b.drawKeyset()
	if err := os.Mkdir(b.path("state"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.held = []*os.File{b.hold("unixpacket", "pam.sock"), b.hold("unix", "control.sock")}
	return b
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) database() string { return filepath.Join(b.path("state"), config.DatabaseFile) }

func (b *bench) write(name, content string) {
	b.t.Helper()
	if err := os.WriteFile(b.path(name), []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// configure writes the configuration, with more lines.
func (b *bench) configure(lines ...string) {
	b.t.Helper()
	lines = append([]string{
		`language = "en"`, `issuer = "LPSE Kudus"`,
		fmt.Sprintf("socket_directory = %q", b.path("run")), fmt.Sprintf("state_directory = %q", b.path("state")),
		fmt.Sprintf("keyset = %q", b.path("keyset.json")),
	}, lines...)
	b.write("spse-totp.toml", strings.Join(lines, "\n")+"\n")
}

// drawKeyset draws a keyset and writes it to its file.
func (b *bench) drawKeyset() *seal.Sealer {
	b.t.Helper()
	clear, err := seal.NewKeyset()
	if err != nil {
		b.t.Fatal(err)
	}
	b.write("keyset.json", string(clear))
	sealer, err := seal.New(clear)
	if err != nil {
		b.t.Fatal(err)
	}
	return sealer
}

// hold listens in the daemon's stead, and accepts nobody.
func (b *bench) hold(network, name string) *os.File {
	b.t.Helper()
	l, err := net.ListenUnix(network, &net.UnixAddr{Name: b.path(name), Net: network})
	if err != nil {
		b.t.Fatal(err)
	}
	defer l.Close()
	l.SetUnlinkOnClose(false)
	file, err := l.File()
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = file.Close() })
	return file
}
