package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"spse-totp/daemon/internal/control"
)

func (a *app) statusCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "status [USER]",
		Short: "Show an account, its last refusals, and what to do next",
		Long: `Show an account: whether it is active, when a code was last accepted, what was
refused lately, and what to do next. Without USER it is your own. Only root reads
the true reasons of refusals.`,
		Example: `  spse-totp status
  sudo spse-totp status budi
  sudo spse-totp status budi --json`,
		Args: wanted(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error { return a.status(c.Context(), args) },
	}
	a.jsonFlag(c)
	return c
}

func (a *app) status(ctx context.Context, args []string) error {
	name, err := a.namedOrOwn(ctx, args)
	if err != nil {
		return err
	}
	var account control.Account
	if err := a.client().call(ctx, http.MethodGet, control.PathAccount, name, nil, &account); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(account)
	}
	return printStatus(a.stdout, account)
}

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

// columns aligns what is separated by tabs. Its Write never fails; Flush tells
// what became of it.
func columns(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

func printStatus(w io.Writer, account control.Account) error {
	t := columns(w)
	fmt.Fprintf(t, "account\t%s\n", escaped(account.Name))
	if account.Fault != "" {
		fmt.Fprintf(t, "fault\t%s\n", escaped(account.Fault))
		return t.Flush()
	}
	fmt.Fprintf(t, "active\t%s\n", activity(account))
	if account.Disabled != nil { // for root
		fmt.Fprintf(t, "disabled\t%s\n", yesNo(*account.Disabled))
	}
	if account.Guarded {
		fmt.Fprintf(t, "guarded\tyes: two codes in a row let in\n")
	}
	if account.Failures > 0 {
		fmt.Fprintf(t, "wrong codes\t%d since the last accepted one\n", account.Failures)
	}
	fmt.Fprintf(t, "last accepted\t%s\n", accepted(account))
	if account.DriftSeconds != 0 {
		fmt.Fprintf(t, "phone's clock\t%s\n", drift(account))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if err := printRefusals(w, account.Refusals); err != nil {
		return err
	}
	return printAdvice(w, account.Advice)
}

func printRefusals(w io.Writer, refusals []control.Refusal) error {
	if len(refusals) == 0 {
		return nil
	}
	fmt.Fprintf(w, "\nlast refusals\n")
	t := columns(w)
	for _, r := range refusals {
		times := ""
		if r.Count > 0 {
			times = fmt.Sprintf("%dx", r.Count)
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", local(r.Last), escaped(r.Reason), times, escaped(r.Source))
	}
	return t.Flush()
}

func printAdvice(w io.Writer, advice []string) error {
	for _, line := range advice {
		if _, err := fmt.Fprintf(w, "next: %s\n", escaped(line)); err != nil {
			return err
		}
	}
	return nil
}

func printList(w io.Writer, accounts []control.Account) error {
	t := columns(w)
	fmt.Fprintf(t, "ACCOUNT\tACTIVE\tDISABLED\tGUARDED\tLAST ACCEPTED\n")
	for _, account := range accounts {
		if account.Fault != "" {
			fmt.Fprintf(t, "%s\tfault: %s\n", escaped(account.Name), escaped(account.Fault))
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", escaped(account.Name),
			yesNo(account.Active), yesNo(account.Disabled != nil && *account.Disabled), yesNo(account.Guarded), accepted(account))
	}
	return t.Flush()
}

func activity(account control.Account) string {
	if !account.Active && account.WasActive {
		return "no, but it was before"
	}
	return yesNo(account.Active)
}

func accepted(account control.Account) string {
	if account.AcceptedAt == nil {
		return "never"
	}
	return local(*account.AcceptedAt)
}

// drift tells how far the phone's clock is from the host's.
func drift(account control.Account) string {
	d := time.Duration(account.DriftSeconds) * time.Second
	if d < 0 {
		return fmt.Sprintf("%v behind", -d)
	}
	return fmt.Sprintf("%v ahead", d)
}
