package host

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// processes are those of the machine with that root folder (proc(5)).
type processes struct{ root fs.FS }

func (p processes) read(pid int, file string) (string, error) {
	name := fmt.Sprintf("proc/%d/%s", pid, file)
	content, err := fs.ReadFile(p.root, name)
	if err != nil {
		return "", rooted(name, err)
	}
	return string(content), nil
}

// loginUID is not set where there is no login, or the kernel does not keep it.
func (p processes) loginUID(pid int) (uid uint32, set bool, err error) {
	text, err := p.read(pid, "loginuid")
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
	if err != nil {
		return 0, false, fmt.Errorf("/proc/%d/loginuid is no uid", pid)
	}
	return uint32(n), n != math.MaxUint32, nil
}

// processStatus is what is read of proc_pid_status(5).
type processStatus struct {
	parent int
	uid    int64 // -1 where real, effective, saved and file system's are not one
}

func (p processes) status(pid int) (processStatus, error) {
	text, err := p.read(pid, "status")
	if err != nil {
		return processStatus{}, err
	}
	s := processStatus{parent: -1, uid: -1}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, ":")
		switch fields := strings.Fields(value); key {
		case "PPid":
			if s.parent, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return processStatus{}, fmt.Errorf("/proc/%d/status tells no parent", pid)
			}
		case "Uid":
			if one := slices.Compact(fields); len(fields) == 4 && len(one) == 1 {
				if s.uid, err = strconv.ParseInt(one[0], 10, 64); err != nil {
					return processStatus{}, fmt.Errorf("/proc/%d/status tells no uid", pid)
				}
			}
		}
	}
	return s, nil
}

// tick is the unit of the times in proc_pid_stat(5), on all that Debian runs on
// (USER_HZ).
const tick = 10 * time.Millisecond

// began is when the process was forked.
func (p processes) began(pid int) (Moment, error) {
	stat, err := p.read(pid, "stat")
	if err != nil {
		return Moment{}, err
	}
	boot, err := fs.ReadFile(p.root, bootIDFile[1:])
	if err != nil {
		return Moment{}, rooted(bootIDFile[1:], err)
	}
	// pid (name) state ...: the name may hold blanks and parentheses. The time is
	// the 22nd field, the 20th behind it.
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return Moment{}, fmt.Errorf("/proc/%d/stat is too short", pid)
	}
	ticks, err := strconv.ParseInt(fields[19], 10, 64)
	if err != nil || ticks < 0 || ticks > math.MaxInt64/int64(tick) {
		return Moment{}, fmt.Errorf("/proc/%d/stat tells no beginning", pid)
	}
	return Moment{strings.TrimSpace(string(boot)), time.Duration(ticks) * tick}, nil
}
