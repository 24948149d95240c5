package host

import (
	"strings"
	"testing"
	"time"
)

// sshdWith is the configuration of a machine with that sshd_config, which may
// include a.conf and b.conf of sshd_config.d.
func sshdWith(t *testing.T, config, a, b string) SSHD {
	t.Helper()
	sshd, err := ReadSSHD(machine(map[string]string{"etc/ssh/sshd_config": config, "etc/ssh/sshd_config.d/a.conf": a, "etc/ssh/sshd_config.d/b.conf": b}))
	if err != nil {
		t.Fatal(err)
	}
	return sshd
}

func TestWhereAKeyComesBeforePAM(t *testing.T) {
	const include = "Include /etc/ssh/sshd_config.d/*.conf\n"
	for what, c := range map[string]struct {
		config, a, b string
		want         bool
	}{
		"nothing":                    {"", "", "", false},
		"key and code":               {"AuthenticationMethods publickey,keyboard-interactive\n", "", "", true},
		"written otherwise":          {"authenticationmethods = \"publickey,keyboard-interactive:pam\" # x\n", "", "", true},
		"a comment":                  {"#AuthenticationMethods publickey,keyboard-interactive\n", "", "", false},
		"two lists":                  {"AuthenticationMethods publickey,password publickey,keyboard-interactive\n", "", "", true},
		"one of two lists":           {"AuthenticationMethods publickey,keyboard-interactive keyboard-interactive\n", "", "", false},
		"the other way round":        {"AuthenticationMethods keyboard-interactive,publickey\n", "", "", false},
		"any":                        {"AuthenticationMethods any\n", "", "", false},
		"the first counts":           {"AuthenticationMethods any\nAuthenticationMethods publickey,keyboard-interactive\n", "", "", false},
		"in a file of the folder":    {include, "", "AuthenticationMethods publickey,keyboard-interactive\n", true},
		"the first file counts":      {include, "AuthenticationMethods any", "AuthenticationMethods publickey,keyboard-interactive\n", false},
		"a file by its name":         {"Include sshd_config.d/b.conf\n", "AuthenticationMethods any", "AuthenticationMethods publickey,keyboard-interactive\n", true},
		"for some alone":             {"Match User budi\n  AuthenticationMethods publickey,keyboard-interactive\n", "", "", false},
		"not for some":               {"AuthenticationMethods publickey,keyboard-interactive\nMatch User budi\n  AuthenticationMethods any\n", "", "", false},
		"for all":                    {"Match User budi\nMatch all\nAuthenticationMethods publickey,keyboard-interactive\n", "", "", true},
		"for all, before the rest":   {"AuthenticationMethods publickey,keyboard-interactive\nMatch all\nAuthenticationMethods any\nMatch all\nAuthenticationMethods publickey,keyboard-interactive\n", "", "", false},
		"the rest does not count":    {"AuthenticationMethods any\nMatch all\nAuthenticationMethods publickey,keyboard-interactive\n", "", "", true},
		"a block ends with its file": {include + "AuthenticationMethods publickey,keyboard-interactive\n", "Match User budi\n", "", true},
		"a file of a block":          {"Match User budi\n" + include, "AuthenticationMethods publickey,keyboard-interactive\n", "Match all\nAuthenticationMethods publickey,keyboard-interactive\n", false},
	} {
		if got := sshdWith(t, c.config, c.a, c.b).ProvesFirst(); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}

func TestGraceTime(t *testing.T) {
	for config, want := range map[string]time.Duration{
		"": 2 * time.Minute, "LoginGraceTime 60\n": time.Minute, "logingracetime=1m\nLoginGraceTime 3m\n": time.Minute,
		"LoginGraceTime 1h30m\n": 90 * time.Minute, "LoginGraceTime 0\n": 0, "LoginGraceTime none\n": 0, "LoginGraceTime x\n": 2 * time.Minute, "LoginGraceTime 1y\n": 2 * time.Minute, "LoginGraceTime\n": 2 * time.Minute,
	} {
		if got := sshdWith(t, config, "", "").GraceTime(); got != want {
			t.Errorf("%q: %v, want %v", config, got, want)
		}
	}
}

func TestSSHDsFilesThatCannotBeRead(t *testing.T) {
	if _, err := ReadSSHD(machine(map[string]string{"etc/ssh/sshd_config": "Include sshd_config\n"})); err == nil || !strings.Contains(err.Error(), "/etc/ssh/sshd_config: too many files") {
		t.Errorf("a file that includes itself: %v", err)
	}
	if sshd, err := ReadSSHD(machine(nil)); err != nil || sshd.ProvesFirst() || sshd.GraceTime() != DefaultGraceTime {
		t.Errorf("no sshd: %+v, %v", sshd, err)
	}
}

func TestLoginTimeout(t *testing.T) {
	for content, want := range map[string]time.Duration{
		"": time.Minute, "LOGIN_TIMEOUT\t\t120\n": 2 * time.Minute, "#LOGIN_TIMEOUT 120\nLOGIN_TIMEOUT 30\nLOGIN_TIMEOUT 90": 90 * time.Second, "LOGIN_TIMEOUT 0\n": 0, "LOGIN_TIMEOUT x\n": time.Minute,
	} {
		if got, err := LoginTimeout(machine(map[string]string{"etc/login.defs": content})); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", content, got, err, want)
		}
	}
	if got, err := LoginTimeout(machine(nil)); err != nil || got != DefaultLoginTimeout {
		t.Errorf("no file: %v, %v", got, err)
	}
}
