package main

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"spse-totp/daemon/internal/control"
	"spse-totp/daemon/internal/text"
)

const (
	// wrongConfirmations end an activation. They are no guesses, the secret
	// being on the screen: whoever errs so often has a phone that is off.
	wrongConfirmations = 5
	// wrongCurrentCodes end it as well; each counts as at a login.
	wrongCurrentCodes = 3
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
active already first asks for a code of the old phone, which goes on working until
the new one's code was right. Without USER the account is your own.

A picture that does not look right turns over by "?": for dark terminals, for
light ones, none. Enter alone, ^D or Ctrl-C end it with nothing changed.`,
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
	person, err := openTerminal(a.stdin, a.stdout)
	if err != nil {
		return err
	}
	name, err := a.namedOrOwn(ctx, args)
	if err != nil {
		return err
	}
	d := &dialogue{client: a.client(), person: person, name: name}
	return d.told(d.run(ctx, png))
}

// dialogue is one activation with a person.
type dialogue struct {
	client *client
	person *terminal
	name   string
	texts  text.Texts
}

var (
	// errStillNot: too many wrong confirmations.
	errStillNot = errors.New("new phone not confirmed")
	// errRefused: too many wrong codes of the old phone.
	errRefused = errors.New("old phone not confirmed")
)

// told tells the person how it ended, in the office's language.
func (d *dialogue) told(err error) error {
	switch {
	case err == nil:
		d.person.say(d.texts.Activated())
		return nil
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

func (d *dialogue) run(ctx context.Context, png string) error {
	account, err := d.introduce(ctx)
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
	offer, err := d.offer(ctx, account)
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

// introduce learns how the office speaks, and what there is of the account.
func (d *dialogue) introduce(ctx context.Context) (account control.Account, err error) {
	var office control.Host
	if err := d.client.call(ctx, http.MethodGet, control.PathHost, "", nil, &office); err != nil {
		return control.Account{}, err
	}
	language := text.Language(office.Language)
	if !text.Spoken(language) {
		language = text.Indonesian
	}
	d.texts = text.New(language, escaped(office.Issuer), escaped(office.Contact))
	err = d.client.call(ctx, http.MethodGet, control.PathAccount, d.name, nil, &account)
	return account, err
}

// offer obtains a new phone's secret, on an active account for a code of the
// old phone.
func (d *dialogue) offer(ctx context.Context, account control.Account) (offer control.Offer, err error) {
	codeWanted := account.Active
	for wrong := 0; wrong < wrongCurrentCodes; {
		var request control.OfferRequest
		if codeWanted {
			if request.Code, err = d.person.ask(ctx, d.texts.CurrentCodePrompt(account.Digits)); err != nil {
				return control.Offer{}, err
			}
		}
		err = d.client.call(ctx, http.MethodPost, control.PathOffer, d.name, request, &offer)
		switch {
		case ctx.Err() != nil: // an offer changes nothing
			return control.Offer{}, errAbandoned
		case refusedWith(err, control.ProblemCodeWanted) && !codeWanted: // it became active this moment
			codeWanted = true
		case refusedWith(err, control.ProblemRefused) && codeWanted:
			d.person.say(d.texts.Refused())
			wrong++
		default:
			return offer, err
		}
	}
	return control.Offer{}, errRefused
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
