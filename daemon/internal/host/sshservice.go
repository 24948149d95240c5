package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

const (
	systemctl = "/usr/bin/systemctl"
	sshUnit   = "ssh.service"
	sshSocket = "ssh.socket"

	// systemctlWait is for one question.
	systemctlWait = 10 * time.Second
)

// SSHService is how systemd runs Debian's sshd.
type SSHService struct {
	Active   bool // ssh.service runs
	OnDemand bool // ssh.socket listens, and starts ssh.service when somebody comes
	PID      int  // of the sshd that listens; 0 where none does

	// Options are what that sshd was told on its command line.
	Options []string
}

// Apply are the arguments of systemctl that make sshd go by a changed
// sshd_config, for logins that begin then; open ones stay. A reload would end an
// sshd that ssh.socket started: it cannot listen anew where the socket does
// ("Cannot bind any address"), and on Debian 12 nothing tells of that.
func (s SSHService) Apply() []string {
	if s.OnDemand {
		return []string{"try-restart", sshUnit} // KillMode=process leaves the logins
	}
	return []string{"reload", sshUnit}
}

// ReadSSHService asks systemd.
func ReadSSHService(ctx context.Context, root fs.FS, run Runner) (SSHService, error) {
	units, err := showUnits(ctx, run, sshUnit, sshSocket)
	if err != nil {
		return SSHService{}, err
	}
	state := units[sshUnit]["ActiveState"]
	s := SSHService{Active: state == "active" || state == "reloading", OnDemand: units[sshSocket]["ActiveState"] == "active"}
	if s.PID, err = strconv.Atoi(units[sshUnit]["MainPID"]); err != nil {
		return SSHService{}, fmt.Errorf("asking systemd for %s: it tells no main process", sshUnit)
	}
	if s.PID == 0 {
		return s, nil
	}
	title, err := processes{root}.read(s.PID, "cmdline")
	if err != nil {
		return SSHService{}, err
	}
	s.Options = listenerOptions(title)
	return s, nil
}

// showUnits are the properties of units, by their names.
func showUnits(ctx context.Context, run Runner, names ...string) (map[string]map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, systemctlWait)
	defer cancel()
	var said bytes.Buffer
	exit, complaint, err := run(ctx, &said, systemctl, append([]string{"show", "--property=Id,ActiveState,MainPID", "--"}, names...)...)
	if err == nil && exit != 0 {
		err = errors.New(firstLine(complaint))
	}
	if err != nil {
		return nil, fmt.Errorf("asking systemd for %s: %w", strings.Join(names, " and "), err)
	}
	units := make(map[string]map[string]string)
	for block := range strings.SplitSeq(said.String(), "\n\n") {
		properties := make(map[string]string)
		for line := range strings.Lines(block) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			properties[key] = value
		}
		units[properties["Id"]] = properties
	}
	return units, nil
}

// listenerOptions are those of the title that a listening sshd gives itself:
//
//	sshd: /usr/sbin/sshd -D OPTION... [listener] 0 of 10-100 startups
func listenerOptions(title string) []string {
	command, _, is := strings.Cut(strings.TrimRight(title, "\x00"), " [listener]")
	words := strings.Fields(command)
	if !is || len(words) < 2 {
		return nil
	}
	return words[2:]
}
