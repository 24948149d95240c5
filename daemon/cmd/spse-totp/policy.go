package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/host"
	"spse-totp/daemon/internal/policy"
)

// sshd is the service whose logins come from elsewhere, and the one that is
// asked about where none is named.
const sshd = "sshd"

// policyHelp is what both verbs' help ends with.
const policyHelp = `

It reads the file. The daemon goes by a changed one after: systemctl reload spse-totpd
Whether PAM asks for a code at all in a service: spse-totp config check`

// users are the host's, by NSS.
type users interface {
	UID(ctx context.Context, name string) (uid uint32, found bool, err error)
	GIDs(ctx context.Context, name string) (gids []uint32, found bool, err error)
	UnknownGroups(ctx context.Context, name string, gids []uint32) ([]uint32, error)
	All(ctx context.Context) ([]host.User, error)
}

// question is about which logins an administrator asks, as flags say it.
type question struct {
	service, from, at string

	fromGiven, atGiven bool
}

func (q *question) flags(c *cobra.Command) {
	c.Flags().StringVar(&q.service, "service", sshd, "the PAM `SERVICE`")
	c.Flags().StringVar(&q.from, "from", "", "the `ADDRESS` it comes from (default for sshd: not known; else the machine itself)")
	c.Flags().StringVar(&q.at, "at", "", "the `DATE`, as 2027-01-31 (its beginning) or 2027-01-31T15:04, in this host's time zone (default now)")
	c.PreRun = func(c *cobra.Command, _ []string) {
		q.fromGiven, q.atGiven = c.Flags().Changed("from"), c.Flags().Changed("at")
	}
}

// login is what is asked about, of nobody yet. An error is a fault of usage.
func (q *question) login(now time.Time) (policy.Login, error) {
	if strings.TrimSpace(q.service) == "" {
		return policy.Login{}, usage(errors.New("--service wants the name of a file in /etc/pam.d"))
	}
	rhost, err := q.rhost()
	if err != nil {
		return policy.Login{}, usage(err)
	}
	if q.atGiven {
		if now, err = readDate(q.at); err != nil {
			return policy.Login{}, usage(err)
		}
	}
	return policy.Login{Realm: account.RealmHost, Service: q.service, RHost: rhost, Now: now}, nil
}

func (q *question) rhost() (string, error) {
	switch {
	case q.fromGiven:
		if _, err := netip.ParseAddr(q.from); err != nil {
			return "", fmt.Errorf("--from %q is no address: rules go by addresses, and take no names", q.from)
		}
		return q.from, nil
	case q.service == sshd:
		return policy.UnknownAddress, nil
	default:
		return "", nil
	}
}

func readDate(text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04"} {
		if at, err := time.ParseInLocation(layout, text, host.Zone()); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("--at %q is no date: give it as 2027-01-31 or 2027-01-31T15:04", text)
}

// described is the login as people read it.
func described(who policy.Login) string {
	switch who.RHost {
	case "":
		return who.Service + ", at the machine itself"
	case policy.UnknownAddress:
		return who.Service + ", from an address that is not known: what is shown is the strictest (--from ADDRESS)"
	default:
		return who.Service + " from " + who.RHost
	}
}

// decide says what the rules say, and completes the login by the groups where
// they matter. An error means that NSS could not tell.
func decide(ctx context.Context, users users, rules policy.Policy, who policy.Login) (policy.Login, policy.Decision, error) {
	needed := rules.NeededGroups(who)
	if len(needed) == 0 {
		return who, rules.Decide(who), nil
	}
	var err error
	if who.Groups, who.GroupsKnown, err = users.GIDs(ctx, who.Account); err == nil && who.GroupsKnown {
		rest := slices.DeleteFunc(needed, func(gid uint32) bool { return slices.Contains(who.Groups, gid) })
		who.UnknownGroups, err = users.UnknownGroups(ctx, who.Account, rest)
	}
	if err != nil {
		return who, policy.Decision{}, failed(err.Error(), "is the directory server there? id "+who.Account)
	}
	return who, rules.Decide(who), nil
}

func (a *app) onlyRoot(verb string) error {
	if a.euid != 0 {
		return failed("only root may ask what the rules say of people", "as root: sudo spse-totp policy "+verb)
	}
	return nil
}
