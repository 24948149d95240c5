package host

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

const key = ": ED25519 SHA256:0NKz6QAm0Clf69zyVfid9Uzd95cGIXWaTqHvaZKZfYk"

func TestWhatSSHDAccepted(t *testing.T) {
	for message, want := range map[string]string{
		"Accepted publickey for budi from 10.111.0.1 port 45440 ssh2" + key: "budi 10.111.0.1",
		"Accepted publickey for budi from 10.111.0.1 port 45440 ssh2":       "budi 10.111.0.1",
		"Accepted publickey for siti from 2001:db8::5 port 22 ssh2" + key:   "siti 2001:db8::5",
		"Accepted publickey for siti from fe80::1%eth0 port 22 ssh2" + key:  "siti fe80::1%eth0",
		"Accepted publickey for siti from ::ffff:10.0.0.1 port 1 ssh2":      "siti 10.0.0.1",
		"Accepted publickey for KUDUS\\budi s from 10.0.0.1 port 1 ssh2":    "KUDUS\\budi s 10.0.0.1",
		// a certificate whose name looks like an end of the line
		"Accepted publickey for budi from 10.0.0.1 port 1 ssh2: ED25519-CERT SHA256:x ID x from 6.6.6.6 port 5 ssh2: y (serial 0) CA ED25519 SHA256:z": "budi 10.0.0.1",
		"Accepted publickey for a from b from 10.0.0.1 port 1 ssh2":                                                                                    "a from b 10.0.0.1",
	} {
		if got, err := parseAccepted(message); err != nil || got.account+" "+got.from.String() != want {
			t.Errorf("%q: %+v, %v, want %s", message, got, err, want)
		}
	}
}

// What strangers can have sshd write: the names are theirs.
func TestWhatSSHDDidNotAccept(t *testing.T) {
	const hostile = "root from 1.2.3.4 port 5 ssh2"
	for _, message := range []string{
		"", "Accepted", acceptedPrefix, acceptedPrefix + "budi", acceptedPrefix + " from 10.0.0.1 port 1 ssh2",
		"Invalid user " + hostile + " from 10.111.0.1 port 55534",
		"Failed none for invalid user " + hostile + " from 10.111.0.1 port 55534 ssh2",
		"Invalid user Accepted publickey for root from 1.2.3.4 port 5 ssh2 from 10.111.0.1 port 55534",
		"Connection closed by invalid user " + hostile + " 10.111.0.1 port 55534 [preauth]",
		"Accepted password for budi from 10.0.0.1 port 1 ssh2",
		"Accepted keyboard-interactive/pam for budi from 10.0.0.1 port 1 ssh2",
		"Partial publickey for budi from 10.0.0.1 port 1 ssh2" + key,
		" Accepted publickey for budi from 10.0.0.1 port 1 ssh2",
		"accepted publickey for budi from 10.0.0.1 port 1 ssh2",
		"Accepted publickey for budi from 10.0.0.1 port 1",
		"Accepted publickey for budi from 10.0.0.1 port 1 ssh1",
		"Accepted publickey for budi from 10.0.0.1 port 1 ssh2x",
		"Accepted publickey for budi from 10.0.0.1 port 01 ssh2",
		"Accepted publickey for budi from 10.0.0.1 port +1 ssh2",
		"Accepted publickey for budi from 10.0.0.1 port 65536 ssh2",
		"Accepted publickey for budi from 10.0.0.1  port 1 ssh2",
		"Accepted publickey for budi from kudus.example port 1 ssh2",
		"Accepted publickey for budi from UNKNOWN port 1 ssh2",
		"Accepted publickey for bu\tdi from 10.0.0.1 port 1 ssh2",
		"Accepted publickey for bu\u0085di from 10.0.0.1 port 1 ssh2",
		"Accepted publickey for budi:x from 10.0.0.1 port 1 ssh2",
		"Accepted publickey for 1000 from 10.0.0.1 port 1 ssh2",
		"Accepted publickey for " + strings.Repeat("b", maxName+1) + " from 10.0.0.1 port 1 ssh2",
	} {
		if got, err := parseAccepted(message); err == nil || got != (accepted{}) {
			t.Errorf("%q: %+v", message, got)
		}
	}
}

// What is read says all that was written, but for the key.
func FuzzParseAccepted(f *testing.F) {
	f.Add("Accepted publickey for budi from 10.111.0.1 port 45440 ssh2" + key)
	f.Add("Accepted publickey for a from b from fe80::1%eth0 port 1 ssh2")
	f.Add("Accepted publickey for a from ::ffff:10.0.0.1 port 1 ssh2: x from 6.6.6.6 port 5 ssh2")
	f.Fuzz(func(t *testing.T, message string) {
		got, err := parseAccepted(message)
		if err != nil {
			return
		}
		if !possibleName(got.account) || !got.from.IsValid() {
			t.Fatalf("%q: %+v", message, got)
		}
		rest, is := strings.CutPrefix(message, fmt.Sprintf("Accepted publickey for %s from ", got.account))
		address, rest, _ := strings.Cut(rest, " port ")
		from, err := netip.ParseAddr(address)
		if !is || err != nil || from.Unmap() != got.from || !strings.Contains(rest, " ssh2") {
			t.Errorf("%q: %+v", message, got)
		}
	})
}
