package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"spse-totp/pamclient/hosts/stage"
)

// wait bounds a boot, a halt, and each program that is run inside.
const wait = 60 * time.Second

// Machine is a Debian release that has been booted. All that it writes is gone
// with it.
type Machine struct {
	Suite   string
	Address string // over the veth

	root   string // where its tree is mounted
	cgroup string
	nspawn *exec.Cmd
	ended  chan struct{}
	leader int // its PID 1, seen from the stage
}

// Boot boots a release, on a stage (stage.Main), once prepare has furnished its
// tree. The number tells machines of one stage apart, from 0 on.
func Boot(suite string, number int, prepare func(root string) error) (*Machine, error) {
	tree, err := Tree(suite)
	if err != nil {
		return nil, err
	}
	m := &Machine{Suite: suite, Address: fmt.Sprintf("10.111.%d.2", number), ended: make(chan struct{})}
	for _, step := range []func() error{
		func() error { return m.overlay(tree) },
		func() error { return prepare(m.root) },
		m.makeCgroup,
		m.start,
		m.findLeader,
		func() error { return m.connect(number) },
		m.settle,
	} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("booting %s: %w", suite, errors.Join(err, m.Halt()))
		}
	}
	return m, nil
}

// overlay mounts the tree, with all that is written to it in memory.
func (m *Machine) overlay(tree string) error {
	dir := filepath.Join(stage.Dir, m.Suite)
	m.root = filepath.Join(dir, "root")
	for _, sub := range []string{"root", "upper", "work"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", tree, dir, dir)
	if err := unix.Mount("overlay", m.root, "overlay", 0, options); err != nil {
		return fmt.Errorf("mounting the tree: %w", err)
	}
	return nil
}

// Written is the folder of all files that were written since the boot, but for
// those in file systems of their own, such as /run.
func (m *Machine) Written() string { return filepath.Join(stage.Dir, m.Suite, "upper") }

const (
	cgroups      = "/sys/fs/cgroup"
	cgroupPrefix = "spse-totp-boot."
)

// makeCgroup makes a control group for the machine alone. nspawn wants to find
// the unified hierarchy.
func (m *Machine) makeCgroup() error {
	var fs unix.Statfs_t
	if err := unix.Statfs(cgroups, &fs); err != nil || fs.Type != unix.CGROUP2_SUPER_MAGIC {
		if err := unix.Mount("cgroup2", cgroups, "cgroup2", 0, ""); err != nil {
			return fmt.Errorf("mounting cgroup2: %w", err)
		}
	}
	err := sweep()
	if err != nil {
		return err
	}
	m.cgroup, err = os.MkdirTemp(cgroups, cgroupPrefix)
	return err
}

// sweep removes the empty control groups of machines that were killed: the one
// thing that does not end with the stage.
func sweep() error {
	all, err := filepath.Glob(filepath.Join(cgroups, cgroupPrefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range all {
		if info, err := os.Stat(dir); err != nil || time.Since(info.ModTime()) < time.Minute {
			continue // another run's, which has just been made
		}
		events, err := os.ReadFile(filepath.Join(dir, "cgroup.events"))
		if err != nil || !strings.Contains(string(events), "populated 0") {
			continue
		}
		if err := removeCgroup(dir); err != nil {
			return err
		}
	}
	return nil
}

// removeCgroup removes a control group and those below it, which rmdir(2) takes
// with all the files in them.
func removeCgroup(dir string) error {
	below, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range below {
		if entry.IsDir() {
			if err := removeCgroup(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	return unix.Rmdir(dir)
}

// start starts systemd-nspawn, which needs no systemd outside.
func (m *Machine) start() error {
	group, err := os.Open(m.cgroup)
	if err != nil {
		return err
	}
	defer group.Close()
	console, err := os.Create(m.console())
	if err != nil {
		return err
	}
	defer console.Close()
	m.nspawn = exec.Command("systemd-nspawn", "--directory="+m.root, "--machine="+m.Suite,
		"--register=no", "--keep-unit", "--boot", "--network-veth", "--link-journal=no",
		"--resolv-conf=off", "--timezone=off", "--console=pipe", "--quiet")
	m.nspawn.Env = append(os.Environ(), "SYSTEMD_SECCOMP=0") // nspawn's own filter forbids the bpf() of IPAddressDeny=
	m.nspawn.Stdout, m.nspawn.Stderr = console, console
	m.nspawn.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, UseCgroupFD: true, CgroupFD: int(group.Fd())}
	if err := m.nspawn.Start(); err != nil {
		return err
	}
	go func() {
		_ = m.nspawn.Wait() // the console says why it ended
		close(m.ended)
	}()
	return nil
}

func (m *Machine) console() string { return filepath.Join(stage.Dir, m.Suite, "console") }

// findLeader waits for PID 1 of the machine: the child of nspawn.
func (m *Machine) findLeader() error {
	children := fmt.Sprintf("/proc/%d/task/%[1]d/children", m.nspawn.Process.Pid)
	return m.until("systemd to run", func() bool {
		b, err := os.ReadFile(children)
		first, _, _ := strings.Cut(string(b), " ")
		if m.leader, _ = strconv.Atoi(first); err != nil || m.leader == 0 {
			return false
		}
		_, err = os.Stat(m.Path("/run/systemd/private"))
		return err == nil
	})
}

// connect gives both ends of the veth their addresses.
func (m *Machine) connect(number int) error {
	inside := []string{"nsenter", fmt.Sprintf("--net=/proc/%d/ns/net", m.leader), "ip"}
	for _, args := range [][]string{
		{"ip", "address", "add", fmt.Sprintf("10.111.%d.1/24", number), "dev", "ve-" + m.Suite},
		{"ip", "link", "set", "ve-" + m.Suite, "up"},
		append(inside, "address", "add", m.Address+"/24", "dev", "host0"),
		append(inside, "link", "set", "host0", "up"),
	} {
		if said, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, said)
		}
	}
	return nil
}

// settle waits till the machine has booted.
func (m *Machine) settle() error {
	_, _ = m.Run("systemctl", "is-system-running", "--wait") // fails where some unit did, which tests ask of by name
	said, err := m.Run("systemctl", "is-active", "multi-user.target")
	if err != nil {
		return fmt.Errorf("multi-user.target is %s", said)
	}
	return nil
}

// Halt shuts the machine down.
func (m *Machine) Halt() error {
	if m.nspawn == nil {
		return nil
	}
	if err := m.nspawn.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-m.ended:
	case <-time.After(wait):
		return errors.Join(fmt.Errorf("%s does not halt", m.Suite), m.nspawn.Process.Kill())
	}
	return removeCgroup(m.cgroup)
}

// until polls, for what nothing tells of by itself.
func (m *Machine) until(what string, is func() bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	for !is() {
		select {
		case <-m.ended:
			b, _ := os.ReadFile(m.console())
			return fmt.Errorf("systemd-nspawn ended: %s", lastLines(string(b), 10))
		case <-ctx.Done():
			return fmt.Errorf("waited too long for %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}
