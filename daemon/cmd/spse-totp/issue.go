package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"spse-totp/daemon/internal/control"
	"spse-totp/daemon/internal/host"
)

func (a *app) issueCommand() *cobra.Command {
	request := control.IssueRequest{}
	valid := validity(24 * time.Hour)
	c := &cobra.Command{
		Use:   "issue USER --reason TEXT",
		Short: "Give a person a code to be read out on the telephone (root, helpdesk)",
		Long: `Give a person a code, to be read out on the telephone. He types it at the prompt for
the Security Code, in any case and with or without hyphens, and is led to activate a
phone in that login. It works once, for as long as --valid says, at most 7d; a newer
one voids it. The phone that he has, if any, works on until then.

With --once (root) the code lets in just this once, without a phone: the way in for
an emergency. Reason and letter stand in the journal, for the auditor.`,
		Example: `  spse-totp issue budi --reason "HP baru"
  spse-totp issue budi --reason "HP hilang" --letter 027/12/2026 --valid 7d
  sudo spse-totp issue budi --reason "server darurat" --valid 1h --once`,
		Args: wanted(cobra.ExactArgs(1)),
	}
	c.Flags().Var(&valid, "valid", "the `DURATION` for which the code is good, such as 90m, 24h or 7d")
	c.Flags().BoolVar(&request.Once, "once", false, "the code lets in by itself, just once (root)")
	a.reasonFlags(c, &request.Justification)
	c.RunE = func(c *cobra.Command, args []string) error {
		request.ValidSeconds = int64(time.Duration(valid) / time.Second)
		request.By = host.Users{}.LoggedInAs(c.Context())
		issued, err := a.client().requestCode(c.Context(), control.PathIssue, args[0], request)
		if err != nil {
			return err
		}
		return a.showIssued(issued)
	}
	a.jsonFlag(c)
	return c
}

// validity is a duration that may be given in days.
type validity time.Duration

func (v *validity) String() string { return strings.TrimSuffix(time.Duration(*v).String(), "0m0s") }

// Type is what pflag calls the value.
func (v *validity) Type() string { return "duration" }

func (v *validity) Set(given string) error {
	if days, ok := strings.CutSuffix(given, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return fmt.Errorf("%q is no number of days", days)
		}
		*v = validity(time.Duration(n) * 24 * time.Hour)
		return nil
	}
	d, err := time.ParseDuration(given)
	if err != nil {
		return errors.New("give it as 90m, 24h or 7d")
	}
	*v = validity(d)
	return nil
}

// requestCode makes a request that is answered by an issued code.
func (c *client) requestCode(ctx context.Context, path, name string, body any) (issued control.Issued, err error) {
	err = c.call(ctx, http.MethodPost, path, name, body, &issued)
	if err == nil && issued.Code == "" {
		err = otherVersion()
	}
	return issued, err
}

// showIssued shows the code, which is a secret, to whoever asked for it.
func (a *app) showIssued(issued control.Issued) error {
	if a.json {
		return a.printJSON(issued)
	}
	return printIssued(a.stdout, issued)
}

// printIssued has the code on a line of its own.
func printIssued(w io.Writer, issued control.Issued) error {
	for _, line := range issued.Says {
		if _, err := fmt.Fprintln(w, escaped(line)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w, escaped(issued.Code))
	return err
}
