package main

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"spse-totp/daemon/internal/control"
)

const (
	// wrongConfirmations end an activation. They are no guesses, the secret
	// being on the screen: whoever errs so often has a phone that is off.
	wrongConfirmations = 5
	// turnOver is typed for another picture.
	turnOver = "?"
)

func (a *app) activateCommand() *cobra.Command {
	var png string
	c := &cobra.Command{
		Use:   "activate [USER]",
		Short: "Activate a Security Code, or replace the phone",
		Long: `Activate a Security Code: scan the QR with an authenticator app (+), then type the
digits that it shows. Nothing changes before they were right. An account that is
active already first asks for a code of the old phone or a recovery code; the old
phone goes on working until the new one's code was right. After a reset it asks for
the code of the helpdesk. Without USER the account is your own.

A picture that does not look right turns over by "?": for dark terminals, for
light ones, none. Enter alone, ^D or Ctrl-C end it: no phone has changed, and only a
recovery code that was typed is used.`,
		Example: `  spse-totp activate
  spse-totp activate --png ./qr.png           # where no picture shows; delete it after
  sudo spse-totp activate budi`,
		Args: wanted(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if png == "" && c.Flags().Changed("png") {
				return usage(errors.New("--png names no file"))
			}
			return a.activate(c.Context(), args, png)
		},
	}
	c.Flags().StringVar(&png, "png", "", "write the QR to a new `FILE` in place of the screen")
	return c
}

func (a *app) activate(ctx context.Context, args []string, png string) error {
	person, err := openTerminal(a.stdin, a.stdout, "an activation shows a secret, and needs a terminal to show it on", "activate")
	if err != nil {
		return err
	}
	name, err := a.namedOrOwn(ctx, args)
	if err != nil {
		return err
	}
	d := &dialogue{client: a.client(), person: person, name: name}
	return d.activationTold(d.activate(ctx, png))
}

// errStillNot: too many wrong confirmations.
var errStillNot = errors.New("new phone not confirmed")

// activationTold tells the person how it ended, in the office's language.
func (d *dialogue) activationTold(err error) error {
	switch {
	case err == nil:
		d.person.say(d.texts.Activated())
		return nil
	case d.recoverySpent && (errors.Is(err, errAbandoned) || errors.Is(err, errStillNot)):
		d.person.say(d.texts.RecoverySpent())
	case errors.Is(err, errAbandoned):
		d.person.say(d.texts.Abandoned())
	case errors.Is(err, errStillNot):
		d.person.say(d.texts.StillNot())
	case errors.Is(err, errRefused): // the last refusal is on the screen
	default:
		return err
	}
	return errTold
}

func (d *dialogue) activate(ctx context.Context, png string) error {
	if err := d.introduce(ctx); err != nil {
		return err
	}
	account, err := d.account(ctx)
	if err != nil {
		return err
	}
	var file *pictureFile
	if png != "" { // before a code is spent: it may not be possible
		if file, err = newPictureFile(png); err != nil {
			return err
		}
		defer file.close()
	}
	offer, err := d.phoneOffer(ctx, account)
	if err != nil {
		return err
	}
	s, err := d.newSheet(offer.KeyURI, file)
	if err != nil {
		return err
	}
	defer s.forget()
	return d.confirm(ctx, offer.Handle, s)
}

// phoneOffer obtains a new phone's secret: of an active account for a code of the
// old phone or a recovery code, of one that was reset for an issued code.
func (d *dialogue) phoneOffer(ctx context.Context, account control.Account) (offer control.Offer, err error) {
	prompt := ""
	if account.Active {
		prompt = d.texts.CurrentOr()
	}
	err = d.byCode(ctx, control.PathOffer, prompt, &offer)
	return offer, err
}

// confirm asks for codes of the new phone until one is right. A phone whose
// clock is off is known by two codes in a row, so the last two are sent.
func (d *dialogue) confirm(ctx context.Context, handle string, s *sheet) error {
	var codes []string
	s.show()
	for wrong := 0; wrong < wrongConfirmations; {
		typed, err := d.person.ask(ctx, d.texts.ConfirmPrompt(s.digits))
		if err != nil {
			return err
		}
		if strings.TrimSpace(typed) == turnOver {
			s.turn()
			continue
		}
		codes = append(codes, typed)
		codes = codes[max(0, len(codes)-2):]
		request := control.ActivationRequest{Handle: handle, Codes: codes}
		// Once asked it may be done: Ctrl-C waits for the answer, so that the
		// person is told what is true.
		err = d.client.call(context.WithoutCancel(ctx), http.MethodPost, control.PathActivation, d.name, request, &control.Account{})
		if !refusedWith(err, control.ProblemRefused) {
			return err
		}
		if wrong++; wrong < wrongConfirmations {
			d.person.say(d.texts.NotConfirmed())
		}
	}
	return errStillNot
}
