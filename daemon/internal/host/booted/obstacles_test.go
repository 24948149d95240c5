package booted

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"spse-totp/daemon/internal/host"
	"spse-totp/pamclient/hosts/people"

	"golang.org/x/crypto/ssh"
)

func TestNothingIsInTheWayOnDebian(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		for _, obstacle := range host.Obstacles(t.Context(), o.root(), o.exec) {
			t.Errorf("%+v", obstacle)
		}
	})
}

const (
	mainConfig = "/etc/ssh/sshd_config"
	dropIn     = "/" + host.SSHDropIn
	include    = "Include /etc/ssh/sshd_config.d/*.conf\n"
)

// The drop-in says yes. What the reader finds in its way, and what not, is what
// sshd itself then goes by.
func TestWhatOverridesTheDropInAsSSHDHasIt(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		o.write(t, dropIn, "KbdInteractiveAuthentication yes\n")
		o.write(t, "/etc/ssh/sshd_config.d/survey.conf", "")
		for what, c := range map[string]struct{ config, other string }{
			"Debian's":              {include + "KbdInteractiveAuthentication no\nUsePAM yes\n", ""},
			"before it":             {"KbdInteractiveAuthentication no\n" + include, ""},
			"by the old name":       {"ChallengeResponseAuthentication=no\n" + include, ""},
			"yes before it":         {"kbdinteractiveauthentication Yes\n" + include + "KbdInteractiveAuthentication no\n", ""},
			"no Include":            {"KbdInteractiveAuthentication no\nUsePAM yes\n", ""},
			"Include in a block":    {"KbdInteractiveAuthentication no\nMatch User siti\n" + include, ""},
			"a relative Include":    {"Include sshd_config.d/*.conf\nKbdInteractiveAuthentication no\n", ""},
			"a file behind it":      {include, "KbdInteractiveAuthentication no\n"},
			"a block for budi":      {include + "Match User budi\nKbdInteractiveAuthentication no\n", ""},
			"a block for his group": {include, "Match Group budi\n  KbdInteractiveAuthentication no\n"},
			"a block for all":       {include + "Match all\nKbdInteractiveAuthentication no\n", ""},
			"a block of another":    {include + "Match User siti\nKbdInteractiveAuthentication no\n", ""},
			"all, behind a block":   {include + "Match User siti\nX11Forwarding no\nMatch all\nKbdInteractiveAuthentication no\n", ""},
		} {
			t.Run(what, func(t *testing.T) {
				o.write(t, mainConfig, c.config)
				o.write(t, "/etc/ssh/sshd_config.d/50-office.conf", c.other)
				config, err := host.ReadSSHD(o.root())
				if err != nil {
					t.Fatal(err)
				}
				says := o.effective(t, "budi")
				overridden := slices.ContainsFunc(config.Overrides("kbdinteractiveauthentication"), func(h host.Override) bool {
					return strings.EqualFold(h.Values[0], "no")
				})
				forOthers := what == "a block of another"
				if works := says["kbdinteractiveauthentication"] == "yes"; works == (overridden && !forOthers) {
					t.Errorf("sshd says %s, and found to override: %v", says["kbdinteractiveauthentication"], config.Overrides("kbdinteractiveauthentication"))
				}
				if uses := says["usepam"] == "yes"; uses != config.UsesPAM() {
					t.Errorf("sshd says UsePAM %s", says["usepam"])
				}
			})
		}
	})
}

// effective is what sshd says is in force for somebody.
func (o *office) effective(t *testing.T, who string) map[string]string {
	t.Helper()
	says := make(map[string]string)
	for line := range strings.Lines(o.run(t, "sshd", "-T", "-C", "user="+who+",host=h,addr=10.0.0.1")) {
		keyword, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		says[keyword] = value
	}
	return says
}

// A changed configuration is in force once systemd was asked to Apply it, and a
// login that was open stays; also where ssh.socket starts sshd.
func TestAChangeOfSSHDIsAppliedHoweverItRuns(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		for _, onDemand := range []bool{false, true} {
			t.Run(fmt.Sprint("on demand ", onDemand), func(t *testing.T) {
				if onDemand {
					o.run(t, "sh", "-c", "systemctl stop ssh.service && systemctl start ssh.socket")
					t.Cleanup(func() {
						o.run(t, "systemctl", "stop", "ssh.socket", "ssh.service")
						o.restartSSH(t)
					})
				}
				before := o.connect(t, "budi")
				service, err := host.ReadSSHService(t.Context(), o.root(), o.exec)
				if err != nil || !service.Active || service.OnDemand != onDemand || service.PID == 0 || !slices.Equal(service.Options, []string{"-D"}) {
					t.Fatalf("%+v, %v", service, err)
				}
				o.write(t, dropIn, "DenyUsers siti\n")
				o.run(t, append([]string{"systemctl"}, service.Apply()...)...)
				o.until(t, "siti is refused", func() bool {
					return people.LogIn(o.Address+":22", "siti", ssh.PublicKeys(o.key)) != nil && people.LogIn(o.Address+":22", "admin", ssh.PublicKeys(o.key)) == nil
				})
				session, err := before.NewSession()
				if err != nil {
					t.Fatal(err)
				}
				if said, err := session.CombinedOutput("echo still here"); err != nil || string(said) != "still here\n" {
					t.Errorf("the open login: %q, %v", said, err)
				}
				if failed := o.run(t, "systemctl", "show", "--property=ActiveState", "--value", "ssh.service"); failed != "active" {
					t.Errorf("ssh.service is %s", failed)
				}
			})
		}
		o.run(t, "systemctl", "reload", "ssh.service")
	})
}

// What keeps an sshd that runs from taking a change over is found.
func TestAnSSHDThatAChangeDoesNotReach(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		o.write(t, "/etc/default/ssh", "SSHD_OPTS=-oKbdInteractiveAuthentication=no\n")
		o.restartSSH(t)
		mustFind(t, o, "sshd is told on its command line")
		o.write(t, "/etc/default/ssh", "SSHD_OPTS=\n")
		o.run(t, "systemctl", "stop", "ssh.service")
		mustFind(t, o, "ssh.service does not run")
		o.restartSSH(t)
		if found := host.Obstacles(t.Context(), o.root(), o.exec); len(found) > 0 {
			t.Errorf("all is as it was, and in the way is: %+v", found)
		}
	})
}

// restartSSH starts sshd anew, however often it was started before.
func (o *office) restartSSH(t *testing.T) {
	t.Helper()
	_, _ = o.Run("systemctl", "reset-failed", "ssh.service") // fails where it is stopped
	o.run(t, "systemctl", "restart", "ssh.service")
}

func mustFind(t *testing.T, o *office, beginning string) {
	t.Helper()
	found := host.Obstacles(t.Context(), o.root(), o.exec)
	if len(found) != 1 || !strings.HasPrefix(found[0].Error, beginning) {
		t.Errorf("found %+v, want %s", found, beginning)
	}
}
