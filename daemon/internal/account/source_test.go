package account

import (
	"strings"
	"testing"
)

func TestLoginSource(t *testing.T) {
	for name, c := range map[string]struct {
		service, rhost, tty string
		want                Source
	}{
		"address":             {"sshd", "192.0.2.1", "ssh", "sshd 192.0.2.1"},
		"IPv6 by its network": {"sshd", "2001:db8:1:2:aaaa::1", "ssh", "sshd 2001:db8:1:2::/64"},
		"mapped IPv4":         {"sshd", "::ffff:192.0.2.1", "ssh", "sshd 192.0.2.1"},
		"zone":                {"sshd", "fe80::1%eth0", "ssh", "sshd fe80::/64"},
		"a name is nothing":   {"sshd", "trusted.example", "", "sshd"},
		"console":             {"login", "", "tty1", "login tty1"},
		"nothing":             {"su", "", "", "su"},
	} {
		if got := LoginSource(c.service, c.rhost, c.tty); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if got := LoginSource(strings.Repeat("x", 10000), "192.0.2.1", ""); len(got) > maxSource {
		t.Errorf("a source of %d bytes", len(got))
	}
	if a, b := LoginSource("sshd", "2001:db8:1:2::1", ""), LoginSource("sshd", "2001:db8:1:3::1", ""); a == b {
		t.Error("two networks are one source")
	}
	if a, b := ControlSource(1000), ControlSource(1001); a == b {
		t.Error("two callers are one source")
	}
}
