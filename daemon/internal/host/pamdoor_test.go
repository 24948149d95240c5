package host

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

func doorsIn(t *testing.T, files map[string]string) string {
	t.Helper()
	tree := map[string]string{"etc/pam.d/common-auth": debianAuth}
	maps.Copy(tree, files)
	var b strings.Builder
	for _, d := range read(t, tree).Codes().Doors {
		fmt.Fprintf(&b, "%v %v by %v\n", d.Place, d.Services, d.By.Place)
	}
	return b.String()
}

func TestStacksThatAskEverybodyHaveNoDoor(t *testing.T) {
	for what, files := range map[string]map[string]string{
		"sshd":                {"etc/pam.d/sshd": "@include common-auth\n" + oursRequired},
		"login":               {"etc/pam.d/login": "auth optional pam_faildelay.so\nauth requisite pam_nologin.so\n@include common-auth\n" + oursRequired + "auth optional pam_group.so\n"},
		"su":                  {"etc/pam.d/su": "auth sufficient pam_rootok.so\n@include common-auth\n" + oursRequired},
		"for everybody":       {"etc/pam.d/common-auth": debianAuth + oursRequired, "etc/pam.d/sshd": "@include common-auth\n"},
		"one prompt":          {"etc/pam.d/sshd": "auth optional pam_spse_totp.so split=6\nauth [success=1 default=ignore] pam_unix.so try_first_pass\nauth requisite pam_deny.so\n" + oursRequired + "auth required pam_permit.so\n"},
		"key and code":        {"etc/pam.d/sshd": oursRequired + "auth required pam_permit.so\n"},
		"two passwords":       {"etc/pam.d/sshd": "auth [success=2 default=ignore] pam_unix.so\nauth [success=1 default=ignore] pam_sss.so\nauth requisite pam_deny.so\nauth required pam_permit.so\n" + oursRequired},
		"ours jumps":          {"etc/pam.d/sshd": "auth requisite pam_unix.so\nauth [success=1 default=ignore] pam_spse_totp.so\nauth requisite pam_deny.so\nauth required pam_permit.so\n"},
		"failed, not done":    {"etc/pam.d/sshd": "auth required pam_deny.so\nauth sufficient pam_unix.so\n" + oursRequired},
		"a substack is left":  {"etc/pam.d/sshd": "auth substack part\n" + oursRequired, "etc/pam.d/part": "auth sufficient pam_unix.so\nauth requisite pam_deny.so\n"},
		"a jump that is far":  {"etc/pam.d/sshd": "auth [success=9 default=die] pam_unix.so\n" + oursRequired},
		"it acts for others":  {"etc/pam.d/sshd": "auth sufficient pam_unix.so\nauth required pam_spse_totp.so services=login\n"},
		"optional, and again": {"etc/pam.d/sshd": "auth requisite pam_unix.so\nauth optional pam_spse_totp.so\n" + oursRequired},
	} {
		if got := doorsIn(t, files); got != "" {
			t.Errorf("%s: %s", what, got)
		}
	}
}

func TestDoors(t *testing.T) {
	for what, c := range map[string]struct{ stack, want string }{
		"sufficient":            {"auth sufficient pam_unix.so\n" + oursRequired, "2 [sshd] by /etc/pam.d/sshd:1"},
		"a jump over it":        {"auth [success=1 default=die] pam_unix.so\n" + oursRequired + "auth required pam_permit.so\n", "2 [sshd] by /etc/pam.d/sshd:1"},
		"a jump for some":       {"auth requisite pam_unix.so\nauth [success=1 default=ignore] pam_succeed_if.so uid = 0\n" + oursRequired, "3 [sshd] by /etc/pam.d/sshd:2"},
		"faillock":              {"auth required pam_faillock.so preauth\nauth [success=1 default=bad] pam_unix.so\nauth [default=die] pam_faillock.so authfail\nauth sufficient pam_faillock.so authsucc\n" + oursRequired, "5 [sshd] by /etc/pam.d/sshd:4"},
		"optional":              {"auth requisite pam_unix.so\nauth optional pam_spse_totp.so\n", "2 [sshd] by /etc/pam.d/sshd:2"},
		"a failure is ignored":  {"auth requisite pam_unix.so\nauth [success=ok auth_err=die default=ignore] pam_spse_totp.so\n", "2 [sshd] by /etc/pam.d/sshd:2"},
		"sufficient itself":     {"auth requisite pam_unix.so\nauth sufficient pam_spse_totp.so\n", "2 [sshd] by /etc/pam.d/sshd:2"},
		"a module nobody knows": {"auth sufficient pam_u2f.so\n@include common-auth\n" + oursRequired, "3 [sshd] by /etc/pam.d/sshd:1"},
	} {
		if got := doorsIn(t, map[string]string{"etc/pam.d/sshd": c.stack}); got != "/etc/pam.d/sshd:"+c.want+"\n" {
			t.Errorf("%s: %q", what, got)
		}
	}
}
