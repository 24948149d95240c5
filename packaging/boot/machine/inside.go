package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Path is where a file of the machine is seen from the stage, once it runs.
func (m *Machine) Path(path string) string {
	return filepath.Join(fmt.Sprintf("/proc/%d/root", m.leader), path)
}

// Run runs a program inside, as root, and returns what it said, to both ends,
// without the last newline.
func (m *Machine) Run(args ...string) (string, error) { return m.RunWith("", args...) }

// RunWith gives it an input.
func (m *Machine) RunWith(input string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	cmd := m.Command(ctx, args...)
	cmd.Stdin = strings.NewReader(input)
	said, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return strings.TrimSuffix(string(said), "\n"), err
}

// Command is a program to be run inside, as root.
func (m *Machine) Command(ctx context.Context, args ...string) *exec.Cmd {
	enter := []string{"--target=" + strconv.Itoa(m.leader), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--"}
	cmd := exec.CommandContext(ctx, "nsenter", append(enter, args...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "SYSTEMD_PAGER="}
	return cmd
}

// PIDs are the processes of a unit, as the stage sees them.
func (m *Machine) PIDs(unit string) []int {
	b, err := os.ReadFile(filepath.Join(m.cgroup, "payload/system.slice", unit, "cgroup.procs"))
	if err != nil {
		return nil // it has no control group: nothing of it runs
	}
	var pids []int
	for field := range strings.FieldsSeq(string(b)) {
		if pid, err := strconv.Atoi(field); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Entry is an entry of the journal; a field that is not text is left out.
type Entry map[string]string

// Journal returns entries of the journal, oldest first; what it is given are
// arguments of journalctl.
func (m *Machine) Journal(args ...string) ([]Entry, error) {
	if said, err := m.Run("journalctl", "--sync"); err != nil {
		return nil, fmt.Errorf("journalctl --sync: %w: %s", err, said)
	}
	args = append([]string{"journalctl", "--output=json", "--quiet", "--all"}, args...)
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	said, err := m.Command(ctx, args...).Output()
	if err != nil {
		return nil, fmt.Errorf("journalctl: %w", err)
	}
	var entries []Entry
	for d := json.NewDecoder(bytes.NewReader(said)); ; {
		var fields map[string]any
		if err := d.Decode(&fields); err == io.EOF {
			return entries, nil
		} else if err != nil {
			return nil, fmt.Errorf("journalctl: %w", err)
		}
		entry := make(Entry)
		for name, value := range fields {
			if text, ok := value.(string); ok {
				entry[name] = text
			}
		}
		entries = append(entries, entry)
	}
}
