package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"spse-totp/daemon/internal/config"
	"spse-totp/daemon/internal/control"
	"spse-totp/daemon/internal/host"
	"spse-totp/daemon/internal/policy"
)

func (a *app) policyWhatifCommand() *cobra.Command {
	var q question
	c := &cobra.Command{
		Use:   "whatif",
		Short: "List who could not log in, who would be asked to activate, who is exempt (root)",
		Long: `List by name, of all accounts of this host that have a shell, and root: who could not
log in, and why; who would be asked to activate; who may go without, or is exempt, and
until when; and who is asked for a code. The accounts are taken as they stand now.

People of a directory server that does not list its own (getent passwd) are missing:
ask for each of them by: spse-totp policy explain` + policyHelp,
		Example: `  sudo spse-totp policy whatif
  sudo spse-totp policy whatif --at 2027-01-31 --from 203.0.113.5 --json`,
		Args: wanted(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return a.policyWhatif(c.Context(), host.Users{}, &q) },
	}
	q.flags(c)
	a.configFlag(c)
	a.jsonFlag(c)
	return c
}

// forecast is how the logins of all would end.
type forecast struct {
	Service  string    `json:"service"`
	From     string    `json:"from"` // an address, "unknown", or empty for the machine itself
	At       time.Time `json:"at"`
	Accounts []outlook `json:"accounts"` // by name
	// Unlisted have a record, and are not among the users that NSS lists.
	Unlisted []string `json:"unlisted"`
	// UnknownGroups are those of rules of which NSS cannot tell, of anybody.
	UnknownGroups []uint32 `json:"unknown_groups"`

	login string
}

// outlook is how one person's login would end.
type outlook struct {
	Account string `json:"account"`
	Ending  ending `json:"ending"`
	Why     string `json:"why"`
	Line    string `json:"line"` // FILE:LINE of the rule, empty for the unwritten one
	Verdict string `json:"verdict"`
	State   state  `json:"state"`
}

func (a *app) policyWhatif(ctx context.Context, users users, q *question) error {
	who, err := q.login(time.Now().In(host.Zone()))
	if err != nil {
		return err
	}
	if err := a.onlyRoot("whatif"); err != nil {
		return err
	}
	c, err := loadConfig(a.configPath)
	if err != nil {
		return err
	}
	records := []control.Account{}
	if err := a.client().call(ctx, http.MethodGet, control.PathAccounts, "", nil, &records); err != nil {
		return err
	}
	f, err := a.forecast(ctx, users, c, who, records)
	if err != nil {
		return err
	}
	a.warnUnlisted(f.Unlisted)
	a.warnUnknown(f.UnknownGroups)
	if a.json {
		return a.printJSON(f)
	}
	return a.printForecast(f)
}

// forecast asks NSS who there is, and the rules for each.
func (a *app) forecast(ctx context.Context, users users, c config.Config, who policy.Login, records []control.Account) (forecast, error) {
	progress := a.beginProgress()
	defer progress.end()
	progress.say("asking NSS for all users")
	all, err := users.All(ctx)
	if err != nil {
		return forecast{}, failed(err.Error(), "is the directory server there? getent passwd")
	}
	states := statesOf(records, c.PasswordActivates)
	f := forecast{Service: who.Service, From: who.RHost, At: who.Now, login: described(who), Accounts: []outlook{}, Unlisted: unlisted(records, all)}
	unknown := []uint32{}
	slices.SortFunc(all, func(a, b host.User) int { return strings.Compare(a.Name, b.Name) })
	for i, user := range all {
		if !user.LogsIn() {
			continue
		}
		progress.say(fmt.Sprintf("looking at %d of %d users", i+1, len(all)))
		who.Account = user.Name
		asked, decision, err := decide(ctx, users, c.Policy, who)
		if err != nil {
			return forecast{}, err
		}
		unknown = append(unknown, asked.UnknownGroups...)
		f.Accounts = append(f.Accounts, a.outlook(user.Name, decision, states.of(user)))
	}
	slices.Sort(unknown)
	f.UnknownGroups = slices.Compact(unknown)
	return f, nil
}

// states are the accounts' by name; who has no record never was activated.
type states struct {
	byName            map[string]control.Account
	passwordActivates bool
}

func (s states) of(user host.User) state {
	return stateOf(s.byName[user.Name], user.UID, s.passwordActivates)
}

func statesOf(records []control.Account, passwordActivates bool) states {
	s := states{byName: make(map[string]control.Account), passwordActivates: passwordActivates}
	for _, record := range records {
		s.byName[record.Name] = record
	}
	return s
}

// unlisted are those with a record whom NSS does not list.
func unlisted(records []control.Account, all []host.User) []string {
	listed := make(map[string]bool)
	for _, user := range all {
		listed[user.Name] = true
	}
	missing := []string{}
	for _, record := range records {
		if !listed[record.Name] {
			missing = append(missing, record.Name)
		}
	}
	slices.Sort(missing)
	return missing
}

func (a *app) warnUnlisted(missing []string) {
	if len(missing) == 0 {
		return
	}
	a.warn([]warning{{
		"these have a record, and are not among the users that getent passwd lists: " + strings.Join(missing, ", "),
		"who left: spse-totp remove; who is of a directory server that does not list its own: spse-totp policy explain USER",
	}})
}

func (a *app) warnUnknown(groups []uint32) {
	if len(groups) == 0 {
		return
	}
	a.warn([]warning{{
		"NSS cannot tell of the groups " + strings.Join(numbers(groups), ", ") + ": what is shown is the strictest",
		unknownHint,
	}})
}

func (a *app) outlook(name string, d policy.Decision, s state) outlook {
	p := outlook{Account: name, Ending: endOf(d, s), Why: a.why(name, d, s), Verdict: d.Verdict.String(), State: s}
	if d.Rule != nil {
		p.Line = a.place(d.Rule.Line)
	}
	return p
}

// headings are what the endings are called, in their order.
var headings = []struct {
	ending ending
	title  string
}{
	{endRefused, "could not log in"},
	{endActivate, "would be asked to activate"},
	{endWithout, "may go without"},
	{endExempt, "is exempt"},
	{endAsked, "is asked for a code"},
}

func (a *app) printForecast(f forecast) error {
	t := columns(a.stdout)
	fmt.Fprintf(t, "%s\nat %s\n", escaped(f.login), here(f.At))
	for _, h := range headings {
		group := slices.DeleteFunc(slices.Clone(f.Accounts), func(p outlook) bool { return p.Ending != h.ending })
		fmt.Fprintf(t, "\n%s: %d\n", h.title, len(group))
		for _, p := range group {
			if p.Why == "" {
				fmt.Fprintf(t, "  %s\n", escaped(p.Account))
				continue
			}
			fmt.Fprintf(t, "  %s\t%s\n", escaped(p.Account), escaped(p.Why))
		}
	}
	return t.Flush()
}
