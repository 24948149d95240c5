package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"spse-totp/daemon/internal/control"
	"spse-totp/daemon/internal/host"
)

// unknownNames end the conversation of a reset.
const unknownNames = 3

func (a *app) resetCommand() *cobra.Command {
	var why control.Justification
	c := &cobra.Command{
		Use:   "reset [USER --reason TEXT]",
		Short: "Take the phone away from an account, as after a loss (root, helpdesk)",
		Long: `Take the phone away from an account, as after a loss: the codes of the phone and the
recovery codes are worth nothing from now on. It prints a code to be read out, good
for 24 hours, by which the person activates a new phone at the next login. Who is
disabled stays so. Reason and letter stand in the journal, for the auditor.

Without anything behind it, it asks for all that, and shows whose account it is. The
helpdesk may not reset itself, root, or an administrator.`,
		Example: `  spse-totp reset
  spse-totp reset budi --reason "HP hilang" --letter 027/12/2026
  sudo spse-totp reset budi --reason "HP hilang" --json`,
		Args: wanted(cobra.MaximumNArgs(1)),
	}
	a.reasonFlags(c, &why)
	a.jsonFlag(c)
	wantsReason := c.PreRunE
	converses := func(args []string) bool { return len(args) == 0 && why == (control.Justification{}) && !a.json }
	c.PreRunE = func(c *cobra.Command, args []string) error {
		switch {
		case converses(args):
			return nil
		case len(args) == 0:
			return usage(errors.New("no USER is named; spse-totp reset alone asks for all"))
		}
		return wantsReason(c, args)
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if converses(args) {
			return a.resetByConversation(c.Context())
		}
		why.By = host.Users{}.LoggedInAs(c.Context())
		issued, err := a.client().requestCode(c.Context(), control.PathReset, args[0], why)
		if err != nil {
			return err
		}
		return a.showIssued(issued)
	}
	return c
}

func (a *app) resetByConversation(ctx context.Context) error {
	person, err := openTerminal(a.stdin, a.stdout, "spse-totp reset alone is a conversation, and needs a terminal", "reset")
	if err != nil {
		return err
	}
	d := &dialogue{client: a.client(), person: person}
	err = d.reset(ctx)
	if errors.Is(err, errAbandoned) {
		person.say(d.texts.Stopped())
		return errTold
	}
	return err
}

// reset leads a clerk through a reset: who it is, what asks for it, whether to do
// it. Nothing changes before the last answer.
func (d *dialogue) reset(ctx context.Context) error {
	if err := d.introduce(ctx); err != nil {
		return err
	}
	if err := d.mayReset(ctx); err != nil {
		return err
	}
	account, err := d.whose(ctx)
	if err != nil {
		return err
	}
	if err := d.showPerson(ctx, account); err != nil {
		return err
	}
	why := control.Justification{By: host.Users{}.LoggedInAs(ctx)}
	if why.Letter, err = d.person.askOrNone(ctx, d.texts.DeskLetter()); err != nil {
		return err
	}
	if why.Reason, err = d.person.ask(ctx, d.texts.DeskReason()); err != nil {
		return err
	}
	if account.Guarded {
		d.person.say(d.texts.GuessedFirst(escaped(account.GuardedBy)))
	}
	if err := d.sure(ctx); err != nil {
		return err
	}
	// Once asked it may be done: Ctrl-C waits for the answer, so that the clerk is
	// told what is true.
	issued, err := d.client.requestCode(context.WithoutCancel(ctx), control.PathReset, d.name, why)
	if err != nil {
		return err
	}
	return printIssued(d.person.out, issued)
}

// mayReset ends it before anything is asked of who may reset nobody.
func (d *dialogue) mayReset(ctx context.Context) error {
	var me control.WhoAmI
	if err := d.client.call(ctx, http.MethodGet, control.PathWhoAmI, "", nil, &me); err != nil {
		return err
	}
	if !slices.Contains(me.Others, "reset") {
		return failed("only root and the helpdesk reset accounts",
			"the helpdesk is a Unix group, whose new members log in anew: spse-totp whoami says what you may")
	}
	return nil
}

// whose asks for a name until it is an account's that the caller may look at.
func (d *dialogue) whose(ctx context.Context) (control.Account, error) {
	for range unknownNames {
		typed, err := d.person.ask(ctx, d.texts.DeskName())
		if err != nil {
			return control.Account{}, err
		}
		d.name = strings.TrimSpace(typed)
		account, err := d.account(ctx)
		switch {
		case refusedWith(err, control.ProblemNotAllowed):
			d.person.say(d.texts.DeskNot(escaped(d.name)))
			return control.Account{}, errAbandoned
		case !refusedWith(err, control.ProblemNoAccount):
			return account, err
		}
		d.person.say(d.texts.DeskUnknown(escaped(d.name)))
	}
	return control.Account{}, errAbandoned
}

// showPerson shows the clerk whom he speaks to, or ends where there is nothing to
// be reset by him.
func (d *dialogue) showPerson(ctx context.Context, account control.Account) error {
	full, err := host.Users{}.FullName(ctx, d.name)
	if err != nil {
		return err
	}
	for _, line := range d.whoThatIs(full, account) {
		d.person.say(line)
	}
	switch {
	case account.Disabled == nil: // who may reset is told that
		d.person.say(d.texts.DeskNot(escaped(d.name)))
		return errAbandoned
	case account.Version == 0:
		d.person.say(d.texts.DeskNoPhone(escaped(d.name)))
		return errAbandoned
	}
	return nil
}

// whoThatIs is what the clerk sees of a person. The full name is the person's own
// words.
func (d *dialogue) whoThatIs(full string, account control.Account) []string {
	var last time.Time
	if account.AcceptedAt != nil {
		last = *account.AcceptedAt
	}
	lines := []string{d.texts.DeskPerson(escaped(full)), d.texts.DeskLast(last), d.texts.DeskState(account.Active)}
	for _, line := range account.Advice {
		lines = append(lines, "- "+escaped(line))
	}
	return lines
}

// sure asks whether to do it; all but a yes is a no.
func (d *dialogue) sure(ctx context.Context) error {
	typed, err := d.person.ask(ctx, d.texts.DeskSure(escaped(d.name)))
	if err != nil {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(typed)) {
	case "y", "ya", "yes":
		return nil
	}
	return errAbandoned
}
