package host

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
)

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
