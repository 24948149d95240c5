package boot

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"spse-totp/packaging/boot/machine"
	"spse-totp/pamclient/hosts/stage"
)

// Everybody's password, and its hash.
const (
	password = "sandi-kudus-1122"
	hash     = "$6$boot$0P.Gd6Ld8HvVYNAROKnwIYtEhI7/p/pDbMCk5Gg4zMG4/UMo6byzql5zYgIq6JcztyqWATlQS5PK3Tu6xA7Bs/"
)

const (
	accounts     = 400 // a code works once: so many that there is always one left
	notActivated = "siti"
	clerk        = "juru" // of the helpdesk
	firstUID     = 30000
	daemonUID    = 900
)

func names() []string {
	var all []string
	for i := range accounts {
		all = append(all, fmt.Sprintf("budi%03d", i))
	}
	return all
}

// newcomers never were active, but for the test that takes them.
func newcomers() []string {
	var all []string
	for i := range 40 {
		all = append(all, fmt.Sprintf("siti%02d", i))
	}
	return all
}

// makeKeyset makes a keyset and returns it in the clear.
func makeKeyset(name string) (string, error) {
	config, err := stage.Config()
	if err != nil {
		return "", err
	}
	path := filepath.Join(stage.Dir, name+".keyset")
	said, err := exec.Command("../../build/spse-totp", "key", "init", "--config", config, "--keyset", path).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s (make build)", err, said)
	}
	keyset, err := os.ReadFile(path)
	return string(keyset), err
}

// furnish puts what the package brings, and people, into the tree of a machine
// that has not been booted yet.
func furnish(root string) error {
	security, err := filepath.Glob(filepath.Join(root, "usr/lib/*/security/pam_unix.so"))
	if err != nil || len(security) != 1 {
		return fmt.Errorf("where are PAM modules? %v %v", security, err)
	}
	module := filepath.Join(filepath.Dir(strings.TrimPrefix(security[0], root)), "pam_spse_totp.so")
	copies := map[string]string{
		"/usr/sbin/spse-totpd": "../../build/spse-totpd",
		"/usr/bin/spse-totp":   "../../build/spse-totp",
		module:                 "../../build/pam_spse_totp.so",
	}
	units := []string{unit, unitPAM, unitCtrl}
	for _, name := range units {
		copies["/usr/lib/systemd/system/"+name] = "../../systemd/" + name
	}
	for to, from := range copies {
		if err := copyFile(from, filepath.Join(root, to)); err != nil {
			return fmt.Errorf("%w (make build)", err)
		}
	}
	if err := addUsers(root); err != nil {
		return err
	}
	files := map[string]string{
		config:                             "contact = \"0291-0000\"\n",
		"/etc/ssh/sshd_config.d/boot.conf": sshdConfig(root),
		"/etc/hosts":                       "127.0.0.1 localhost " + strings.Join(machine.ShortOrLong(), " ") + "\n",
		"/etc/sudoers.d/boot":              "%lpse ALL=(ALL) ALL\n",
	}
	for _, service := range []string{"sshd", "sudo", "su"} {
		files["/etc/pam.d/"+service] = stack()
	}
	for path, content := range files {
		if err := writeFile(filepath.Join(root, path), content); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(root, filepath.Dir(credential)), 0o700); err != nil { // bookworm has none
		return err
	}
	said, err := exec.Command("systemctl", "--root="+root, "enable", unitPAM, unitCtrl).CombinedOutput()
	if err != nil {
		return fmt.Errorf("enabling the sockets: %w: %s", err, said)
	}
	return nil
}

// stack is Debian's common-auth with our line as an additional one.
func stack() string {
	const ours = "pam_spse_totp.so services=sshd,sudo,su account=sshd"
	return fmt.Sprintf(`auth	[success=1 default=ignore]	pam_unix.so nodelay
auth	requisite	pam_deny.so
auth	required	pam_permit.so
auth	required	%[1]s
account	required	pam_unix.so
account	required	%[1]s
session	required	pam_permit.so
`, ours)
}

func sshdConfig(root string) string {
	lines := "KbdInteractiveAuthentication yes\nMaxStartups 200:30:400\nUseDNS no\nLogLevel VERBOSE\n"
	if program, err := os.ReadFile(filepath.Join(root, "usr/sbin/sshd")); err == nil && strings.Contains(string(program), "persourcepenalties") {
		lines += "PerSourcePenalties no\n" // of OpenSSH 9.8 on: all come from one address here
	}
	return lines
}

// addUsers adds the daemon's user, and people.
func addUsers(root string) error {
	passwd := fmt.Sprintf("spse-totp:x:%d:%[1]d::%s:/usr/sbin/nologin\n", daemonUID, state)
	shadow := "spse-totp:!:19000::::::\n"
	for i, name := range slices.Concat([]string{notActivated}, names(), newcomers(), []string{clerk}) {
		passwd += fmt.Sprintf("%s:x:%d:%d::/:/bin/sh\n", name, firstUID+i, firstUID)
		shadow += fmt.Sprintf("%s:%s:19000:0:99999:7:::\n", name, hash)
	}
	for path, more := range map[string]string{
		"/etc/passwd": passwd,
		"/etc/shadow": shadow,
		"/etc/group":  fmt.Sprintf("spse-totp:x:%d:\nlpse:x:%d:\nhelpdesk:x:%d:%s\n", daemonUID, firstUID, firstUID-1, clerk),
	} {
		file, err := os.OpenFile(filepath.Join(root, path), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer file.Close()
		if _, err := file.WriteString(more); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if strings.Contains(to, "bin/") {
		mode = 0o755
	}
	return os.WriteFile(to, content, mode)
}

func writeFile(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o644)
}
