package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"spse-totp/daemon/internal/control"
	"spse-totp/daemon/internal/host"
)

func (a *app) removeCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "remove USER --reason TEXT",
		Short: "Delete the record of a person who left (root)",
		Long: `Delete the record of a person who left, or one that cannot be read. The account
then never was active. For a lost phone there is spse-totp reset.`,
		Example: `  sudo spse-totp remove budi --reason "pindah tugas"
  sudo spse-totp remove budi --reason "pindah tugas" --letter 027/12/2026`,
	}
	return a.justified(c, http.MethodDelete, control.PathAccount, "is removed")
}

func (a *app) disableCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "disable USER",
		Short: "Refuse all codes of an account until it is enabled (root, helpdesk)",
		Example: `  sudo spse-totp disable budi
  sudo spse-totp disable budi --json`,
	}
	return a.change(c, http.MethodPost, control.PathDisable, "is disabled", &control.Justification{})
}

func (a *app) enableCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "enable USER",
		Short: "Take codes of a disabled account again (root)",
		Example: `  sudo spse-totp enable budi
  sudo spse-totp enable budi --json`,
	}
	return a.change(c, http.MethodPost, control.PathEnable, "is enabled", &control.Justification{})
}

// justified completes the command of a change that is to be accounted for.
func (a *app) justified(c *cobra.Command, method, path, done string) *cobra.Command {
	var why control.Justification
	a.reasonFlags(c, &why)
	return a.change(c, method, path, done, &why)
}

// reasonFlags takes reason and letter, and wants a reason.
func (a *app) reasonFlags(c *cobra.Command, why *control.Justification) {
	c.Flags().StringVar(&why.Reason, "reason", "", "why, in one line: `TEXT`")
	c.Flags().StringVar(&why.Letter, "letter", "", "the `NUMBER` of the letter that asks for it")
	c.PreRunE = func(*cobra.Command, []string) error {
		if strings.TrimSpace(why.Reason) == "" {
			return usage(errors.New("--reason is missing"))
		}
		return nil
	}
}

// change completes the command of an administrator's change of one account. The
// journal is told who that is, which under sudo the uid does not show.
func (a *app) change(c *cobra.Command, method, path, done string, why *control.Justification) *cobra.Command {
	c.Args = wanted(cobra.ExactArgs(1))
	c.RunE = func(c *cobra.Command, args []string) error {
		why.By = host.Users{}.LoggedInAs(c.Context())
		return a.administer(c.Context(), method, path, args[0], done, why)
	}
	a.jsonFlag(c)
	return c
}

func (a *app) administer(ctx context.Context, method, path, name, done string, body any) error {
	var account control.Account
	if err := a.client().call(ctx, method, path, name, body, &account); err != nil {
		return err
	}
	if account.Name == "" {
		return otherVersion()
	}
	if a.json {
		return a.printJSON(account)
	}
	if _, err := fmt.Fprintf(a.stdout, "%s %s\n", escaped(account.Name), done); err != nil {
		return err
	}
	return printAdvice(a.stdout, account.Advice)
}
