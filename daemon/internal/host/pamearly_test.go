package host

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// debianAuth is common-auth as pam-auth-update writes it.
const debianAuth = "auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\nauth required pam_permit.so\nauth optional pam_cap.so\n"

const oursRequired = "auth required pam_spse_totp.so\n"

// earlyIn says which lines of ours are early in a host with sshd's stack and
// that common-auth.
func earlyIn(t *testing.T, files map[string]string) string {
	t.Helper()
	tree := map[string]string{"etc/pam.d/common-auth": debianAuth}
	maps.Copy(tree, files)
	var b strings.Builder
	for _, e := range read(t, tree).Codes().Early {
		fmt.Fprintf(&b, "%v %v", e.Place, e.Services)
		switch e.Why {
		case NothingProves:
			b.WriteString(" nothing\n")
		case GoesOn:
			fmt.Fprintf(&b, " %v goes on\n", e.By.Place)
		case EndsSubstack:
			fmt.Fprintf(&b, " %v ends a substack\n", e.By.Place)
		case JumpsOver:
			fmt.Fprintf(&b, " %v jumps\n", e.By.Place)
		}
	}
	return b.String()
}

// Stacks in which the password is right before our line asks: those that Debian
// and its packages write, the README's, and the ways there are to write them.
func TestLinesBehindThePasswordAreNotEarly(t *testing.T) {
	const split = "auth optional pam_spse_totp.so split=6\nauth [success=1 default=ignore] pam_unix.so try_first_pass\nauth requisite pam_deny.so\n" + oursRequired + "auth required pam_permit.so\n"
	for what, files := range map[string]map[string]string{
		"sshd":                          {"etc/pam.d/sshd": "@include common-auth\n" + oursRequired},
		"login":                         {"etc/pam.d/login": "auth optional pam_faildelay.so delay=3000000\nauth requisite pam_nologin.so\n@include common-auth\n" + oursRequired + "auth optional pam_group.so\n"},
		"su":                            {"etc/pam.d/su": "auth sufficient pam_rootok.so\n@include common-auth\n" + oursRequired},
		"root jumps over the password":  {"etc/pam.d/su": "auth [success=4 default=ignore] pam_rootok.so\n@include common-auth\n" + oursRequired},
		"in common-auth, for everybody": {"etc/pam.d/common-auth": debianAuth + oursRequired, "etc/pam.d/su": "auth sufficient pam_rootok.so\n@include common-auth\n", "etc/pam.d/sudo": "@include common-auth\n"},
		"one prompt":                    {"etc/pam.d/sshd": split},
		"requisite":                     {"etc/pam.d/sshd": "auth requisite pam_unix.so\n" + oursRequired},
		"by its path":                   {"etc/pam.d/sshd": "auth requisite /lib/security/pam_unix.so\n" + oursRequired},
		"die":                           {"etc/pam.d/sshd": "auth [success=ok default=die] pam_sss.so forward_pass\n" + oursRequired},
		"with a space":                  {"etc/pam.d/sshd": "auth [ success = ok  default =die ] pam_unix.so\n" + oursRequired},
		"a directory server too":        {"etc/pam.d/sshd": "auth [success=2 default=ignore] pam_unix.so nullok\nauth [success=1 default=ignore] pam_ldap.so minimum_uid=1000 use_first_pass\nauth requisite pam_deny.so\nauth required pam_permit.so\n" + oursRequired},
		"the second may be right":       {"etc/pam.d/sshd": "auth required pam_unix.so\nauth requisite pam_sss.so\n" + oursRequired},
		"faillock":                      {"etc/pam.d/sshd": "auth required pam_faillock.so preauth\nauth [success=1 default=bad] pam_unix.so\nauth [default=die] pam_faillock.so authfail\nauth sufficient pam_faillock.so authsucc\n" + oursRequired},
		"a substack dies":               {"etc/pam.d/sshd": "auth substack common-auth\nauth requisite pam_unix.so\n" + oursRequired},
		"it acts for others":            {"etc/pam.d/sshd": "auth required pam_spse_totp.so services=login\nauth required pam_unix.so\n"},
		"the account phase":             {"etc/pam.d/sshd": "auth required pam_unix.so\naccount required pam_spse_totp.so account=sshd\n"},
		"it is never reached":           {"etc/pam.d/sshd": "auth requisite pam_deny.so\n" + oursRequired},
		"sufficient ends the stack":     {"etc/pam.d/sshd": "auth sufficient pam_permit.so\n" + oursRequired},
		"a module that is ours, unsent": {"etc/pam.d/sshd": "auth [ignore=1 default=die] pam_spse_totp.so services=login\n" + oursRequired + "auth required pam_unix.so\n"},
	} {
		if got := earlyIn(t, files); got != "" {
			t.Errorf("%s:\n%s", what, got)
		}
	}
}

