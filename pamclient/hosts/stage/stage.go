package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Dir is where the stage keeps its own files; it ends with the stage.
const Dir = "/run/stage"

// Password of everybody on the stage, and its hash (SHA-512, 1000 rounds: a
// test logs in many hundred times).
const (
	Password = "sandi-budi-2022"
	hash     = "$6$rounds=1000$stage$yVB3nmLzSt8PXSOOGY1SkIXU/hiPySXY0RiJNt2jSgDCpFIRQs76jcLHl09.ovOYgHu6E.ZgjTUfyutBnb7FH0"
)

// FirstUID is the uid of the first user of the stage.
const FirstUID = 30000

// Users adds users to those of the machine. All have the Password.
func Users(names ...string) error {
	home := filepath.Join(Dir, "home")
	if err := os.Mkdir(home, 0o755); err != nil {
		return err
	}
	var passwd, shadow strings.Builder
	for i, name := range names {
		fmt.Fprintf(&passwd, "%s:x:%d:%d::%s:/bin/sh\n", name, FirstUID+i, FirstUID, home)
		fmt.Fprintf(&shadow, "%s:%s:19000:0:99999:7:::\n", name, hash)
	}
	for _, f := range []struct {
		path, more string
		mode       os.FileMode
	}{
		{"/etc/passwd", passwd.String(), 0o644},
		{"/etc/shadow", shadow.String(), 0o600},
		{"/etc/group", fmt.Sprintf("lpse:x:%d:\n", FirstUID), 0o644},
	} {
		there, err := os.ReadFile(f.path)
		if err != nil {
			return err
		}
		if err := Cover(f.path, string(there)+f.more, f.mode); err != nil {
			return err
		}
	}
	return nil
}

// GivePassword gives the Password to a user that the machine has, such as root.
func GivePassword(name string) error {
	const path = "/etc/shadow"
	there, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var shadow strings.Builder
	for line := range strings.Lines(string(there)) {
		if strings.HasPrefix(line, name+":") {
			line = fmt.Sprintf("%s:%s:19000:0:99999:7:::\n", name, hash)
		}
		shadow.WriteString(line)
	}
	return Cover(path, shadow.String(), 0o600)
}

// Config writes the daemon's configuration, and returns its path.
func Config() (string, error) {
	path := filepath.Join(Dir, "spse-totp.toml")
	return path, os.WriteFile(path, []byte(`language = "id"
issuer = "LPSE Kudus"
contact = "0291-0000"
socket_directory = "/run/spse-totp"
state_directory = "/run/stage/state"
keyset = "/run/stage/keyset.json"
`), 0o644)
}

// The sockets of a daemon with that configuration.
const (
	PAMSocket     = "/run/spse-totp/pam.sock"
	ControlSocket = "/run/spse-totp/control.sock"
)

// Process is a program that runs till Stop.
type Process struct {
	*exec.Cmd
	ended chan struct{}
}

// Start starts a program whose output goes to log.
func Start(log io.Writer, name string, args ...string) (*Process, error) {
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for who asked
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{Cmd: cmd, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended is for who asked it to
		close(p.ended)
	}()
	return p, nil
}

// Stop ends the program with SIGTERM, and waits.
func (p *Process) Stop() error { return p.End(syscall.SIGTERM) }

// End ends the program with a signal, and waits.
func (p *Process) End(signal os.Signal) error {
	if err := p.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(15 * time.Second):
		return fmt.Errorf("%s does not end", p.Path)
	}
}

// Daemon makes a keyset if there is none, starts the daemon and waits till it
// answers. binaries is the folder of spse-totp and spse-totpd.
func Daemon(log io.Writer, binaries string) (*Process, error) {
	config, err := Config()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(Dir, "keyset.json")); errors.Is(err, os.ErrNotExist) {
		made, err := exec.Command(filepath.Join(binaries, "spse-totp"), "key", "init", "--config", config).CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("key init: %w: %s", err, made)
		}
	}
	p, err := Start(log, filepath.Join(binaries, "spse-totpd"), "--config", config)
	if err != nil {
		return nil, err
	}
	return p, reachable(p, "unix", ControlSocket)
}

// HostKey is the private sshd's, with HostKey.pub beside it.
const HostKey = Dir + "/host_key"

// SSHD starts a real sshd on a loopback port and waits till it answers. The
// options are lines of sshd_config, in front of the stage's own.
func SSHD(log io.Writer, port int, options ...string) (*Process, error) {
	if _, err := os.Stat(HostKey); errors.Is(err, os.ErrNotExist) {
		if made, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", HostKey).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("ssh-keygen: %w: %s", err, made)
		}
	}
	config := filepath.Join(Dir, fmt.Sprintf("sshd_config_%d", port))
	lines := append(options,
		fmt.Sprintf("Port %d", port), "ListenAddress 127.0.0.1", "HostKey "+HostKey, "PidFile none",
		"UsePAM yes", "KbdInteractiveAuthentication yes", "PasswordAuthentication yes", "PubkeyAuthentication yes",
		"AuthorizedKeysFile "+Dir+"/authorized_keys", "StrictModes no", "UseDNS no", "PrintMotd no",
		"MaxStartups 200:30:400", "LogLevel VERBOSE")
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return nil, err
	}
	p, err := Start(log, "/usr/sbin/sshd", "-D", "-e", "-f", config)
	if err != nil {
		return nil, err
	}
	return p, reachable(p, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
}

// reachable waits till the program listens.
func reachable(p *Process, network, address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended at once; its log says why", p.Path)
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen on %s: %w", p.Path, address, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// PAM lays a stack over the machine's own for the service, where the module is
// the one at path: Debian's common-auth with our line as an Additional one.
func PAM(service, module, arguments string) error {
	return Cover("/etc/pam.d/"+service, fmt.Sprintf(`auth	[success=1 default=ignore]	pam_unix.so nodelay
auth	requisite	pam_deny.so
auth	required	pam_permit.so
auth	required	%[1]s %[2]s
account	required	pam_unix.so
account	required	%[1]s %[2]s
session	required	pam_permit.so
`, module, arguments), 0o644)
}

// Processes are the pids on the stage whose program has that name, or one that
// begins with it and a hyphen: OpenSSH 10 has sshd-session and sshd-auth.
func Processes(name string) ([]string, error) {
	all, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return nil, err
	}
	var pids []string
	for _, path := range all {
		comm, err := os.ReadFile(path)
		if program := strings.TrimSpace(string(comm)); err == nil && (program == name || strings.HasPrefix(program, name+"-")) {
			pids = append(pids, filepath.Base(filepath.Dir(path)))
		}
	}
	return pids, nil
}
