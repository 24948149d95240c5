package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"spse-totp/daemon/internal/control"
	"spse-totp/daemon/internal/host"
)

func (a *app) clockCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "clock",
		Short: "Show the host's clock, and the mark that it may not be before (root)",
		Long: `Show the host's clock, and its mark: the newest time at which a code was accepted on
this host. While the clock is over 2 minutes before its mark it cannot be right, and
all codes of phones are refused; nothing is counted or forgotten. Recovery codes and
codes for one login (spse-totp issue --once) let in all the same.`,
		Example: `  sudo spse-totp clock
  sudo spse-totp clock accept`,
		Args: wanted(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.clock(c.Context(), http.MethodGet, nil)
		},
	}
	a.jsonFlag(c)
	c.AddCommand(a.clockAcceptCommand())
	return c
}

func (a *app) clockAcceptCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "accept",
		Short: "Say that the host's clock is right, and set its mark back to it (root)",
		Long: `Say that the host's clock is right, and set its mark back to it: after the clock was
ahead, so that codes were accepted then, and has been put right. First look whether it
is: timedatectl. The journal tells who said so.`,
		Example: `  timedatectl; sudo spse-totp clock accept
  sudo spse-totp clock accept --json`,
		Args: wanted(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			why := control.Justification{By: host.Users{}.LoggedInAs(c.Context())}
			return a.clock(c.Context(), http.MethodPost, why)
		},
	}
	a.jsonFlag(c)
	return c
}

// clock makes a request that is answered by the clock, and shows it.
func (a *app) clock(ctx context.Context, method string, body any) error {
	var clock control.Clock
	if err := a.client().call(ctx, method, control.PathClock, "", body, &clock); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(clock)
	}
	behind := "no"
	if clock.Behind {
		behind = "yes: codes of phones are refused"
	}
	mark := "none yet"
	if clock.Mark != nil {
		mark = local(*clock.Mark)
	}
	t := columns(a.stdout)
	fmt.Fprintf(t, "clock\t%s\n", local(clock.Now))
	fmt.Fprintf(t, "mark\t%s\n", mark)
	fmt.Fprintf(t, "behind\t%s\n", behind)
	if err := t.Flush(); err != nil {
		return err
	}
	return printAdvice(a.stdout, clock.Advice)
}
