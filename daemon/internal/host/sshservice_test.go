package host

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// says is a program that says this, whatever it is asked.
func says(exit int, stdout, stderr string, err error) Runner {
	return func(_ context.Context, w io.Writer, _ string, _ ...string) (int, string, error) {
		if _, err := io.WriteString(w, stdout); err != nil {
			return 0, "", err
		}
		return exit, stderr, err
	}
}

func TestHowSystemdRunsSSHD(t *testing.T) {
	root := running(map[int]process{
		39: {title: "sshd: /usr/sbin/sshd -D -o UsePAM=no -p 2222 [listener] 0 of 10-100 startups\x00\x00"},
		40: {title: "/usr/sbin/sshd\x00-D\x00"},
	}, "", "")
	for what, c := range map[string]struct {
		said, apply string
		want        SSHService
	}{
		"it runs":             {"MainPID=39\nId=ssh.service\nActiveState=active\n\nId=ssh.socket\nActiveState=inactive\n", "reload ssh.service", SSHService{true, false, 39, []string{"-D", "-o", "UsePAM=no", "-p", "2222"}}},
		"it has just started": {"MainPID=40\nId=ssh.service\nActiveState=reloading\n\nId=ssh.socket\nActiveState=inactive\n", "reload ssh.service", SSHService{true, false, 40, nil}},
		"started on demand":   {"Id=ssh.socket\nActiveState=active\n\nMainPID=39\nId=ssh.service\nActiveState=active\n", "try-restart ssh.service", SSHService{true, true, 39, []string{"-D", "-o", "UsePAM=no", "-p", "2222"}}},
		"nobody came yet":     {"MainPID=0\nId=ssh.service\nActiveState=inactive\n\nId=ssh.socket\nActiveState=active\n", "try-restart ssh.service", SSHService{false, true, 0, nil}},
		"it does not run":     {"MainPID=0\nId=ssh.service\nActiveState=failed\n\nId=ssh.socket\nActiveState=inactive\n", "reload ssh.service", SSHService{}},
	} {
		got, err := ReadSSHService(t.Context(), root, says(0, c.said, "", nil))
		if err != nil || got.Active != c.want.Active || got.OnDemand != c.want.OnDemand || got.PID != c.want.PID || !slices.Equal(got.Options, c.want.Options) || strings.Join(got.Apply(), " ") != c.apply {
			t.Errorf("%s: %+v, %q, %v, want %+v", what, got, got.Apply(), err, c.want)
		}
	}
	for what, run := range map[string]Runner{
		"no systemd": says(1, "", "System has not been booted with systemd", nil), "no program": says(0, "", "", errors.New("x")), "no answer": says(0, "\n", "", nil),
		"a process that is gone": says(0, "MainPID=41\nId=ssh.service\nActiveState=active\n", "", nil),
	} {
		if got, err := ReadSSHService(t.Context(), root, run); err == nil {
			t.Errorf("%s: %+v", what, got)
		}
	}
}
