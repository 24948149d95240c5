package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"spse-totp/daemon/internal/control"
)

func (a *app) statusCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "status [USER]",
		Short: "Show an account, what stands in its way, and what to do next",
		Long: `Show an account: whether it is active, when a code was last accepted, what was
refused lately and what happened to the way in, and what to do next. Without USER it
is your own. Only root and the helpdesk read the true reasons of refusals, and whether
the account is disabled, guarded (only two codes in a row let in) or locked.`,
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
	printWayIn(t, account)
	if account.Active {
		fmt.Fprintf(t, "recovery codes\t%s\n", left(account.RecoveryLeft))
	}
	if account.IssuedUntil != nil {
		fmt.Fprintf(t, "issued code\t%s\n", issuedCode(account))
	}
	fmt.Fprintf(t, "last accepted\t%s\n", accepted(account))
	if account.DriftSeconds != 0 {
		fmt.Fprintf(t, "drift\t%s\n", drift(account))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if err := printRefusals(w, account.Refusals); err != nil {
		return err
	}
	if err := printHappened(w, account.Happened); err != nil {
		return err
	}
	return printAdvice(w, account.Advice)
}

// printWayIn shows whether codes let in, as far as the caller may know: why not,
// by whom, and till when.
func printWayIn(w io.Writer, account control.Account) {
	fmt.Fprintf(w, "active\t%s\n", activity(account))
	if account.Disabled != nil { // for root and the helpdesk
		fmt.Fprintf(w, "disabled\t%s\n", yesNo(*account.Disabled))
	}
	if account.Locked {
		fmt.Fprintf(w, "locked\tyes: only a recovery code or an issued code lets in\n")
	}
	if account.Guarded {
		fmt.Fprintf(w, "guarded\tyes, for wrong codes: only two codes in a row let in\n")
		fmt.Fprintf(w, "guarded by\t%s\n", orUnknown(escaped(account.GuardedBy)))
		fmt.Fprintf(w, "guarded until\t%s\n", guardedUntil(account))
	}
	if account.Failures > 0 || account.FailuresMonth > 0 {
		fmt.Fprintf(w, "wrong codes\t%s\n", wrongCodes(account))
	}
}

func guardedUntil(account control.Account) string {
	if account.GuardedUntil == nil {
		return "the next accepted code"
	}
	return local(*account.GuardedUntil)
}

func wrongCodes(account control.Account) string {
	said := fmt.Sprintf("%d since the last accepted one", account.Failures)
	if account.FailuresSince != nil {
		said += fmt.Sprintf(", %d since %s", account.FailuresMonth, local(*account.FailuresSince))
	}
	return said
}

func left(codes int) string {
	if codes == 0 {
		return "none"
	}
	return fmt.Sprintf("%d left", codes)
}

func issuedCode(account control.Account) string {
	what := "leads to a new phone"
	if account.IssuedOnce {
		what = "lets in once"
	}
	return fmt.Sprintf("%s, good until %s", what, local(*account.IssuedUntil))
}

func orUnknown(source string) string {
	if source == "" {
		return "not known any more"
	}
	return source
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

func printHappened(w io.Writer, happened []control.Happening) error {
	if len(happened) == 0 {
		return nil
	}
	fmt.Fprintf(w, "\nwhat happened\n")
	t := columns(w)
	for _, h := range happened {
		fmt.Fprintf(t, "  %s\t%s\t%s\n", local(h.At), escaped(h.Change), escaped(h.Source))
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

// drift tells how far the phone's clock is from the host's, in minutes.
func drift(account control.Account) string {
	minutes := (time.Duration(account.DriftSeconds) * time.Second).Minutes()
	way := "ahead"
	if minutes < 0 {
		minutes, way = -minutes, "behind"
	}
	return fmt.Sprintf("phone is %s min %s", strconv.FormatFloat(minutes, 'f', -1, 64), way)
}
