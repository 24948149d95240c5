package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Session is the login behind a process, as pam_loginuid(8) noted it when it
// began: sudo, su and a shell in a shell leave it as it is. The zero value is
// none, as behind a job of the system's.
type Session struct {
	User string // by NSS; "uid N" where NSS has no name for it; empty where there is no login behind
	UID  uint32
	SSH  *SSHLogin // nil where it did not come over ssh, or sshd is not among those who began it any more (tmux)
}

// SSHLogin is a login over ssh that is still there.
type SSHLogin struct {
	User  string         // whom sshd let in
	PID   int            // of root's process of sshd for this connection
	From  netip.AddrPort // invalid where it cannot be told
	Began Moment         // when sshd took the connection, rounded down to 10 ms
}

// Session returns the login behind the process with that pid. root is the folder
// of the machine's files, whose proc is read; to see sshd's processes takes root.
func (u Users) Session(ctx context.Context, root fs.FS, pid int) (Session, error) {
	p := processes{root}
	uid, set, err := p.loginUID(pid)
	if err != nil {
		return Session{}, fmt.Errorf("looking for the login behind this: %w", err)
	}
	var s Session
	if set {
		s.UID = uid
		if s.User, err = u.nameOrNumber(ctx, uid); err != nil {
			return Session{}, err
		}
	}
	s.SSH, err = p.sshLogin(pid)
	return s, err
}

func (u Users) nameOrNumber(ctx context.Context, uid uint32) (string, error) {
	name, found, err := u.NameOf(ctx, uid)
	if err == nil && !found {
		name = fmt.Sprintf("uid %d", uid)
	}
	return name, err
}

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

// maxAncestors bounds the walk: parents can change while one looks.
const maxAncestors = 256

// sshLogin looks for sshd's process among those who began this one, the nearest
// first; nil where there is none.
func (p processes) sshLogin(pid int) (*SSHLogin, error) {
	for range maxAncestors {
		if pid <= 1 {
			return nil, nil
		}
		if user, is := p.privileged(pid); is {
			began, err := p.began(pid)
			if err != nil {
				return nil, err
			}
			return &SSHLogin{User: user, PID: pid, From: p.peer(pid), Began: began}, nil
		}
		status, err := p.status(pid)
		if err != nil {
			return nil, err
		}
		pid = status.parent
	}
	return nil, nil
}

// privileged says whether this is root's process of sshd for one connection, and
// whom it let in. It is known by its program as well as by its title: somebody
// could call sudo by such a name.
func (p processes) privileged(pid int) (user string, is bool) {
	status, err := p.status(pid)
	if err != nil || status.uid != 0 {
		return "", false
	}
	program, err := fs.ReadLink(p.root, fmt.Sprintf("proc/%d/exe", pid))
	if err != nil {
		return "", false
	}
	program = path.Base(strings.TrimSuffix(program, " (deleted)")) // by an upgrade, since
	if program != "sshd" && program != "sshd-session" {            // from OpenSSH 9.8 on
		return "", false
	}
	title, err := p.read(pid, "cmdline")
	if err != nil {
		return "", false
	}
	user, is = strings.CutPrefix(strings.TrimRight(title, "\x00"), program+": ")
	if !is {
		return "", false
	}
	return strings.CutSuffix(user, " [priv]")
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

// peer is the other end of the process's one connection over TCP. (SSH_CONNECTION
// says it too, and is the user's to set.)
func (p processes) peer(pid int) netip.AddrPort {
	sockets := p.sockets(pid)
	for _, table := range []string{"net/tcp", "net/tcp6"} {
		name := fmt.Sprintf("proc/%d/%s", pid, table)
		file, err := p.root.Open(name)
		if err != nil {
			continue
		}
		peer := findPeer(bufio.NewScanner(file), sockets)
		file.Close()
		if peer.IsValid() {
			return peer
		}
	}
	return netip.AddrPort{}
}

// sockets are the inodes of the process's sockets.
func (p processes) sockets(pid int) map[string]bool {
	folder := fmt.Sprintf("proc/%d/fd", pid)
	entries, err := fs.ReadDir(p.root, folder)
	if err != nil {
		return nil
	}
	inodes := make(map[string]bool)
	for _, entry := range entries {
		target, err := fs.ReadLink(p.root, path.Join(folder, entry.Name()))
		if err != nil {
			continue
		}
		if inode, is := strings.CutPrefix(target, "socket:["); is {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return inodes
}

// findPeer looks in a table of connections (proc_pid_net_tcp) for one of those
// inodes that is established.
func findPeer(table *bufio.Scanner, inodes map[string]bool) netip.AddrPort {
	const established = "01"
	for table.Scan() {
		// sl local_address rem_address st queues timer retransmitted uid timeout inode
		fields := strings.Fields(table.Text())
		if len(fields) < 10 || fields[3] != established || !inodes[fields[9]] {
			continue
		}
		if peer, err := parsePeer(fields[2]); err == nil {
			return peer
		}
	}
	return netip.AddrPort{}
}

// parsePeer reads ADDRESS:PORT in hexadecimal digits, the address in words of
// four bytes as this machine keeps them: the least first.
func parsePeer(text string) (netip.AddrPort, error) {
	address, port, _ := strings.Cut(text, ":")
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil || len(address) != 8 && len(address) != 32 {
		return netip.AddrPort{}, errors.New("no address of a connection")
	}
	var bytes []byte
	for word := range slices.Chunk([]byte(address), 8) {
		value, err := strconv.ParseUint(string(word), 16, 32)
		if err != nil {
			return netip.AddrPort{}, errors.New("no address of a connection")
		}
		bytes = append(bytes, byte(value), byte(value>>8), byte(value>>16), byte(value>>24))
	}
	addr, _ := netip.AddrFromSlice(bytes)
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), nil
}
