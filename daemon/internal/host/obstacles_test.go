package host

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// debians are the files of a machine as Debian installs it, 12 and 13 alike.
func debians() map[string]string {
	return map[string]string{
		"run/systemd/system/x":                "",
		"etc/ssh/sshd_config":                 "# x\nInclude /etc/ssh/sshd_config.d/*.conf\nKbdInteractiveAuthentication no\nUsePAM yes\nX11Forwarding yes\nSubsystem\tsftp\t/usr/lib/openssh/sftp-server\n",
		"etc/pam.d/sshd":                      "@include common-auth\naccount required pam_nologin.so\n@include common-account\n",
		"etc/pam.d/common-auth":               "auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\nauth required pam_permit.so\n",
		"etc/pam.d/common-account":            "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\naccount requisite pam_deny.so\naccount required pam_permit.so\n",
		"proc/39/cmdline":                     "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups\x00",
		"etc/ssh/sshd_config.d/50-cloud.conf": "PasswordAuthentication no\n",
	}
}

const (
	sshRuns = "MainPID=39\nId=ssh.service\nActiveState=active\n\nId=ssh.socket\nActiveState=inactive\n"
	sshIdle = "MainPID=0\nId=ssh.service\nActiveState=inactive\n\nId=ssh.socket\nActiveState=active\n"
	sshDead = "MainPID=0\nId=ssh.service\nActiveState=inactive\n\nId=ssh.socket\nActiveState=inactive\n"
)

