package control

import (
	"context"
	"slices"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/totp"
)

func (s *Service) host(context.Context, request) (any, error) { return s.Office().Host, nil }

func (s *Service) status(ctx context.Context, r request) (any, error) {
	if r.name == "" {
		return nil, badRequest("no account is named")
	}
	a, err := s.view(ctx, r)
	if err != nil {
		return nil, err
	}
	uid, found, err := s.Users.UID(ctx, r.name)
	if a.Version == 0 && err == nil && !found {
		return nil, noAccount() // most likely a typing error
	}
	shown := s.describe(r.name, a, r.as)
	said := s.Office().Texts.ForeignUID(r.name)
	if err == nil && found && s.isAnothers(a, uid) && !slices.Contains(shown.Advice, said) {
		shown.Advice = slices.Insert(shown.Advice, 0, said) // before anybody was refused for it
	}
	return shown, nil
}

// list shows all accounts; one that cannot be read does not hide the others.
func (s *Service) list(ctx context.Context, r request) (any, error) {
	accounts := []Account{}
	err := s.Accounts.Each(ctx, func(id account.ID, a account.Account, err error) error {
		if id.Realm != account.RealmHost {
			return nil
		}
		if err != nil {
			accounts = append(accounts, Account{Name: id.Name, Fault: err.Error(), Refusals: []Refusal{}, Happened: []Happening{}, Advice: []string{}})
			return nil
		}
		accounts = append(accounts, s.describe(id.Name, a, r.as))
		return nil
	})
	return accounts, err
}

// describe tells what the caller may know of an account. Who may not read true
// reasons learns nothing from which a guess could be told right or wrong.
func (s *Service) describe(name string, a account.Account, as role) Account {
	trueReasons := as.trusted()
	shown := Account{
		Name:         name,
		Active:       a.Active(),
		WasActive:    a.WasActive,
		Version:      a.Version,
		Digits:       digits(a),
		Refusals:     refusals(a.Refusals),
		RecoveryLeft: a.Recovery.Left(),
		Happened:     happened(a.Happened),
		Advice:       s.advice(name, a, trueReasons),
	}
	if !a.AcceptedAt.IsZero() {
		shown.AcceptedAt = &a.AcceptedAt
	}
	shown.DriftSeconds = int(drift(a) / time.Second)
	if !trueReasons {
		shown.Refusals = withoutReasons(shown.Refusals)
		return shown
	}
	s.describeToTrusted(&shown, a)
	return shown
}

// describeToTrusted adds what only the helpdesk and root may know.
func (s *Service) describeToTrusted(shown *Account, a account.Account) {
	now := s.Now()
	shown.Disabled = &a.Disabled
	shown.Guarded, shown.Locked = a.Guarded(now), a.Locked(s.Office().Limits)
	if until := a.GuardedUntil(now); !until.IsZero() {
		shown.GuardedUntil = &until
	}
	if shown.Guarded {
		shown.GuardedBy = guesser(a)
	}
	shown.Failures, shown.FailuresMonth = a.Failures.Run, a.Failures.Month
	if a.Failures.Month > 0 {
		shown.FailuresSince = &a.Failures.MonthStart
	}
	for _, owner := range a.Owners {
		if owner.Host == s.ThisHost {
			shown.UID = &owner.UID
		}
	}
	if a.Issued.Good(now) {
		until := a.Issued.At.Add(a.Issued.Valid)
		shown.IssuedUntil, shown.IssuedOnce = &until, a.Issued.Once
	}
}

// happened is the newest first.
func happened(rows []account.Happening) []Happening {
	shown := make([]Happening, 0, len(rows))
	for _, row := range slices.Backward(rows) {
		shown = append(shown, Happening{Change: row.Change.String(), At: row.At, Source: string(row.Source)})
	}
	return shown
}

func digits(a account.Account) int {
	if a.Active() {
		return a.Phone.Params.Digits
	}
	return totp.DefaultParams().Digits
}

// drift is how far the phone's clock is ahead of the host's.
func drift(a account.Account) time.Duration {
	return time.Duration(a.Phone.Drift) * a.Phone.Params.Period
}

// refusals are the newest first.
func refusals(rows []account.Refusal) []Refusal {
	shown := make([]Refusal, 0, len(rows))
	for _, row := range slices.Backward(rows) {
		shown = append(shown, Refusal{Reason: row.Reason.String(), Source: string(row.Source), Count: row.Count, Last: row.Last})
	}
	slices.SortStableFunc(shown, func(a, b Refusal) int { return b.Last.Compare(a.Last) })
	return shown
}

