package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Obstacle is why setup could not do its work on this machine, and what to do
// about it.
type Obstacle struct {
	Error, Hint string

	// Some says that it is about some logins alone, which may be those of the
	// exempt: it is to be told, and to be asked about.
	Some bool
}

const (
	sshdService = "sshd"

	// booted is there where systemd is the machine's PID 1 (sd_booted(3)).
	booted = "run/systemd/system"
)

// Obstacles looks for what keeps a machine as it is now from asking for Security
// Codes at its logins over ssh. It changes nothing. What cannot be looked at is an
// obstacle too.
func Obstacles(ctx context.Context, root fs.FS, run Runner) []Obstacle {
	if _, err := fs.Stat(root, booted); err != nil {
		return []Obstacle{inTheWay("systemd does not run this machine", "the way back needs its timers; in a container, boot it with systemd")}
	}
	obstacles := serviceObstacles(ctx, root, run)
	config, err := ReadSSHD(root)
	if err != nil {
		obstacles = append(obstacles, unread(err))
	} else {
		obstacles = append(obstacles, config.obstacles()...)
	}
	stacks, err := ReadPAM(root)
	if err != nil {
		return append(obstacles, unread(err))
	}
	return append(obstacles, stacks.obstacles()...)
}

func inTheWay(text, hint string) Obstacle { return Obstacle{Error: text, Hint: hint} }

func unread(err error) Obstacle {
	if errors.Is(err, fs.ErrPermission) {
		return inTheWay(err.Error(), "as root: sudo spse-totp setup")
	}
	return inTheWay(err.Error(), "correct that first")
}

// serviceObstacles are about an sshd that a change of its files would not reach.
func serviceObstacles(ctx context.Context, root fs.FS, run Runner) []Obstacle {
	service, err := ReadSSHService(ctx, root, run)
	switch {
	case err != nil:
		return []Obstacle{inTheWay(err.Error(), "does it answer? systemctl status ssh")}
	case !service.Active && !service.OnDemand:
		return []Obstacle{inTheWay("ssh.service does not run: what else may run sshd would not take a change over",
			"have systemd run it: systemctl enable --now ssh")}
	case service.overridesFiles():
		return []Obstacle{inTheWay("sshd is told on its command line what counts before its files: "+strings.Join(service.Options, " "),
			"move that from SSHD_OPTS= in /etc/default/ssh to /etc/ssh/sshd_config, then: systemctl restart ssh")}
	}
	return nil
}

// overridesFiles says whether the options set what files may (-o), or name another
// file (-f).
func (s SSHService) overridesFiles() bool {
	for i, option := range s.Options {
		isDefault := option == "-f" && i+1 < len(s.Options) && s.Options[i+1] == "/"+sshdConfig
		if strings.HasPrefix(option, "-o") || strings.HasPrefix(option, "-f") && !isDefault {
			return true
		}
	}
	return false
}

// obstacles are what would keep PAM, or us, from being asked.
func (s SSHD) obstacles() []Obstacle {
	var all []Obstacle
	if !s.UsesPAM() {
		all = append(all, inTheWay("sshd asks PAM nothing (UsePAM no), and so nobody for a Security Code",
			"write in /etc/ssh/sshd_config: UsePAM yes"))
	}
	if !s.ReadsDropIn() {
		all = append(all, inTheWay("/etc/ssh/sshd_config does not include the files of /etc/ssh/sshd_config.d, or for some logins only",
			"make its first line: Include /etc/ssh/sshd_config.d/*.conf"))
	}
	for _, o := range slices.Concat(s.PAMServices(), s.Overrides("kbdinteractiveauthentication"), s.Overrides("authenticationmethods")) {
		if why := o.why(); why != "" {
			all = append(all, o.obstacle(why))
		}
	}
	return all
}

// why says what the line does to us; nothing where it is in no way.
func (o Override) why() string {
	switch {
	case o.Keyword == pamServiceName:
		return "asks PAM by a name for which the profile does not act"
	case o.Keyword == "authenticationmethods" && asksNobody(o.Values):
		return "leaves no way to ask for a Security Code, which takes keyboard-interactive"
	case o.Keyword == "kbdinteractiveauthentication" && !strings.EqualFold(strings.Join(o.Values, " "), "yes"):
		return "leaves no way to ask for a Security Code"
	default:
		return ""
	}
}

func (o Override) obstacle(why string) Obstacle {
	text := fmt.Sprintf("%v: %v: this %s", o.Place, o, why)
	if o.Some {
		return Obstacle{text + ", whom its Match block fits", "exempt them, or take the line out of the block", true}
	}
	return inTheWay(text, "take that line out, or put it below the Include of /etc/ssh/sshd_config.d, and in no Match block")
}

// commonFiles are where pam-auth-update(8) puts what profiles bring, by kind.
var commonFiles = map[Kind]string{Auth: "/etc/pam.d/common-auth", Account: "/etc/pam.d/common-account"}

// obstacles are what keeps a line of pam-auth-update's from sshd's logins. Whether
// it would put one there, only pam-auth-update can say.
func (p PAM) obstacles() []Obstacle {
	var all []Obstacle
	for _, kind := range []Kind{Auth, Account} {
		common := commonFiles[kind]
		if slices.ContainsFunc(p.stack(sshdService, kind), func(l Line) bool { return l.Path == common }) {
			continue
		}
		all = append(all, inTheWay(fmt.Sprintf("sshd's logins do not come to %s, where the PAM profile puts its line", common),
			fmt.Sprintf("write in /etc/pam.d/%s, below the other lines of its kind: @include common-%s", sshdService, kind)))
	}
	return all
}
