package booted

import (
	"bufio"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"spse-totp/daemon/internal/host"
	"spse-totp/pamclient/hosts/people"
)

func TestClockAsTimedatectlHasIt(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		clock, err := host.ReadClock()
		if err != nil {
			t.Fatal(err)
		}
		if said := o.run(t, "timedatectl", "show", "--property=NTPSynchronized", "--value"); (said == "yes") != clock.Synchronised {
			t.Errorf("%+v, and timedatectl says %s", clock, said)
		}
	})
}

// The login behind sudo is whose it was, over ssh, from where, and since when.
func TestTheLoginBehindSudo(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		before, err := host.Now()
		if err != nil {
			t.Fatal(err)
		}
		before.Up -= 10 * time.Millisecond
		client := o.connect(t, "admin")
		session, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := session.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := session.Start(`exec sudo sh -c 'echo $$; exec sleep 600'`); err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		line, err := bufio.NewReader(stdout).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		got, err := host.Users{}.Session(t.Context(), o.root(), pid)
		if err != nil {
			t.Fatal(err)
		}
		after, err := host.Now()
		if err != nil {
			t.Fatal(err)
		}
		if got.UID != firstUID || got.SSH == nil || got.SSH.User != "admin" || got.SSH.From != netip.MustParseAddrPort(client.LocalAddr().String()) {
			t.Fatalf("%+v, %+v, and came from %v", got, got.SSH, client.LocalAddr())
		}
		if boot := o.run(t, "cat", "/proc/sys/kernel/random/boot_id"); got.SSH.Began.Boot != boot || got.SSH.Began.Up <= before.Up || got.SSH.Began.Up >= after.Up {
			t.Errorf("began %+v, between %v and %v of %s", got.SSH.Began, before.Up, after.Up, boot)
		}
		pid, err = strconv.Atoi(o.run(t, "systemctl", "show", "--property=MainPID", "--value", "ssh.service"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := (host.Users{}).Session(t.Context(), o.root(), pid); err != nil || got != (host.Session{}) {
			t.Errorf("behind sshd itself: %+v, %v", got, err)
		}
	})
}

// What strangers and people of the machine have the logs say names nobody.
func TestWhoWasLetInByAKey(t *testing.T) {
	everywhere(t, func(t *testing.T, o *office) {
		o.does(t, "backup-spse", "true", false)
		o.does(t, "backup-spse", "true", false)
		o.does(t, "siti", "true", false)
		o.does(t, "siti", "tty", true)
		const hostile = "root from 6.6.6.6 port 5 ssh2"
		for _, name := range []string{hostile, "Accepted publickey for " + hostile} {
			if err := people.LogIn(o.Address+":22", name, ssh.PublicKeys(o.key)); err == nil {
				t.Fatalf("%q is let in", name)
			}
		}
		o.does(t, "budi", fmt.Sprintf("logger -p auth.info -t sshd -- 'Accepted publickey for %s'", hostile), false)
		o.run(t, "journalctl", "--sync")
		got, err := host.ReadKeyLogins(t.Context(), o.root(), o.exec, time.Now().AddDate(0, 0, -30), time.Now(), nil)
		if err != nil {
			t.Fatal(err)
		}
		found := make(map[string]host.KeyLogin)
		for _, a := range got.Accounts {
			found[a.Account] = a
			if len(a.From) != 1 || !strings.HasSuffix(a.From[0].String(), ".1") || time.Since(a.Last) > 10*time.Minute {
				t.Errorf("%+v", a)
			}
		}
		if a := found["backup-spse"]; a.Count != 2 || a.Terminal != host.TerminalNotSeen {
			t.Errorf("the backup: %+v", a)
		}
		if a := found["siti"]; a.Count != 2 || a.Terminal != host.TerminalSeen {
			t.Errorf("somebody at a terminal: %+v", a)
		}
		if a := found["budi"]; a.Count != 1 || a.Terminal != host.TerminalNotSeen {
			t.Errorf("somebody at none: %+v", a)
		}
		if a, is := found["root"]; is {
			t.Errorf("root, who never came: %+v", a)
		}
		if !got.Whole || time.Since(got.Since) > time.Hour {
			t.Errorf("whole: %v, since %v, and this journal is new", got.Whole, got.Since)
		}
	})
}