// Stacks in which our line may ask a stranger.
func TestLinesThatAStrangerReachesAreEarly(t *testing.T) {
	for what, c := range map[string]struct {
		stack, want string
	}{
		"required":                     {"auth required pam_unix.so\n" + oursRequired, ":2 [sshd] /etc/pam.d/sshd:1 goes on"},
		"optional":                     {"auth optional pam_unix.so\n" + oursRequired, ":2 [sshd] /etc/pam.d/sshd:1 goes on"},
		"sufficient":                   {"auth sufficient pam_unix.so\n" + oursRequired, ":2 [sshd] /etc/pam.d/sshd:1 goes on"},
		"the last of two":              {"auth required pam_unix.so\nauth required pam_sss.so\n" + oursRequired, ":3 [sshd] /etc/pam.d/sshd:2 goes on"},
		"what is not named goes on":    {"auth [success=ok] pam_unix.so\n" + oursRequired, ":2 [sshd] /etc/pam.d/sshd:1 goes on"},
		"one failure goes on":          {"auth [success=ok user_unknown=ignore default=die] pam_sss.so\n" + oursRequired, ":2 [sshd] /etc/pam.d/sshd:1 goes on"},
		"a control that is none":       {"auth requisit pam_unix.so\n" + oursRequired, ":2 [sshd] /etc/pam.d/sshd:1 goes on"},
		"a return that is none":        {"auth [sucess=ok default=die] pam_unix.so\n" + oursRequired, ":2 [sshd] /etc/pam.d/sshd:1 goes on"},
		"it is told to ignore":         {"auth requisite pam_sss.so ignore_unknown_user\n" + oursRequired, ":2 [sshd] /etc/pam.d/sshd:1 goes on"},
		"above the password":           {oursRequired + "@include common-auth\n", ":1 [sshd] nothing"},
		"between Debian's lines":       {"auth [success=1 default=ignore] pam_unix.so\n" + oursRequired + "auth requisite pam_deny.so\nauth required pam_permit.so\n", ":2 [sshd] /etc/pam.d/sshd:1 goes on"},
		"a jump that is one too far":   {"auth [success=1 default=2] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_permit.so\n" + oursRequired, ":4 [sshd] /etc/pam.d/sshd:1 goes on"},
		"key and code":                 {oursRequired + "auth required pam_permit.so\n", ":1 [sshd] nothing"},
		"a module that proves nothing": {"auth requisite pam_u2f.so nouserok\n" + oursRequired, ":2 [sshd] nothing"},
		"a module that jumps over it":  {"auth [success=1 default=ignore] pam_succeed_if.so user ingroup lpse\nauth requisite pam_unix.so\n" + oursRequired, ":3 [sshd] /etc/pam.d/sshd:1 jumps"},
		"a substack that dies":         {"auth substack common-auth\n" + oursRequired, ":2 [sshd] /etc/pam.d/common-auth:1 ends a substack"},
		"a substack that is jumped":    {"auth [success=1 default=ignore] pam_succeed_if.so uid = 0\nauth substack common-auth\nauth requisite pam_unix.so\n" + oursRequired, ""},
		"a substack is one line":       {"auth [success=2 default=ignore] pam_succeed_if.so uid = 0\nauth substack common-auth\nauth requisite pam_unix.so\n" + oursRequired, ":4 [sshd] /etc/pam.d/sshd:1 jumps"},
		"an include is its lines":      {"auth [success=4 default=ignore] pam_succeed_if.so uid = 0\n@include common-auth\n" + oursRequired, ":3 [sshd] /etc/pam.d/sshd:1 jumps"},
		"failed, and so not done":      {"auth required pam_deny.so\nauth sufficient pam_permit.so\n" + oursRequired, ":3 [sshd] nothing"},
		"reset, and so done":           {"auth required pam_deny.so\nauth [default=reset] pam_permit.so\nauth sufficient pam_permit.so\nauth requisite pam_unix.so\n" + oursRequired, ""},
		"done in a substack goes on":   {"auth substack done\n" + oursRequired, ":2 [sshd] /etc/pam.d/done:1 jumps"},
		"both of ours":                 {"auth [success=1 default=ignore] pam_env.so\n" + oursRequired + oursRequired, ":2 [sshd] nothing\n/etc/pam.d/sshd:3 [sshd] nothing"},
	} {
		want := ""
		if c.want != "" {
			want = "/etc/pam.d/sshd" + c.want + "\n"
		}
		if got := earlyIn(t, map[string]string{"etc/pam.d/sshd": c.stack, "etc/pam.d/done": "auth sufficient pam_permit.so\nauth requisite pam_unix.so\n"}); got != want {
			t.Errorf("%s:\n%swant\n%s", what, got, want)
		}
	}
	const everybody = "/etc/pam.d/common-auth:2 [sshd sudo] /etc/pam.d/common-auth:1 goes on\n"
	full := "@include common-auth\naccount required pam_unix.so\n"
	if got := earlyIn(t, map[string]string{"etc/pam.d/common-auth": "auth required pam_unix.so\n" + oursRequired, "etc/pam.d/sshd": full, "etc/pam.d/sudo": full}); got != everybody {
		t.Errorf("in common-auth: %swant %s", got, everybody)
	}
}

// Includes that double at each step end, and so does the walk.
func TestTheWalkEnds(t *testing.T) {
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "auth [success=%d default=ignore auth_err=reset user_unknown=bad] pam_env.so\n", i%7+1)
	}
	b.WriteString(oursRequired)
	if early := read(t, map[string]string{"etc/pam.d/sshd": b.String()}).Codes().Early; len(early) != 1 || !slices.Equal(early[0].Services, []string{"sshd"}) {
		t.Errorf("found %+v", early)
	}
}
