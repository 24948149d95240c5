package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"spse-totp/daemon/internal/config"
	"spse-totp/daemon/internal/host"
)

const (
	defaultSocket = "/run/spse-totp/control.sock"

	rootHelp = `Security Codes (TOTP) for the logins of this host: activate your own, and
administer those of others.

Exit codes:
  0  done
  1  refused or failed
  2  wrong usage
  3  the daemon cannot be reached, or did not answer

A failure is told on stderr as "error:" and, where there is something to do
about it, "hint:". With --json stdout holds one JSON value: the result, or after
a failure the same as {"code", "error", "hint"}. Control characters in names and
texts are printed escaped (\n, \x1b, \u202e). No command takes a secret or a
code as an argument or from the environment.`

	rootExamples = `  spse-totp activate                          # activate your own Security Code
  spse-totp status                            # why does it not let me in?
  spse-totp recovery new                      # codes for when the phone is lost
  spse-totp reset                             # the helpdesk: asks whose, and why
  sudo spse-totp list                         # all accounts
  sudo spse-totp reset budi --reason "HP hilang" --letter 027/12/2026`
)

// app is one run of the command.
type app struct {
	stdin  *os.File
	stdout *os.File
	stderr *os.File
	euid   int

	// By flags:
	socket     string
	configPath string
	json       bool
}

// run does what the arguments say, tells what went wrong, and returns the exit
// code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.command()
	root.SetArgs(args)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		return a.tell(err)
	}
	return exitDone
}

func (a *app) command() *cobra.Command {
	root := group("spse-totp", "Security Codes for the logins of this host",
		a.activateCommand(), a.statusCommand(), a.listCommand(), a.whoAmICommand(),
		a.resetCommand(), a.issueCommand(), a.disableCommand(), a.enableCommand(), a.removeCommand(),
		a.clockCommand(),
		group("recovery", "Recovery codes, for when the phone is lost", a.recoveryNewCommand()),
		group("key", "The keyset that seals all records", a.keyInitCommand()),
		group("config", "The configuration file", a.configCheckCommand()),
		group("policy", "Who must give a Security Code, where, and from when", a.policyExplainCommand(), a.policyWhatifCommand()),
	)
	root.Long, root.Example = rootHelp, rootExamples
	root.PersistentFlags().StringVar(&a.socket, "socket", defaultSocket, "the daemon's `PATH`")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	root.SilenceErrors, root.SilenceUsage = true, true // tell does it
	root.CompletionOptions.DisableDefaultCmd = true
	return root
}

// group is a command that only leads to others, and shows them when it stands
// alone.
func group(name, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use:   name,
		Short: short,
		Args:  wanted(cobra.NoArgs),
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(commands...)
	return c
}

// wanted makes of arguments that are not as wanted a fault of usage.
func wanted(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usage(err)
		}
		return nil
	}
}

func (a *app) jsonFlag(c *cobra.Command) {
	c.Flags().BoolVar(&a.json, "json", false, "print JSON")
}

func (a *app) configFlag(c *cobra.Command) {
	c.Flags().StringVar(&a.configPath, "config", config.DefaultPath, "the configuration `FILE`")
}

func (a *app) client() *client { return newClient(a.socket) }

// namedOrOwn is the user that the arguments name, or else the caller's own
// name, as NSS gives it.
func (a *app) namedOrOwn(ctx context.Context, args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	name, found, err := host.Users{}.NameOf(ctx, uint32(a.euid))
	if err != nil {
		return "", err
	}
	if !found {
		return "", failed("your uid has no user name on this host", "name the user: spse-totp status USER")
	}
	return name, nil
}
