// Package server holds the sockets: who may connect, how many at once, and how
// long each may take.
package server

import (
	"fmt"
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Peer is who is at the other end of a socket, by the kernel's word at the
// time of connect().
type Peer struct {
	PID int32
	UID uint32
	// GIDs are all its groups, the primary one first.
	GIDs []uint32
}

// String names the peer for the log.
func (p Peer) String() string { return fmt.Sprintf("uid %d (pid %d)", p.UID, p.PID) }

// PeerOf asks the kernel.
func PeerOf(conn *net.UnixConn) (Peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return Peer{}, fmt.Errorf("peer credentials: %w", err)
	}
	var cred *unix.Ucred
	var groups []uint32
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		if cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); credErr == nil {
			groups, credErr = groupsOf(int(fd))
		}
	}); err != nil {
		return Peer{}, fmt.Errorf("peer credentials: %w", err)
	}
	if credErr != nil {
		return Peer{}, fmt.Errorf("peer credentials: %w", credErr)
	}
	return Peer{PID: cred.Pid, UID: cred.Uid, GIDs: append([]uint32{cred.Gid}, groups...)}, nil
}

// maxGroups is how many supplementary groups a process can have (NGROUPS_MAX).
const maxGroups = 65536

// groupsOf asks for the supplementary groups. x/sys has no call of its own for
// SO_PEERGROUPS (unix(7)).
func groupsOf(fd int) ([]uint32, error) {
	for n := uint32(32); n <= maxGroups; n *= 2 {
		groups := make([]uint32, n)
		size := uint32(len(groups) * 4)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch errno {
		case 0:
			return groups[:size/4], nil
		case unix.ERANGE: // there are more
		default:
			return nil, errno
		}
	}
	return nil, unix.ERANGE
}
