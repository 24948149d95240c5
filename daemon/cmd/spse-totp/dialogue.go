package main

import (
	"context"
	"errors"
	"net/http"

	"spse-totp/daemon/internal/control"
	"spse-totp/daemon/internal/text"
	"spse-totp/totp"
)

// maxWrongCodes end a dialogue; each counts as at a login.
const maxWrongCodes = 3

// dialogue is a conversation with a person at a terminal, about one account.
type dialogue struct {
	client *client
	person *terminal
	name   string
	texts  text.Texts

	recoverySpent bool // a recovery code, by what the daemon took
}

// errRefused: too many wrong codes.
var errRefused = errors.New("no code was accepted")

// introduce learns how the office speaks.
func (d *dialogue) introduce(ctx context.Context) error {
	var office control.Host
	if err := d.client.call(ctx, http.MethodGet, control.PathHost, "", nil, &office); err != nil {
		return err
	}
	language := text.Language(office.Language)
	if !text.Spoken(language) {
		language = text.Indonesian
	}
	d.texts = text.New(language, escaped(office.Issuer), escaped(office.Contact))
	return nil
}

// account is what there is of the account.
func (d *dialogue) account(ctx context.Context) (account control.Account, err error) {
	err = d.client.call(ctx, http.MethodGet, control.PathAccount, d.name, nil, &account)
	return account, err
}

// byCode makes a request that takes a code, and asks for one till it is right.
// prompt asks for it; where it is empty the daemon says whether a code is wanted,
// and which.
func (d *dialogue) byCode(ctx context.Context, path, prompt string, result any) error {
	refused := d.texts.Refused()
	for wrong := 0; wrong < maxWrongCodes; {
		var request control.OfferRequest
		var err error
		if prompt != "" {
			if request.Code, err = d.person.ask(ctx, prompt); err != nil {
				return err
			}
		}
		// A code that was sent may be spent: Ctrl-C waits for the answer, so that the
		// person is told what is true.
		err = d.client.call(context.WithoutCancel(ctx), http.MethodPost, path, d.name, request, result)
		d.recoverySpent = err == nil && isRecoveryCode(request.Code)
		switch {
		case ctx.Err() != nil: // what is offered changes nothing else
			return errAbandoned
		case refusedWith(err, control.ProblemCodeWanted) && prompt == "": // it became active this moment
			prompt = d.texts.CurrentOr()
		case refusedWith(err, control.ProblemIssuedWanted) && prompt == "":
			prompt, refused = d.texts.IssuedPrompt(), d.texts.IssuedRefused()
		case refusedWith(err, control.ProblemRefused) && prompt != "":
			d.person.say(refused)
			wrong++
		default:
			return err
		}
	}
	return errRefused
}

func isRecoveryCode(typed string) bool {
	code, err := totp.ParseLongCode(totp.NewTyped(typed))
	return err == nil && code.Kind() == totp.Recovery
}
