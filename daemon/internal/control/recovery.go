package control

import (
	"context"
	"net/http"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
	"spse-totp/totp"
)

// offerRecovery draws new recovery codes for a code of the phone. A recovery code
// does not do: whoever finds one could make it eight.
func (s *Service) offerRecovery(ctx context.Context, r request) (any, error) {
	var body OfferRequest
	if err := r.body(&body); err != nil {
		return nil, err
	}
	code := totp.NewTyped(body.Code)
	a, err := s.view(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case !a.Active():
		return nil, problem{http.StatusConflict, Problem{
			Code: ProblemBadRequest, Error: "the account has no phone yet", Hint: "first: spse-totp activate",
		}}
	case code.IsEmpty():
		return nil, problem{http.StatusConflict, Problem{Code: ProblemCodeWanted, Error: "a code of the phone is wanted"}}
	}
	if _, err := totp.ParseLongCode(code); err == nil {
		return nil, badRequest("a code of the phone is wanted; the code that was typed is unspent")
	}
	if a, _, err = s.spend(ctx, r, code); err != nil {
		return nil, err
	}
	offer, err := account.OfferRecovery(a)
	if err != nil {
		return nil, err
	}
	sealed, err := s.sealRecovery(r, offer)
	if err != nil {
		return nil, err
	}
	shown := RecoveryOffer{Asked: offer.Asked, Handle: sealed}
	for _, code := range offer.Codes {
		shown.Codes = append(shown.Codes, code.Grouped())
	}
	return shown, nil
}

// confirmRecovery makes them the account's.
func (s *Service) confirmRecovery(ctx context.Context, r request) (any, error) {
	var body RecoveryRequest
	if err := r.body(&body); err != nil {
		return nil, err
	}
	offer, ok := s.openRecovery(r, body.Handle)
	if !ok {
		return nil, voidCodes()
	}
	a, outcome, err := s.withCode(ctx, r, audit.Codes, func(a account.Account, try account.Try) (account.Account, account.Outcome) {
		try.Typed = totp.NewTyped(body.Code)
		return account.ConfirmRecovery(a, offer, try)
	})
	switch {
	case outcome.Reason == account.Superseded:
		return nil, voidCodes()
	case err != nil:
		return nil, err
	}
	return s.describe(r.name, a, r.as), nil
}
