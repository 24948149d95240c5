package host

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
)

// accepted is a login that sshd says it accepted by a key.
type accepted struct {
	account string
	from    netip.Addr
}

const acceptedPrefix = "Accepted publickey for "

var errNotAccepted = errors.New("not about an accepted key")

// parseAccepted reads what sshd logs (auth_log of OpenSSH's auth.c):
//
//	Accepted publickey for NAME from ADDRESS port N ssh2: KEY
//
// Names that strangers offer are in other messages, which begin otherwise. What
// follows the key's kind may be anybody's words, those of a certificate: so the
// first " from " counts behind which all is as it must be.
func parseAccepted(message string) (accepted, error) {
	rest, is := strings.CutPrefix(message, acceptedPrefix)
	if !is {
		return accepted{}, errNotAccepted
	}
	for at := 0; ; {
		next := strings.Index(rest[at:], " from ")
		if next < 0 {
			return accepted{}, errNotAccepted
		}
		name, origin := rest[:at+next], rest[at+next+len(" from "):]
		if from, is := parseOrigin(origin); is {
			if !possibleName(name) || strings.ContainsFunc(name, unicode.IsControl) {
				return accepted{}, errNotAccepted
			}
			return accepted{name, from}, nil
		}
		at += next + len(" from ")
	}
}

// parseOrigin reads ADDRESS port N ssh2, and no more or a colon and a blank.
func parseOrigin(text string) (netip.Addr, bool) {
	address, text, _ := strings.Cut(text, " port ")
	port, text, _ := strings.Cut(text, " ")
	from, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Addr{}, false
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return netip.Addr{}, false
	}
	if text != "ssh2" && !strings.HasPrefix(text, "ssh2: ") {
		return netip.Addr{}, false
	}
	return from.Unmap(), true
}