// withoutReasons leaves the newest refusal, without its reason and number: from
// more, such as which row gave way to another, the reasons could be told.
func withoutReasons(rows []Refusal) []Refusal {
	if len(rows) == 0 {
		return rows
	}
	return []Refusal{{Reason: ProblemRefused, Source: rows[0].Source, Last: rows[0].Last}}
}

// advice says what to do next, most urgent first.
func (s *Service) advice(name string, a account.Account, trueReasons bool) []string {
	texts := s.Office().Texts
	advice := []string{}
	if s.Accounts.ClockBehind(s.Now()) {
		advice = append(advice, texts.ClockBehind())
	}
	if trueReasons {
		advice = append(advice, s.obstacles(name, a)...)
	}
	last, refused := newest(a.Unanswered())
	if !a.Active() {
		if !trueReasons || !a.Issued.Good(s.Now()) { // an open code was told of above
			advice = append(advice, s.howToActivate(name, a))
		}
		if refused && trueReasons && last.Reason == account.UnknownCode {
			advice = append(advice, texts.UnknownCode())
		}
		return advice
	}
	if trueReasons && a.Guarded(s.Now()) {
		advice = append(advice, texts.Guessing(guesser(a)))
		if !a.Locked(s.Office().Limits) {
			advice = append(advice, texts.TwoCodes())
		}
	}
	if d := drift(a); d >= time.Minute || d <= -time.Minute {
		advice = append(advice, texts.PhoneOff(d))
	}
	switch {
	case refused && trueReasons:
		advice = append(advice, s.adviceFor(last, name, a)...)
	case refused:
		advice = append(advice, texts.Refused())
	}
	return advice
}

// obstacles are what stands in the way of every code.
func (s *Service) obstacles(name string, a account.Account) []string {
	texts := s.Office().Texts
	var said []string
	if a.Disabled {
		said = append(said, texts.Disabled(name))
	}
	if a.Locked(s.Office().Limits) {
		said = append(said, texts.Locked(name))
	}
	if slices.ContainsFunc(a.Unanswered(), func(row account.Refusal) bool { return row.Reason == account.ForeignUID }) {
		said = append(said, texts.ForeignUID(name))
	}
	if a.Issued.Good(s.Now()) {
		said = append(said, texts.IssuedOpen(a.Issued.At.Add(a.Issued.Valid), a.Issued.Once))
	}
	return said
}

func (s *Service) howToActivate(name string, a account.Account) string {
	office := s.Office()
	switch {
	case a.WasActive:
		return office.Texts.WasReset(name)
	case !office.PasswordActivates:
		return office.Texts.ActivateByIssued(name)
	}
	return office.Texts.Activate(name)
}

// adviceFor says what helps against the last refusal.
func (s *Service) adviceFor(last account.Refusal, name string, a account.Account) []string {
	texts := s.Office().Texts
	guarded := a.Guarded(s.Now())
	switch {
	case last.Reason == account.Malformed, last.Reason == account.Withheld:
		return []string{texts.NoCodeTyped(digits(a))}
	case last.Reason == account.Replayed:
		return []string{texts.WaitForNext()}
	case last.Reason == account.UnknownCode:
		return []string{texts.UnknownCode()}
	case last.Reason == account.Expired:
		return []string{texts.ExpiredCode(name)}
	case last.Reason == account.Wrong && !guarded:
		return []string{texts.LookAtPhone()}
	case last.Reason == account.Noted && !guarded:
		off := time.Duration(a.Phone.Noted.Step-a.Phone.Params.StepAt(last.Last)) * a.Phone.Params.Period
		if a.Phone.Noted.Step == 0 || off == 0 {
			return []string{texts.TwoCodes()}
		}
		return []string{texts.PhoneOff(off), texts.TwoCodes()}
	}
	return nil
}

// guesser is where somebody tries codes from: of the wrong ones since the last
// accepted code, or where there is none, of all that are known.
func guesser(a account.Account) string {
	if from := worst(a.Unanswered()); from != "" {
		return from
	}
	return worst(a.Refusals)
}

// worst is where most wrong codes came from, without the service's name where
// there is an address or a terminal.
func worst(rows []account.Refusal) string {
	var source account.Source
	var most uint32
	for _, row := range rows {
		if row.Reason == account.Wrong && row.Count > most {
			source, most = row.Source, row.Count
		}
	}
	return source.From()
}

func newest(rows []account.Refusal) (last account.Refusal, found bool) {
	for _, row := range rows {
		if !found || !row.Last.Before(last.Last) {
			last, found = row, true
		}
	}
	return last, found
}
