package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"spse-totp/daemon/internal/control"
	"spse-totp/daemon/internal/host"
)

func (a *app) whoAmICommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "whoami",
		Short: "Show who you are to the daemon, and which verbs that is good for",
		Long: `Show who you are to the daemon, by the kernel's word, and which verbs you may use for
your own account and for those of others. The helpdesk's never are for root or an
administrator.`,
		Example: `  spse-totp whoami
  spse-totp whoami --json`,
		Args: wanted(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return a.whoAmI(c.Context()) },
	}
	a.jsonFlag(c)
	return c
}

func (a *app) whoAmI(ctx context.Context) error {
	var me struct {
		control.WhoAmI
		Name string `json:"name"` // as NSS gives it, else empty
	}
	if err := a.client().call(ctx, http.MethodGet, control.PathWhoAmI, "", nil, &me.WhoAmI); err != nil {
		return err
	}
	name, found, err := host.Users{}.NameOf(ctx, me.UID)
	if err != nil {
		return err
	}
	if found {
		me.Name = name
	}
	if a.json {
		return a.printJSON(me)
	}
	t := columns(a.stdout)
	fmt.Fprintf(t, "uid\t%d\n", me.UID)
	fmt.Fprintf(t, "name\t%s\n", orNone(escaped(me.Name)))
	fmt.Fprintf(t, "root\t%s\n", yesNo(me.Root))
	fmt.Fprintf(t, "helpdesk\t%s\n", yesNo(me.Helpdesk))
	fmt.Fprintf(t, "your own\t%s\n", orNone(escaped(strings.Join(me.Own, ", "))))
	fmt.Fprintf(t, "others\t%s\n", orNone(escaped(strings.Join(me.Others, ", "))))
	return t.Flush()
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
