// Package stage is a private copy of the machine for real sshd and its like:
// its own mounts, processes, network and users, in namespaces that end with
// the program. Outside nothing changes. It needs root, and is for tests and
// the demo.
package stage

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// roleVariable tells a process of this program which part it plays.
const roleVariable = "SPSE_TOTP_STAGE"

const (
	roleInit  = "init"  // PID 1: makes the mounts, reaps
	roleActor = "actor" // runs what was asked for
)

// Main runs inner on a stage: it starts this program anew in namespaces of its
// own, with the same arguments, and there calls inner. It returns the exit
// status.
func Main(inner func() int) int {
	switch os.Getenv(roleVariable) {
	case roleActor:
		return inner()
	case roleInit:
		leaveInterruptsToTheActor()
		if err := dress(); err != nil {
			fmt.Fprintln(os.Stderr, "error: preparing the stage:", err)
			return 1
		}
		return perform()
	default:
		leaveInterruptsToTheActor()
		return enter()
	}
}

// leaveInterruptsToTheActor keeps Ctrl-C from ending the stage under a program
// that has something to put right first, such as a secret on the screen. Caught
// and not ignored, since what is ignored the programs would inherit.
func leaveInterruptsToTheActor() {
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
}

// enter starts PID 1 of the stage. If this process dies, all of the stage does.
func enter() int {
	runtime.LockOSThread() // Pdeathsig follows the thread
	cmd := again(roleInit)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		Pdeathsig:  syscall.SIGKILL,
	}
	return status(cmd.Run())
}

func again(role string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
}

func status(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	default:
		fmt.Fprintln(os.Stderr, "error:", err)
		return 1
	}
}

// dress makes the mounts: nothing of them is seen outside.
func dress() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	for _, m := range []struct{ kind, at, options string }{
		{"proc", "/proc", ""},
		{"tmpfs", "/run", "mode=0755"},     // no journal, no sockets of the machine's
		{"tmpfs", "/var/log", "mode=0755"}, // sshd writes wtmp and lastlog
	} {
		if err := unix.Mount(m.kind, m.at, m.kind, unix.MS_NOSUID|unix.MS_NODEV, m.options); err != nil {
			return fmt.Errorf("mounting %s: %w", m.at, err)
		}
	}
	for _, dir := range []string{"/run/sshd", Dir} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	return loopback()
}

// loopback brings the stage's only network interface up.
func loopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	lo.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	return nil
}

// perform starts the actor and reaps whatever dies, till the actor does.
func perform() int {
	cmd := again(roleActor)
	if err := cmd.Start(); err != nil {
		return status(err)
	}
	for {
		var how unix.WaitStatus
		pid, err := unix.Wait4(-1, &how, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return status(err)
		case pid == cmd.Process.Pid && how.Exited():
			return how.ExitStatus()
		case pid == cmd.Process.Pid:
			fmt.Fprintln(os.Stderr, "error: ended by signal:", how.Signal())
			return 1
		}
	}
}

// Cover lays content over a file of the machine, for the stage alone. Covers
// lie one on another.
func Cover(path, content string, mode os.FileMode) error {
	mine, err := os.CreateTemp(Dir, "cover-*") // a file of its own: the cover below keeps its content
	if err != nil {
		return err
	}
	_, err = mine.WriteString(content)
	if err := errors.Join(err, mine.Chmod(mode), mine.Close()); err != nil {
		return err
	}
	if err := unix.Mount(mine.Name(), path, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("covering %s: %w", path, err)
	}
	return nil
}

// Uncover takes the topmost cover off.
func Uncover(path string) error {
	if err := unix.Unmount(path, 0); err != nil {
		return fmt.Errorf("uncovering %s: %w", path, err)
	}
	return nil
}
