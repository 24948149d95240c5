package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"spse-totp/daemon/internal/control"
)

// wrongProofs end the making of recovery codes: whoever errs so often has not
// written them down.
const wrongProofs = 3

func (a *app) recoveryNewCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "new [USER]",
		Short: "Make eight recovery codes, for when the phone is lost",
		Long: `Make eight recovery codes (kode cadangan), each of which lets in once when the phone
is lost. It asks for a code of the phone, shows the codes to be written down, and
asks for one of them, which stays good. From then on earlier ones are void. Enter
alone, ^D or Ctrl-C leave those as they were, and void the ones that were shown.
Without USER the account is your own.`,
		Example: `  spse-totp recovery new
  sudo spse-totp recovery new budi`,
		Args: wanted(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error { return a.recoveryNew(c.Context(), args) },
	}
}

func (a *app) recoveryNew(ctx context.Context, args []string) error {
	person, err := openTerminal(a.stdin, a.stdout, "recovery codes are secrets, and need a terminal to show them on", "recovery new")
	if err != nil {
		return err
	}
	name, err := a.namedOrOwn(ctx, args)
	if err != nil {
		return err
	}
	d := &dialogue{client: a.client(), person: person, name: name}
	return d.recoveryTold(d.newRecovery(ctx))
}

// errNotKept: the codes were shown, and none was typed back.
var errNotKept = errors.New("recovery codes not kept")

// recoveryTold tells the person how it ended, in the office's language.
func (d *dialogue) recoveryTold(err error) error {
	switch {
	case err == nil:
		d.person.say(d.texts.RecoveryKept())
		return nil
	case errors.Is(err, errNotKept):
		d.person.say(d.texts.RecoveryLater())
	case errors.Is(err, errAbandoned):
		d.person.say(d.texts.Stopped())
	case errors.Is(err, errRefused): // the last refusal is on the screen
	default:
		return err
	}
	return errTold
}

func (d *dialogue) newRecovery(ctx context.Context) error {
	if err := d.introduce(ctx); err != nil {
		return err
	}
	account, err := d.account(ctx)
	if err != nil {
		return err
	}
	prompt := ""
	if account.Active { // else the daemon says what is to be done first
		prompt = d.texts.CodePrompt(account.Digits)
	}
	var offer control.RecoveryOffer
	if err := d.byCode(ctx, control.PathRecoveryOffer, prompt, &offer); err != nil {
		return err
	}
	lines := []string{d.texts.RecoveryHead()}
	for i, code := range offer.Codes {
		lines = append(lines, fmt.Sprintf("%d) %s", i+1, escaped(code)))
	}
	d.person.showAlone(lines)
	defer d.person.forget()
	return d.prove(ctx, offer)
}

// prove asks for the code of one number until it is right.
func (d *dialogue) prove(ctx context.Context, offer control.RecoveryOffer) error {
	for range wrongProofs {
		typed, err := d.person.ask(ctx, d.texts.RecoveryProve(offer.Asked))
		if err != nil {
			return errNotKept
		}
		// Once asked it may be done: Ctrl-C waits for the answer, so that the
		// person is told what is true.
		request := control.RecoveryRequest{Handle: offer.Handle, Code: typed}
		err = d.client.call(context.WithoutCancel(ctx), http.MethodPost, control.PathRecovery, d.name, request, &control.Account{})
		if !refusedWith(err, control.ProblemRefused) {
			return err
		}
		d.person.say(d.texts.RecoveryWrong(offer.Asked))
	}
	return errNotKept
}
