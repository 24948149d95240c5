package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"spse-totp/daemon/internal/config"
	"spse-totp/daemon/internal/host"
)

func (a *app) configCheckCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "check",
		Short: "Read the configuration and show what it says, without the daemon",
		Long: `Read the configuration as the daemon would at a reload, and show all keys with what
is in force, the defaults among them; or the line that is wrong. The daemon takes over
a changed file at: systemctl reload spse-totpd
A file that others may write is wrong as a whole, an exemption whose last day has
passed in its line.

Behind # it says which rules there are on who must give a Security Code (of a login
the first that fits decides), which lines of this host's PAM stacks ask for codes, and
which services they leave out by services=. What may leave a door open is told on
stderr, as "warning:" and "hint:": a name in services= that is no service, a rule that
could exempt everyone or never decides, a user in a rule whom the host does not know,
a line of the module that a wrong password comes to, for there a stranger could
activate with a phone of his own, or that a right one goes past; and a login that ends
before an activation does. A line that the module would refuse, and with it every
login, is an error.`,
		Example: `  spse-totp config check
  spse-totp config check --config ./spse-totp.toml --json`,
		Args: wanted(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.configCheck(c.Context(), os.DirFS("/"), host.Users{})
		},
	}
	a.configFlag(c)
	a.jsonFlag(c)
	return c
}

// configCheck checks the configuration, and what the host below the root makes
// of it.
func (a *app) configCheck(ctx context.Context, root fs.FS, users users) error {
	c, err := loadConfigAt(a.configPath, time.Now())
	if err != nil {
		return err
	}
	m, err := readMachine(root)
	if err != nil {
		return err
	}
	pam, err := checkPAM(m)
	if err != nil {
		return err
	}
	rules := a.checkRules(ctx, c.Policy, m, users, time.Now())
	for _, r := range c.Policy.Rules {
		rules.Warnings = append(rules.Warnings, a.groupsUnknown(ctx, r, users)...)
	}
	a.warn(rules.Warnings)
	a.warn(pam.Warnings)
	if a.json {
		values := map[string]any{"rules": rules, "pam": pam}
		for _, s := range settings(c) {
			values[s.key] = s.value
		}
		return a.printJSON(values)
	}
	for _, s := range settings(c) {
		if _, err := fmt.Fprintf(a.stdout, "%s = %s\n", s.key, s.toml()); err != nil {
			return err
		}
	}
	if err := a.printRules(rules); err != nil {
		return err
	}
	return a.printPAM(pam)
}

// machine is what `config check` reads of the host.
type machine struct {
	pam          host.PAM
	sshd         host.SSHD
	loginTimeout time.Duration
	people       []host.Person
}

// readMachine reads the files below the root.
func readMachine(root fs.FS) (machine, error) {
	var m machine
	for _, read := range []func() error{
		func() (err error) { m.pam, err = host.ReadPAM(root); return },
		func() (err error) { m.sshd, err = host.ReadSSHD(root); return },
		func() (err error) { m.loginTimeout, err = host.LoginTimeout(root); return },
		func() (err error) { m.people, err = host.People(root); return },
	} {
		switch err := read(); {
		case errors.Is(err, fs.ErrPermission):
			return machine{}, failed(err.Error(), "as root: sudo spse-totp config check")
		case err != nil:
			return machine{}, failed(err.Error(), "correct that, then look again: spse-totp config check")
		}
	}
	return m, nil
}

// warning is what an administrator may want otherwise.
type warning struct {
	Warning string `json:"warning"`
	Hint    string `json:"hint"`
}

func (a *app) warn(warnings []warning) {
	for _, w := range warnings {
		fmt.Fprintf(a.stderr, "warning: %s\nhint: %s\n", escaped(w.Warning), escaped(w.Hint))
	}
}

// loadConfig reads a configuration that may be in force.
func loadConfig(path string) (config.Config, error) { return loadConfigAt(path, time.Time{}) }

// loadConfigAt reads a configuration that is to be taken over at that moment.
func loadConfigAt(path string, at time.Time) (config.Config, error) {
	c, err := config.Load(path, config.Host{Groups: host.GID, Zone: host.Zone(), New: at})
	if err != nil {
		return config.Config{}, failed(err.Error(), config.HintFor(err))
	}
	return c, nil
}

// setting is one key with what is in force: a string, a []string or a uint32.
type setting struct {
	key   string
	value any
}

// toml is the value as the file has it.
func (s setting) toml() string {
	switch value := s.value.(type) {
	case []string:
		quoted := make([]string, len(value))
		for i, text := range value {
			quoted[i] = strconv.Quote(text)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case string:
		return strconv.Quote(value)
	default:
		return fmt.Sprint(value)
	}
}

func settings(c config.Config) []setting {
	return []setting{
		{"language", string(c.Language)},
		{"issuer", c.Issuer},
		{"contact", c.Contact},
		{"first_activation", c.FirstActivation()},
		{"helpdesk", c.HelpdeskName},
		{"administrators", c.Administrators},
		{"lock_after", c.LockAfter},
		{"socket_directory", c.SocketDirectory},
		{"state_directory", c.StateDirectory},
		{"keyset", c.Keyset},
	}
}