func TestObstacles(t *testing.T) {
	const (
		config  = "etc/ssh/sshd_config"
		include = "Include /etc/ssh/sshd_config.d/*.conf\n"
		plain   = include + "UsePAM yes\n"
		command = "proc/39/cmdline"
	)
	for what, c := range map[string]struct {
		files map[string]string // in place of Debian's; empty for none
		said  string            // of systemctl, where ssh.service does not run as usual
		want  []string          // the beginnings of what is in the way; a ~ before those of some alone
	}{
		"Debian's":                   {},
		"nobody came yet":            {said: sshIdle},
		"our file is there":          {files: map[string]string{SSHDropIn: "KbdInteractiveAuthentication yes\nMatch User backup\nAuthenticationMethods publickey\n"}},
		"no systemd":                 {files: map[string]string{"run/systemd/system/x": ""}, want: []string{"systemd does not run"}},
		"sshd runs otherwise":        {said: sshDead, want: []string{"ssh.service does not run"}},
		"systemd does not answer":    {said: "\n", want: []string{"asking systemd"}},
		"told UsePAM=no":             {files: map[string]string{command: "sshd: /usr/sbin/sshd -D -oUsePAM=no [listener] 0 of\x00"}, want: []string{"sshd is told on its command line what counts before its files: -D -oUsePAM=no"}},
		"told of another file":       {files: map[string]string{command: "sshd: /usr/sbin/sshd -f /etc/x [listener] 0 of\x00"}, want: []string{"sshd is told"}},
		"told of the file":           {files: map[string]string{command: "sshd: /usr/sbin/sshd -D -4 -p 22 -f /etc/ssh/sshd_config [listener] 0 of\x00"}},
		"UsePAM no":                  {files: map[string]string{config: include + "UsePAM no\n"}, want: []string{"sshd asks PAM nothing"}},
		"no word of PAM":             {files: map[string]string{config: include}, want: []string{"sshd asks PAM nothing"}},
		"UsePAM no in the folder":    {files: map[string]string{config: plain, "etc/ssh/sshd_config.d/x.conf": "usepam no"}, want: []string{"sshd asks PAM nothing"}},
		"no Include":                 {files: map[string]string{config: "UsePAM yes\n"}, want: []string{"/etc/ssh/sshd_config does not include"}},
		"an Include of others":       {files: map[string]string{config: "Include /etc/ssh/sshd_config.d/5*.conf\nUsePAM yes\n"}, want: []string{"/etc/ssh/sshd_config does not include"}},
		"an Include for some":        {files: map[string]string{config: "UsePAM yes\nMatch User budi\n" + include}, want: []string{"/etc/ssh/sshd_config does not include"}},
		"an Include, relative":       {files: map[string]string{config: "Include sshd_config.d/*.conf\nUsePAM yes\n"}},
		"before the Include":         {files: map[string]string{config: "KbdInteractiveAuthentication no\nUsePAM yes\n" + include}, want: []string{"/etc/ssh/sshd_config:1: kbdinteractiveauthentication no: this leaves no way"}},
		"by its old name":            {files: map[string]string{config: "ChallengeResponseAuthentication no\nUsePAM yes\n" + include}, want: []string{"/etc/ssh/sshd_config:1: kbdinteractiveauthentication no"}},
		"yes before the Include":     {files: map[string]string{config: "KbdInteractiveAuthentication Yes\nUsePAM yes\n" + include}},
		"a file that sorts before":   {files: map[string]string{"etc/ssh/sshd_config.d/00-a.conf": "# x\nKbdInteractiveAuthentication no\n"}, want: []string{"/etc/ssh/sshd_config.d/00-a.conf:2: kbdinteractiveauthentication no"}},
		"a file that sorts behind":   {files: map[string]string{"etc/ssh/sshd_config.d/00-sx.conf": "KbdInteractiveAuthentication no\nAuthenticationMethods publickey\n"}},
		"a Match block":              {files: map[string]string{config: plain + "Match Address 10.0.0.0/8\nKbdInteractiveAuthentication no\nAuthenticationMethods password publickey,password\n"}, want: []string{"~/etc/ssh/sshd_config:4: kbdinteractiveauthentication no", "~/etc/ssh/sshd_config:5: authenticationmethods password publickey,password"}},
		"Match all":                  {files: map[string]string{config: plain + "Match all\nKbdInteractiveAuthentication no\n"}, want: []string{"/etc/ssh/sshd_config:4: kbdinteractiveauthentication no"}},
		"methods before the Include": {files: map[string]string{config: "AuthenticationMethods publickey\n" + plain}, want: []string{"/etc/ssh/sshd_config:1: authenticationmethods publickey: this leaves no way to ask"}},
		"good ones before it":        {files: map[string]string{config: "AuthenticationMethods publickey publickey,keyboard-interactive:pam\n" + plain}},
		"any before it":              {files: map[string]string{config: "AuthenticationMethods any\n" + plain}},
		"another service":            {files: map[string]string{config: plain + "PAMServiceName office\nPAMServiceName sshd\nMatch User budi\nPAMServiceName other\n"}, want: []string{"/etc/ssh/sshd_config:3: pamservicename office: this asks PAM", "~/etc/ssh/sshd_config:6: pamservicename other"}},
		"its own service":            {files: map[string]string{config: plain + "PAMServiceName sshd\n"}},
		"a loop":                     {files: map[string]string{config: "Include sshd_config\n"}, want: []string{"/etc/ssh/sshd_config: too many files"}},
		"no common-auth":             {files: map[string]string{"etc/pam.d/sshd": "auth required pam_unix.so\n@include common-account\n"}, want: []string{"sshd's logins do not come to /etc/pam.d/common-auth"}},
		"included by one more":       {files: map[string]string{"etc/pam.d/sshd": "auth substack office\n@include common-account\n", "etc/pam.d/office": "@include common-auth\n"}},
		"neither":                    {files: map[string]string{"etc/pam.d/sshd": "auth required pam_unix.so\naccount required pam_unix.so\n"}, want: []string{"sshd's logins do not come to /etc/pam.d/common-auth", "sshd's logins do not come to /etc/pam.d/common-account"}},
		"its lines are of other's":   {files: map[string]string{"etc/pam.d/sshd": "", "etc/pam.d/other": "@include common-auth\n@include common-account\n"}},
	} {
		files := debians()
		maps.Copy(files, c.files)
		if what == "no systemd" {
			delete(files, "run/systemd/system/x")
		}
		said := c.said
		if said == "" {
			said = sshRuns
		}
		var got []string
		for _, o := range Obstacles(t.Context(), machine(files), says(0, said, "", nil)) {
			if o.Hint == "" {
				t.Errorf("%s: no hint for %q", what, o.Error)
			}
			if o.Some {
				o.Error = "~" + o.Error
			}
			got = append(got, o.Error)
		}
		if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
			t.Errorf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

func TestObstaclesThatCannotBeLookedFor(t *testing.T) {
	root := machine(debians()).(fstest.MapFS)
	for name := range root {
		if strings.HasPrefix(name, "etc/pam.d") {
			delete(root, name)
		}
	}
	got := Obstacles(t.Context(), root, says(0, sshRuns, "", nil))
	if len(got) != 1 || !strings.Contains(got[0].Error, "there is no /etc/pam.d") {
		t.Errorf("%+v", got)
	}
}
