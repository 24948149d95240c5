package main

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"spse-totp/daemon/internal/control"
)

func (a *app) listCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "List all accounts (root)",
		Example: `  sudo spse-totp list
  sudo spse-totp list --json`,
		Args: wanted(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return a.list(c.Context()) },
	}
	a.jsonFlag(c)
	return c
}

func (a *app) list(ctx context.Context) error {
	accounts := []control.Account{}
	if err := a.client().call(ctx, http.MethodGet, control.PathAccounts, "", nil, &accounts); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(accounts)
	}
	return printList(a.stdout, accounts)
}

func printList(w io.Writer, accounts []control.Account) error {
	t := columns(w)
	fmt.Fprintf(t, "ACCOUNT\tACTIVE\tDISABLED\tGUARDED\tLOCKED\tLAST ACCEPTED\n")
	for _, account := range accounts {
		if account.Fault != "" {
			fmt.Fprintf(t, "%s\tfault: %s\n", escaped(account.Name), escaped(account.Fault))
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", escaped(account.Name), yesNo(account.Active),
			yesNo(account.Disabled != nil && *account.Disabled), yesNo(account.Guarded), yesNo(account.Locked), accepted(account))
	}
	return t.Flush()
}
