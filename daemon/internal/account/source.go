package account

import (
	"net/netip"
	"strconv"
	"strings"
)

// maxSource bounds what a record keeps of a source, in bytes.
const maxSource = 96

// Source is where an attempt came from, as far as that can be trusted: the
// service and the address, else the terminal, else nothing. Two codes in a row
// must share it.
type Source string

// LoginSource is the source of a login. rhost is PAM_RHOST: an address counts
// (IPv6 by its /64, which is one customer), a name does not, for whoever runs
// the reverse zone chooses it. tty is PAM_TTY.
func LoginSource(service, rhost, tty string) Source {
	from := tty
	if addr, ok := Address(rhost); ok {
		from = network(addr)
	}
	if from == "" {
		return bounded(service)
	}
	return bounded(service + " " + from)
}

// ControlSource is the source of a request on control.sock, where the kernel
// tells the caller's uid.
func ControlSource(uid uint32) Source {
	return Source("control uid " + strconv.FormatUint(uint64(uid), 10))
}

// From is where that is, without the service where there is more.
func (s Source) From() string {
	if _, from, ok := strings.Cut(string(s), " "); ok {
		return from
	}
	return string(s)
}

// Address reads a PAM_RHOST that is an address; an IPv4 address mapped into
// IPv6 is the IPv4 address, and a zone is left off.
func Address(rhost string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(rhost)
	if err != nil {
		return netip.Addr{}, false
	}
	return addr.Unmap().WithZone(""), true
}

func network(addr netip.Addr) string {
	if addr.Is4() {
		return addr.String()
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return addr.String()
	}
	return prefix.String()
}

func bounded(s string) Source {
	if len(s) > maxSource {
		s = s[:maxSource]
	}
	return Source(s)
}
