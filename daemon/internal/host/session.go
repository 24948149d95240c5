package host

import (
	"context"
	"fmt"
	"io/fs"
	"net/netip"
	"path"
	"strings"
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
