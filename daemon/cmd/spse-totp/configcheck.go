package main

import (
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"spse-totp/daemon/internal/config"
)

func (a *app) configCheckCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "check",
		Short: "Read the configuration and show what it says, without the daemon",
		Long: `Read the configuration as the daemon would, and show all keys with what is in force,
the defaults among them; or the line that is wrong. The daemon takes over a changed
file at: systemctl reload spse-totpd

Behind # it says which lines of this host's PAM stacks ask for Security Codes, and
which services they leave out by services=. A name there that is no service, such as
a typing error, leaves a door open: stderr says so, as "warning:" and "hint:". A line
that the module would refuse, and with it every login, is an error.`,
		Example: `  spse-totp config check
  spse-totp config check --config ./spse-totp.toml --json`,
		Args: wanted(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error { return a.configCheck(os.DirFS("/")) },
	}
	a.configFlag(c)
	a.jsonFlag(c)
	return c
}

// configCheck checks the configuration, and the PAM stacks below the root.
func (a *app) configCheck(root fs.FS) error {
	c, err := loadConfig(a.configPath)
	if err != nil {
		return err
	}
	pam, err := checkPAM(root)
	if err != nil {
		return err
	}
	a.warn(pam)
	if a.json {
		values := map[string]any{"pam": pam}
		for _, s := range settings(c) {
			values[s.key] = s.value
		}
		return a.printJSON(values)
	}
	for _, s := range settings(c) {
		if _, err := fmt.Fprintf(a.stdout, "%s = %q\n", s.key, s.value); err != nil {
			return err
		}
	}
	return a.printPAM(pam)
}

func loadConfig(path string) (config.Config, error) {
	c, err := config.Load(path)
	if err != nil {
		return config.Config{}, failed(err.Error(), "correct it, then look again: spse-totp config check")
	}
	return c, nil
}

// setting is one key with what is in force.
type setting struct{ key, value string }

func settings(c config.Config) []setting {
	return []setting{
		{"language", string(c.Language)},
		{"issuer", c.Issuer},
		{"contact", c.Contact},
		{"socket_directory", c.SocketDirectory},
		{"state_directory", c.StateDirectory},
		{"keyset", c.Keyset},
	}
}
