package host

import (
	"fmt"
	"strings"
	"testing"
)

// debian are stacks as Debian has them; what is in more lies over them.
func debian(more map[string]string) map[string]string {
	const common = "@include common-auth\n@include common-account\n"
	files := map[string]string{
		"etc/pam.d/common-auth":    "auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\nauth required pam_permit.so\n",
		"etc/pam.d/common-account": "account required pam_unix.so\n",
		"etc/pam.d/other":          common, "etc/pam.d/sshd": common, "etc/pam.d/login": common, "etc/pam.d/sudo": common, "etc/pam.d/cron": common,
		"etc/pam.d/chpasswd": "password required pam_unix.so\n",
	}
	for path, content := range more {
		files[path] = content
	}
	return files
}

// saying is all of codes, a line for each thing.
func saying(codes Codes) string {
	var b strings.Builder
	for _, l := range codes.Lines {
		fmt.Fprintf(&b, "%v %s", l.Place, l.Kind)
		if l.Refused != "" {
			fmt.Fprintf(&b, " refused for %s", l.Refused)
		}
		fmt.Fprintf(&b, " %v, not %v\n", l.ActsFor, l.LeftOut)
	}
	fmt.Fprintf(&b, "left out %v\n", codes.LeftOut)
	for _, v := range codes.Void {
		fmt.Fprintf(&b, "%s=%s %s, near %q, at %v\n", v.Argument, v.Name, []string{"no service", "no line", "uncovered"}[v.Why], v.Near, v.At)
	}
	return b.String()
}

