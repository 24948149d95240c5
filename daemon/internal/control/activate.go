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
	a, by, err := s.entitled(ctx, r, totp.NewTyped(body.Code))
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
	offer := account.Offer{Secret: secret, Params: key.Params, Generation: a.Generation, By: by}
	if by == account.ByIssued {
		offer.Issued = a.Issued.Salt
	}
	sealed, err := s.sealOffer(r, offer)
	if err != nil {
		return nil, err
	}
	return Offer{KeyURI: uri, Handle: sealed}, nil
}

// entitled returns the account of a caller who may activate a new phone now, and
// what entitles to it.
func (s *Service) entitled(ctx context.Context, r request, code totp.Typed) (account.Account, account.Entitlement, error) {
	a, err := s.view(ctx, r)
	switch {
	case err != nil:
		return account.Account{}, 0, err
	case !a.Active() && a.Disabled && r.as.trusted():
		return account.Account{}, 0, problem{http.StatusConflict, Problem{
			Code: ProblemRefused, Error: "the account is disabled", Hint: "spse-totp enable lets it activate",
		}}
	case !a.Active() && a.Disabled:
		return account.Account{}, 0, refused()
	case a.MayBegin() && s.Office().PasswordActivates:
		return a, account.ByPassword, nil
	case code.IsEmpty() && a.Active():
		return account.Account{}, 0, problem{http.StatusConflict, Problem{
			Code: ProblemCodeWanted, Error: "the account is active already",
			Hint: "give a code of the phone it has, or a recovery code; neither? the helpdesk: spse-totp issue",
		}}
	case code.IsEmpty():
		return account.Account{}, 0, problem{http.StatusConflict, Problem{
			Code: ProblemIssuedWanted, Error: "activation takes a code of the helpdesk",
			Hint: "the helpdesk: spse-totp issue " + r.name,
		}}
	}
	a, outcome, err := s.spend(ctx, r, code)
	if outcome.Reason == account.Entitled {
		return a, account.ByIssued, err
	}
	return a, account.ByCode, err
}

// spend is an attempt on control.sock.
func (s *Service) spend(ctx context.Context, r request, code totp.Typed) (account.Account, account.Outcome, error) {
	limits := s.Office().Limits
	return s.withCode(ctx, r, audit.Attempt, func(a account.Account, try account.Try) (account.Account, account.Outcome) {
		try.Typed = code
		return account.Attempt(a, try, limits)
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
	offer, ok := s.openOffer(r, body.Handle)
	if !ok || offer.By == account.ByPassword && !s.Office().PasswordActivates { // as the rule is now
		return nil, void()
	}
	var typed []totp.Typed
	for _, code := range body.Codes {
		typed = append(typed, totp.NewTyped(code))
	}
	next := account.NewGeneration()
	a, outcome, err := s.withCode(ctx, r, audit.Activation, func(a account.Account, try account.Try) (account.Account, account.Outcome) {
		return account.Confirm(a, offer, typed, try, next)
	})
	switch {
	case outcome.Reason == account.Superseded, outcome.Reason == account.Replayed && !outcome.Accepted && offer.By == account.ByIssued:
		return nil, void()
	case err != nil:
		return nil, err
	}
	return s.describe(r.name, a, r.as), nil
}

// withCode makes an update that a code decides: one at a time for each caller,
// and a refusal costs time, also of who does not wait for it, so that this door
// is no faster than a login. Without an error the code was right.
func (s *Service) withCode(ctx context.Context, r request, kind audit.Kind, decide func(account.Account, account.Try) (account.Account, account.Outcome)) (account.Account, account.Outcome, error) {
	if !s.codes.enter(r.caller.UID) {
		return account.Account{}, account.Outcome{}, problem{http.StatusTooManyRequests, Problem{
			Code: ProblemBusy, Error: "another code of yours is being checked", Hint: "wait two seconds",
		}}
	}
	defer s.codes.leave(r.caller.UID)
	id := account.Host(r.name)
	uid, _, err := s.Users.UID(ctx, r.name)
	if err != nil {
		return account.Account{}, account.Outcome{}, err
	}
	a, outcome, err := s.Accounts.Update(ctx, id, func(a account.Account) (account.Account, account.Outcome) {
		return decide(a, s.try(r, uid))
	})
	event := audit.Event{Kind: kind, Account: id, Caller: r.caller.String(), Version: a.Version, Accepted: outcome.Accepted, Reason: outcome.Reason.String()}
	if err != nil {
		event.Reason, event.Hint = ProblemUnavailable, err.Error()
	}
	s.Events.Record(event)
	if err == nil && (outcome.Accepted || outcome.Reason == account.Entitled) {
		return a, outcome, nil
	}
	time.Sleep(refusalAfter)
	if err == nil {
		err = s.refusal(outcome)
	}
	return account.Account{}, outcome, err
}

// try is what is known of a try when it is judged.
func (s *Service) try(r request, uid uint32) account.Try {
	now := s.Now()
	return account.Try{
		Source:      account.ControlSource(r.caller.UID),
		Owner:       account.Owner{Host: s.ThisHost, UID: uid},
		Now:         now,
		ClockBehind: s.Accounts.ClockBehind(now),
	}
}

// refusal is the one word for every refused code, but for what is no fault of
// the code's.
func (s *Service) refusal(outcome account.Outcome) error {
	switch outcome.Reason {
	case account.OnlyOnce:
		return problem{http.StatusConflict, Problem{
			Code: ProblemBadRequest, Error: "that code is for one login, not for a phone", Hint: "type it at a login; it is unspent",
		}}
	case account.ClockBehind:
		return problem{http.StatusConflict, Problem{
			Code: ProblemUnavailable, Error: "the host's clock is behind: no code can be checked", Hint: s.Office().Texts.ClockBehind(),
		}}
	}
	return refused()
}
