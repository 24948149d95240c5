package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"spse-totp/daemon/internal/control"
	"spse-totp/daemon/internal/host"
	"spse-totp/daemon/internal/policy"
)

func (a *app) policyExplainCommand() *cobra.Command {
	var q question
	c := &cobra.Command{
		Use:   "explain USER",
		Short: "Show which rule decides a person's login, and what that means (root)",
		Long: `Show which rule decides a person's login, by its line, what it says and until when,
and what that means for this person as the account stands. The groups are those that
NSS tells, and are asked for only where a rule is about groups.` + policyHelp,
		Example: `  sudo spse-totp policy explain budi
  sudo spse-totp policy explain budi --service sshd --from 203.0.113.5 --at 2027-01-31`,
		Args: wanted(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return a.policyExplain(c.Context(), host.Users{}, args[0], &q)
		},
	}
	q.flags(c)
	a.configFlag(c)
	a.jsonFlag(c)
	return c
}

// explanation is one person's login, as the rules and the account stand.
type explanation struct {
	Account string    `json:"account"`
	Service string    `json:"service"`
	From    string    `json:"from"` // an address, "unknown", or empty for the machine itself
	At      time.Time `json:"at"`
	// Groups are the gids, null where no rule needed them or NSS could not tell.
	Groups []uint32 `json:"groups"`
	// UnknownGroups are those of rules of which NSS cannot tell.
	UnknownGroups []uint32 `json:"unknown_groups"`
	// Rule is what decides, null for the unwritten one, which requires.
	Rule    *ruleLine `json:"rule"`
	Verdict string    `json:"verdict"`
	State   state     `json:"state"`
	Ending  ending    `json:"ending"`
	Means   string    `json:"means"`

	groupsMatter, groupsKnown bool
	login                     string
}

func (a *app) policyExplain(ctx context.Context, users users, name string, q *question) error {
	who, err := q.login(time.Now().In(host.Zone()))
	if err != nil {
		return err
	}
	if err := a.onlyRoot("explain " + name); err != nil {
		return err
	}
	c, err := loadConfig(a.configPath)
	if err != nil {
		return err
	}
	uid, err := knownUser(ctx, users, name)
	if err != nil {
		return err
	}
	who.Account = name
	who, decision, err := decide(ctx, users, c.Policy, who)
	if err != nil {
		return err
	}
	s, err := a.askState(ctx, name, uid, c.PasswordActivates)
	if err != nil {
		return err
	}
	e := a.explain(c.Policy, who, decision, s)
	if a.json {
		return a.printJSON(e)
	}
	return a.printExplanation(e)
}

func knownUser(ctx context.Context, users users, name string) (uid uint32, err error) {
	uid, found, err := users.UID(ctx, name)
	switch {
	case err != nil:
		return 0, failed(err.Error(), "is the directory server there? getent passwd "+name)
	case !found:
		return 0, failed("this host has no user "+name, "names are exact: getent passwd lists them")
	}
	return uid, nil
}

// askState asks the daemon how the account stands. Where it cannot say, that is
// told, and the rule is explained all the same.
func (a *app) askState(ctx context.Context, name string, uid uint32, passwordActivates bool) (state, error) {
	var account control.Account
	err := a.client().call(ctx, http.MethodGet, control.PathAccount, name, nil, &account)
	if err == nil {
		return stateOf(account, uid, passwordActivates), nil
	}
	if ctx.Err() != nil {
		return stateUnknown, err // interrupted
	}
	w := warning{Warning: "the account's state is not known: " + err.Error(), Hint: runningHint}
	var f *failure
	if errors.As(err, &f) && f.Hint != "" {
		w.Hint = f.Hint
	}
	a.warn([]warning{w})
	return stateUnknown, nil
}

func (a *app) explain(rules policy.Policy, who policy.Login, d policy.Decision, s state) explanation {
	e := explanation{
		Account: who.Account, Service: who.Service, From: who.RHost, At: who.Now, Groups: who.Groups, UnknownGroups: who.UnknownGroups,
		Verdict: d.Verdict.String(), State: s, Ending: endOf(d, s), Means: a.means(who, d, s),
		groupsMatter: len(rules.NeededGroups(who)) > 0, groupsKnown: who.GroupsKnown, login: described(who),
	}
	if d.Rule != nil {
		line := a.ruleLine(d.Rule, who.Now)
		e.Rule = &line
	}
	return e
}

// means says what a login ends in for this person.
func (a *app) means(who policy.Login, d policy.Decision, s state) string {
	why := a.why(who.Account, d, s)
	switch endOf(d, s) {
	case endAsked:
		return "is asked for a Security Code"
	case endActivate:
		return "is led through activation in this login, and gets in by the first code"
	case endWithout:
		return fmt.Sprintf("may go without a Security Code %s, %s, and is offered activation", why, days(d.DaysLeft(who.Now)))
	case endExempt:
		return "exempt, and asked for nothing, " + why
	case endUnknown:
		return a.meansWhateverState(who, d)
	default:
		return "could not log in: " + why
	}
}

// meansWhateverState is what can be said where the account's state is not known.
func (a *app) meansWhateverState(who policy.Login, d policy.Decision) string {
	if d.Verdict == policy.Allow {
		return fmt.Sprintf("who never was activated may go without until %s, %s; everybody else is asked for a Security Code",
			lastDay(d.Rule), days(d.DaysLeft(who.Now)))
	}
	return "is asked for a Security Code, or led through activation if there never was one"
}

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}

func (a *app) printExplanation(e explanation) error {
	t := columns(a.stdout)
	row := func(key, value string) { fmt.Fprintf(t, "%s\t%s\n", key, escaped(value)) }
	row("account", e.Account)
	row("login", e.login)
	row("at", here(e.At))
	switch {
	case e.groupsKnown:
		row("groups", strings.Join(numbers(e.Groups), ", "))
	case e.groupsMatter:
		row("groups", "NSS cannot tell them: what is shown is the strictest")
	}
	if len(e.UnknownGroups) > 0 {
		row("", "NSS cannot tell of "+strings.Join(numbers(e.UnknownGroups), ", ")+": what is shown is the strictest (getent group)")
	}
	if e.Rule == nil {
		row("rule", "none fits: the last, unwritten one requires a code of everybody")
	} else {
		row("rule", e.Rule.Line)
		row("", e.Rule.String())
	}
	row("verdict", e.Verdict)
	row("state", e.State.String())
	row("means", e.Means)
	return t.Flush()
}