func TestWhatTheLinesDo(t *testing.T) {
	const common = "@include common-auth\n@include common-account\n"
	both := func(arguments string) string {
		return fmt.Sprintf("@include common-auth\nauth required pam_spse_totp.so %[1]s\n@include common-account\naccount required /usr/local/lib/security/pam_spse_totp.so %[1]s\n", arguments)
	}
	const sshdAlone = "/etc/pam.d/sshd:2 auth [sshd], not []\n/etc/pam.d/sshd:4 account [sshd], not []\nleft out []\n"
	for what, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no line of ours":                {nil, "left out []\n"},
		"one service":                    {map[string]string{"etc/pam.d/sshd": both("services=sshd account=sshd")}, sshdAlone},
		"every service, by its own file": {map[string]string{"etc/pam.d/sshd": both("account=sshd")}, sshdAlone},
		"a typing error": {map[string]string{"etc/pam.d/sshd": both("services=sshdd account=shsd")},
			"/etc/pam.d/sshd:2 auth [], not [sshd]\n/etc/pam.d/sshd:4 account [], not [sshd]\nleft out [sshd]\n" +
				"services=sshdd no service, near \"sshd\", at [/etc/pam.d/sshd:2 /etc/pam.d/sshd:4]\n" +
				"account=shsd no service, near \"sshd\", at [/etc/pam.d/sshd:2 /etc/pam.d/sshd:4]\n"},
		"nothing near": {map[string]string{"etc/pam.d/sshd": both("services=sshd,cockpit account=sshd")},
			sshdAlone + "services=cockpit no service, near \"\", at [/etc/pam.d/sshd:2 /etc/pam.d/sshd:4]\n"},
		"a part is no service": {map[string]string{"etc/pam.d/sshd": both("services=sshd,common-auth account=sshd")},
			sshdAlone + "services=common-auth no service, near \"\", at [/etc/pam.d/sshd:2 /etc/pam.d/sshd:4]\n"},
		"in common-auth": {map[string]string{"etc/pam.d/common-auth": "auth required pam_unix.so\nauth required pam_spse_totp.so services=sshd,login\n"},
			"/etc/pam.d/common-auth:2 auth [login sshd], not [cron other sudo]\nleft out [cron other sudo]\n"},
		"in common-auth, for all": {map[string]string{"etc/pam.d/common-auth": "auth required pam_unix.so\nauth required pam_spse_totp.so\n"},
			"/etc/pam.d/common-auth:2 auth [cron login other sshd sudo], not []\nleft out []\n"},
		"another line makes up for it": {map[string]string{
			"etc/pam.d/common-auth": "auth required pam_unix.so\nauth required pam_spse_totp.so services=sshd,login,cron\n",
			"etc/pam.d/sudo":        common + "auth required pam_spse_totp.so\n",
		}, "/etc/pam.d/common-auth:2 auth [cron login sshd], not [other sudo]\n/etc/pam.d/sudo:3 auth [sudo], not []\nleft out [other]\n"},
		"a name whose file has no line": {map[string]string{"etc/pam.d/sshd": both("services=sshd,sudo account=sshd,sudo")},
			sshdAlone + "services=sudo no line, near \"\", at [/etc/pam.d/sshd:2 /etc/pam.d/sshd:4]\naccount=sudo no line, near \"\", at [/etc/pam.d/sshd:2 /etc/pam.d/sshd:4]\n"},
		"account= without an account line": {map[string]string{"etc/pam.d/sshd": common + "auth required pam_spse_totp.so account=sshd\n"},
			"/etc/pam.d/sshd:3 auth [sshd], not []\nleft out []\naccount=sshd no line, near \"\", at [/etc/pam.d/sshd:3]\n"},
		"account= of whom services= leaves out": {map[string]string{"etc/pam.d/sshd": both("services=login account=sshd"), "etc/pam.d/login": common + "auth required pam_spse_totp.so\n"},
			"/etc/pam.d/login:3 auth [login], not []\n/etc/pam.d/sshd:2 auth [], not [sshd]\n/etc/pam.d/sshd:4 account [], not [sshd]\nleft out [sshd]\n" +
				"account=sshd uncovered, near \"\", at [/etc/pam.d/sshd:2 /etc/pam.d/sshd:4]\n"},
		"an argument that is none": {map[string]string{"etc/pam.d/common-auth": "auth required pam_unix.so\nauth required pam_spse_totp.so nullok services=sshdd\n"},
			"/etc/pam.d/common-auth:2 auth refused for nullok [cron login other sshd sudo], not []\nleft out []\n"},
		"one prompt": {map[string]string{"etc/pam.d/sshd": "auth optional pam_spse_totp.so split=6\nauth required pam_unix.so try_first_pass\nauth required pam_spse_totp.so\n@include common-account\n"},
			"/etc/pam.d/sshd:1 auth [sshd], not []\n/etc/pam.d/sshd:3 auth [sshd], not []\nleft out []\n"},
		"one prompt, and nobody judges the code": {map[string]string{"etc/pam.d/sshd": "auth optional pam_spse_totp.so split=6\nauth required pam_unix.so try_first_pass\n@include common-account\n"},
			"/etc/pam.d/sshd:1 auth [sshd], not []\nleft out [sshd]\n"},
		"another's module": {map[string]string{"etc/pam.d/sshd": "auth required pam_spse_totp.so.bak\nauth required pam_spse_totp_asan.so\n"}, "left out []\n"},
		"through other": {map[string]string{
			"etc/pam.d/other": "auth required pam_spse_totp.so services=chpasswd,other account=chpasswd\naccount required pam_spse_totp.so account=chpasswd\n",
		}, "/etc/pam.d/other:1 auth [other], not []\n/etc/pam.d/other:2 account [], not [other]\nleft out []\n"},
		"twice in one stack": {map[string]string{"etc/pam.d/sshd": "@include x\n@include x\n", "etc/pam.d/x": "auth required pam_spse_totp.so services=sshdd\n"},
			"/etc/pam.d/x:1 auth [], not [sshd]\nleft out [sshd]\nservices=sshdd no service, near \"sshd\", at [/etc/pam.d/x:1]\n"},
	} {
		t.Run(what, func(t *testing.T) {
			if got := saying(read(t, debian(c.files)).Codes()); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestNear(t *testing.T) {
	pam := read(t, debian(map[string]string{"etc/pam.d/su": "@include common-auth\n@include common-account\n"}))
	for name, want := range map[string]string{
		"sshdd": "sshd", "ssh": "sshd", "shsd": "sshd", "sshe": "sshd", "loign": "login", "lgoni": "login", "sudoo": "sudo", "sudu": "sudo",
		"s": "", "x": "", "gdm-password": "", "croon": "cron", "atd": "", "": "",
	} {
		if got := Near(name, pam.names()); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for pair, want := range map[[2]string]int{
		{"", ""}: 0, {"", "su"}: 2, {"su", ""}: 2, {"sshd", "sshd"}: 0, {"sshd", "shsd"}: 1, {"sshd", "ssh"}: 1, {"ssh", "sshd"}: 1, {"login", "logni"}: 1, {"abc", "xyz"}: 3,
	} {
		if got := distance(pair[0], pair[1]); got != want {
			t.Errorf("%q: %d, want %d", pair, got, want)
		}
	}
}
