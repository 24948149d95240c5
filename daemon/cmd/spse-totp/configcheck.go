package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"spse-totp/daemon/internal/config"
)

func (a *app) configCheckCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "check",
		Short: "Read the configuration and show what it says, without the daemon",
		Long: `Read the configuration as the daemon would, and show all keys with what is in force,
the defaults among them; or the line that is wrong. The daemon takes over a changed
file at: systemctl reload spse-totpd`,
		Example: `  spse-totp config check
  spse-totp config check --config ./spse-totp.toml --json`,
		Args: wanted(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error { return a.configCheck() },
	}
	a.configFlag(c)
	a.jsonFlag(c)
	return c
}

func (a *app) configCheck() error {
	c, err := loadConfig(a.configPath)
	if err != nil {
		return err
	}
	if a.json {
		values := make(map[string]string)
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
	return nil
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
