// Package booted tests, on booted Debian releases as they are installed, what
// daemon/internal/host reads of a machine: with its real sshd, systemd and
// journal. It needs what packaging/boot needs.
package booted

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"spse-totp/daemon/internal/host"
	"spse-totp/packaging/boot/machine"
	"spse-totp/pamclient/hosts/people"
)

// suites are the releases; SPSE_TOTP_BOOT_SUITES may name others.
var suites = machine.Suites("bookworm", "trixie")

func TestMain(m *testing.M) { machine.Main(suites, func() int { return withOffices(m) }) }

// offices are machines as Debian installs them, with people.
var offices []*office

type office struct {
	*machine.Machine
	key ssh.Signer // everybody's
}

func withOffices(m *testing.M) (code int) {
	defer func() {
		for _, o := range offices {
			if err := o.Halt(); err != nil {
				fmt.Fprintln(os.Stderr, "error:", err)
				code = 1
			}
		}
	}()
	for number, suite := range suites {
		o, err := open(suite, number)
		if err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			return 1
		}
		offices = append(offices, o)
	}
	return m.Run()
}

func open(suite string, number int) (*office, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	o := &office{}
	if o.key, err = ssh.NewSignerFromKey(private); err != nil {
		return nil, err
	}
	o.Machine, err = machine.Boot(suite, number, o.furnish)
	return o, err
}

const firstUID = 30000

var residents = []string{"admin", "budi", "siti", "backup-spse"}

// furnish adds people with a key. Nothing else is other than Debian has it, but
// that one address may fail as often as it likes.
func (o *office) furnish(root string) error {
	files := map[string]string{"etc/sudoers.d/survey": "admin ALL=(ALL) NOPASSWD: ALL\n", "etc/hosts": "127.0.0.1 localhost " + filepath.Base(filepath.Dir(root)) + "\n"}
	for i, name := range residents {
		files["etc/passwd"] += fmt.Sprintf("%s:x:%d:%[2]d::/home/%[1]s:/bin/bash\n", name, firstUID+i)
		files["etc/group"] += fmt.Sprintf("%s:x:%d:\n", name, firstUID+i)
		files["etc/shadow"] += fmt.Sprintf("%s:*:19000:0:99999:7:::\n", name)
		files["home/"+name+"/.ssh/authorized_keys"] = string(ssh.MarshalAuthorizedKey(o.key.PublicKey()))
	}
	if program, err := os.ReadFile(filepath.Join(root, "usr/sbin/sshd")); err == nil && strings.Contains(string(program), "persourcepenalties") {
		files["etc/ssh/sshd_config.d/survey.conf"] = "PerSourcePenalties no\n"
	}
	for name, content := range files {
		if err := appendFile(filepath.Join(root, name), content); err != nil {
			return err
		}
	}
	for i, name := range residents {
		err := filepath.WalkDir(filepath.Join(root, "home", name), func(path string, _ fs.DirEntry, err error) error {
			return errors.Join(err, os.Lchown(path, firstUID+i, firstUID+i))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func appendFile(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.WriteString(content)
	return errors.Join(err, file.Close())
}

// everywhere runs a test on each machine.
func everywhere(t *testing.T, test func(t *testing.T, o *office)) {
	t.Helper()
	for _, o := range offices {
		t.Run(o.Suite, func(t *testing.T) { test(t, o) })
	}
}

// root is the machine's root folder.
func (o *office) root() fs.FS { return os.DirFS(o.Path("/")) }

// exec runs programs of the machine, as host.Run does those of this one.
func (o *office) exec(ctx context.Context, stdout io.Writer, program string, args ...string) (int, string, error) {
	cmd := o.Command(ctx, append([]string{program}, args...)...)
	cmd.WaitDelay = time.Second
	cmd.Stdout = stdout
	var stderr strings.Builder
	cmd.Stderr = &stderr
	err := cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.Exited() {
		return ended.ExitCode(), stderr.String(), nil
	}
	return 0, stderr.String(), err
}

var _ host.Runner = (*office)(nil).exec

func (o *office) connect(t *testing.T, who string) *ssh.Client {
	t.Helper()
	client, err := people.Connect(o.Address+":22", who, ssh.PublicKeys(o.key))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// does has somebody run a command over ssh, at a terminal or at none.
func (o *office) does(t *testing.T, who, command string, terminal bool) string {
	t.Helper()
	client := o.connect(t, who)
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if terminal {
		if err := session.RequestPty("xterm", 24, 80, nil); err != nil {
			t.Fatal(err)
		}
	}
	said, err := session.CombinedOutput(command)
	if err != nil {
		t.Fatalf("%s: %v: %s", command, err, said)
	}
	return string(said)
}

// run runs a program inside that must succeed.
func (o *office) run(t *testing.T, args ...string) string {
	t.Helper()
	said, err := o.Run(args...)
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, said)
	}
	return said
}

// write has a file of the machine be that till the test ends.
func (o *office) write(t *testing.T, path, content string) {
	t.Helper()
	before, err := os.ReadFile(o.Path(path))
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.Path(path), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if missing {
			err = os.Remove(o.Path(path))
		} else {
			err = os.WriteFile(o.Path(path), before, 0o644)
		}
		if err != nil {
			t.Error(err)
		}
	})
}

// until polls for what nothing tells of by itself.
func (o *office) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(45 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long: %s", what)
		}
	}
}
