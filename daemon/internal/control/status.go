package control

import (
	"context"
	"slices"
	"strings"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/totp"
)

func (s *Service) host(context.Context, request) (any, error) { return s.Office().Host, nil }

func (s *Service) status(ctx context.Context, r request) (any, error) {
	if r.name == "" {
		return nil, badRequest("no account is named")
	}
	a, err := s.Accounts.View(ctx, account.Host(r.name))
	if err != nil {
		return nil, err
	}
	if a.Version == 0 {
		if _, found, err := s.Users.UID(ctx, r.name); err == nil && !found {
			return nil, noAccount() // most likely a typing error
		}
	}
	return s.describe(r.name, a, r.caller.root()), nil
}

// list shows all accounts; one that cannot be read does not hide the others.
func (s *Service) list(ctx context.Context, r request) (any, error) {
	accounts := []Account{}
	err := s.Accounts.Each(ctx, func(id account.ID, a account.Account, err error) error {
		if id.Realm != account.RealmHost {
			return nil
		}
		if err != nil {
			accounts = append(accounts, Account{Name: id.Name, Fault: err.Error(), Refusals: []Refusal{}, Advice: []string{}})
			return nil
		}
		accounts = append(accounts, s.describe(id.Name, a, r.caller.root()))
		return nil
	})
	return accounts, err
}

// describe tells what the caller may know of an account. Who may not read true
// reasons learns nothing from which a guess could be told right or wrong.
func (s *Service) describe(name string, a account.Account, trueReasons bool) Account {
	shown := Account{
		Name:      name,
		Active:    a.Active(),
		WasActive: a.WasActive,
		Disabled:  a.Disabled && trueReasons,
		Version:   a.Version,
		Digits:    digits(a),
		Refusals:  refusals(a.Refusals, trueReasons),
		Advice:    s.advice(name, a, trueReasons),
	}
	if !a.AcceptedAt.IsZero() {
		shown.AcceptedAt = &a.AcceptedAt
	}
	shown.DriftSeconds = int(drift(a) / time.Second)
	if trueReasons {
		shown.Guarded = a.Guarded(s.Now())
		shown.Failures = a.Failures.Run
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

// refusals are the newest first. Without their true reasons those of one source
// are one row: several would tell that not all had the same reason.
func refusals(rows []account.Refusal, trueReasons bool) []Refusal {
	shown := make([]Refusal, 0, len(rows))
	for _, row := range rows {
		r := Refusal{Reason: ProblemRefused, Source: string(row.Source), Count: row.Count, Last: row.Last}
		if trueReasons {
			r.Reason = row.Reason.String()
		}
		shown = add(shown, r)
	}
	slices.SortStableFunc(shown, func(a, b Refusal) int { return b.Last.Compare(a.Last) })
	return shown
}

// add puts r into the row of its reason and source, or into one of its own.
func add(rows []Refusal, r Refusal) []Refusal {
	i := slices.IndexFunc(rows, func(row Refusal) bool { return row.Reason == r.Reason && row.Source == r.Source })
	if i < 0 {
		return append(rows, r)
	}
	rows[i].Count += r.Count
	if r.Last.After(rows[i].Last) {
		rows[i].Last = r.Last
	}
	return rows
}

// advice says what to do next, most urgent first.
func (s *Service) advice(name string, a account.Account, trueReasons bool) []string {
	texts := s.Office().Texts
	advice := []string{}
	if trueReasons && a.Disabled {
		advice = append(advice, texts.Disabled(name))
	}
	if !a.Active() {
		return append(advice, texts.Activate(name))
	}
	if trueReasons && a.Guarded(s.Now()) {
		advice = append(advice, texts.Guessing(worst(a.Refusals)), texts.TwoCodes())
	}
	if d := drift(a); d >= time.Minute || d <= -time.Minute {
		advice = append(advice, texts.PhoneOff(d))
	}
	if !trueReasons {
		return advice
	}
	switch newest(a.Refusals) {
	case account.Malformed, account.Withheld:
		advice = append(advice, texts.NoCodeTyped(digits(a)))
	case account.Replayed:
		advice = append(advice, texts.WaitForNext())
	case account.Wrong:
		if !a.Guarded(s.Now()) {
			advice = append(advice, texts.LookAtPhone())
		}
	case account.Noted:
		if !a.Guarded(s.Now()) {
			advice = append(advice, texts.TwoCodes())
		}
	}
	return advice
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
	if _, from, ok := strings.Cut(string(source), " "); ok {
		return from
	}
	return string(source)
}

func newest(rows []account.Refusal) account.Reason {
	var last account.Refusal
	for _, row := range rows {
		if !row.Last.Before(last.Last) {
			last = row
		}
	}
	return last.Reason
}
