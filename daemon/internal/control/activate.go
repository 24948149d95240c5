package control

import (
	"context"
	"net/http"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
	"spse-totp/totp"
)

// refusalAfter is what a refused code costs.
const refusalAfter = 2 * time.Second

// offer draws a new phone's secret. On an active account it takes a code of
// the phone there is; that attempt is the same as at a login.
func (s *Service) offer(ctx context.Context, r request) (any, error) {
	var body OfferRequest
	if err := r.body(&body); err != nil {
		return nil, err
	}
	if _, found, err := s.Users.UID(ctx, r.name); err != nil || !found {
		return nil, noAccount()
	}
	a, err := s.entitled(ctx, r, totp.NewTyped(body.Code))
	if err != nil {
		return nil, err
	}
	secret, err := totp.NewSecret()
	if err != nil {
		return nil, err
	}
	key := totp.Key{Issuer: s.Office().Host.Issuer, Account: r.name, Secret: secret, Params: totp.DefaultParams()}
	uri, err := key.URI()
	if err != nil {
		return nil, badRequest("this user name cannot stand in an authenticator app")
	}
	sealed, err := s.sealHandle(r, secret, a.Generation)
	if err != nil {
		return nil, err
	}
	return Offer{KeyURI: uri, Handle: sealed}, nil
}

// entitled returns the account of a caller who may activate a new phone now.
func (s *Service) entitled(ctx context.Context, r request, code totp.Typed) (account.Account, error) {
	a, err := s.Accounts.View(ctx, account.Host(r.name))
	switch {
	case err != nil:
		return account.Account{}, err
	case !a.Active() && a.Disabled && r.caller.root():
		return account.Account{}, problem{http.StatusConflict, Problem{
			Code: ProblemRefused, Error: "the account is disabled", Hint: "spse-totp enable lets it activate",
		}}
	case !a.Active() && a.Disabled:
		return account.Account{}, refused()
	case !a.Active():
		return a, nil
	case code.IsEmpty():
		return account.Account{}, problem{http.StatusConflict, Problem{
			Code: ProblemCodeWanted, Error: "the account is active already",
			Hint: "give a code of the phone it has; phone lost? spse-totp reset",
		}}
	}
	return s.spend(ctx, r, code)
}

// spend is an attempt on control.sock.
func (s *Service) spend(ctx context.Context, r request, code totp.Typed) (account.Account, error) {
	return s.withCode(ctx, r, audit.Attempt, func(a account.Account) (account.Account, account.Outcome) {
		return account.Attempt(a, account.Try{Typed: code, Source: account.ControlSource(r.caller.UID), Now: s.Now()})
	})
}

// activate confirms an offer.
func (s *Service) activate(ctx context.Context, r request) (any, error) {
	var body ActivationRequest
	if err := r.body(&body); err != nil {
		return nil, err
	}
	if len(body.Codes) < 1 || len(body.Codes) > 2 {
		return nil, badRequest("one code is wanted, or two")
	}
	offer, ok := s.openHandle(r, body.Handle)
	if !ok {
		return nil, void()
	}
	var typed []totp.Typed
	for _, code := range body.Codes {
		typed = append(typed, totp.NewTyped(code))
	}
	next := account.NewGeneration()
	superseded := false
	a, err := s.withCode(ctx, r, audit.Activation, func(a account.Account) (account.Account, account.Outcome) {
		a, outcome := account.Confirm(a, offer, typed, s.Now(), next)
		superseded = outcome.Reason == account.Superseded
		return a, outcome
	})
	if superseded {
		return nil, void()
	}
	if err != nil {
		return nil, err
	}
	return s.describe(r.name, a, r.caller.root()), nil
}

// withCode makes an update that a code decides: one at a time for each caller,
// and a refusal costs time, also of who does not wait for it, so that this door
// is no faster than a login.
func (s *Service) withCode(ctx context.Context, r request, kind audit.Kind, decide func(account.Account) (account.Account, account.Outcome)) (account.Account, error) {
	if !s.codes.enter(r.caller.UID) {
		return account.Account{}, problem{http.StatusTooManyRequests, Problem{
			Code: ProblemBusy, Error: "another code of yours is being checked", Hint: "wait two seconds",
		}}
	}
	defer s.codes.leave(r.caller.UID)
	id := account.Host(r.name)
	a, outcome, err := s.Accounts.Update(ctx, id, decide)
	event := audit.Event{Kind: kind, Account: id, Caller: r.caller.String(), Version: a.Version, Accepted: outcome.Accepted, Reason: outcome.Reason.String()}
	if err != nil {
		event.Reason, event.Hint = ProblemUnavailable, err.Error()
	}
	s.Events.Record(event)
	if err == nil && outcome.Accepted {
		return a, nil
	}
	time.Sleep(refusalAfter)
	if err != nil {
		return account.Account{}, err
	}
	return account.Account{}, refused()
}
