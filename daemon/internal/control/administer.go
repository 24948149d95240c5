package control

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
	"spse-totp/totp"
)

// How much an administrator may say, in bytes.
const (
	maxReason = 200
	maxLetter = 64
)

// resetValid is how long the code that a reset prints is good.
const resetValid = 24 * time.Hour

// reset takes the phone away, and gives the code that the new activation takes.
func (s *Service) reset(ctx context.Context, r request) (any, error) {
	var why Justification
	if err := r.body(&why); err != nil {
		return nil, err
	}
	grant, err := s.newGrant(r, resetValid, false)
	if err != nil {
		return nil, err
	}
	var warned []string
	a, err := s.change(ctx, r, audit.Event{Kind: audit.Reset, Hint: grant.hint()}, why, func(a account.Account, next account.Generation) account.Account {
		warned = nil
		if a.Guarded(s.Now()) {
			warned = []string{s.Office().Texts.GuessedFirst(guesser(a))}
		}
		return grant.give(account.Reset(a, next, grant.by, grant.at))
	})
	if err != nil {
		return nil, err
	}
	return s.issued(r, a, grant, warned), nil
}

// issue gives a code without taking anything away.
func (s *Service) issue(ctx context.Context, r request) (any, error) {
	var body IssueRequest
	if err := r.body(&body); err != nil {
		return nil, err
	}
	valid := time.Duration(body.ValidSeconds) * time.Second
	switch {
	case body.ValidSeconds <= 0 || body.ValidSeconds > int64(account.MaxIssuedValid/time.Second):
		return nil, badRequest("a code is good for a second at least, and for 7 days at most")
	case body.Once && r.as != asRoot:
		return nil, problem{http.StatusForbidden, Problem{
			Code: ProblemNotAllowed, Error: "a code that lets in by itself is root's to give", Hint: "without --once the code leads to a new phone",
		}}
	}
	grant, err := s.newGrant(r, valid, body.Once)
	if err != nil {
		return nil, err
	}
	a, err := s.change(ctx, r, audit.Event{Kind: audit.Issue, Hint: grant.hint(), BreakGlass: body.Once}, body.Justification, func(a account.Account, _ account.Generation) account.Account {
		return grant.give(a)
	})
	if err != nil {
		return nil, err
	}
	return s.issued(r, a, grant, nil), nil
}

// grant is a code that is being issued.
type grant struct {
	code  totp.LongCode
	salt  account.Salt
	valid time.Duration
	once  bool
	by    account.Source
	at    time.Time
}

func (s *Service) newGrant(r request, valid time.Duration, once bool) (grant, error) {
	code, err := totp.NewLongCode(totp.Issued)
	return grant{code: code, salt: account.NewSalt(), valid: valid, once: once, by: account.ControlSource(r.caller.UID), at: s.Now()}, err
}

// hint says in the journal what the code is for, and till when.
func (g grant) hint() string {
	until := g.at.Add(g.valid).UTC().Format(time.RFC3339)
	if g.once {
		return "break-glass: a code that lets in once, without a phone, until " + until
	}
	return "a code that leads to a new phone, until " + until
}

func (g grant) give(a account.Account) account.Account {
	return account.Issue(a, g.code, g.salt, g.valid, g.once, g.by, g.at)
}

// issued shows a code, below what the clerk should know, such as what he is
// warned of.
func (s *Service) issued(r request, a account.Account, g grant, warned []string) Issued {
	texts := s.Office().Texts
	shown := Issued{Code: g.code.Grouped(), Until: g.at.Add(g.valid), Once: g.once, Account: s.describe(r.name, a, r.as), Says: []string{}}
	if a.Disabled {
		shown.Says = append(shown.Says, texts.Disabled(r.name))
	}
	if s.Accounts.ClockBehind(s.Now()) && !g.once {
		shown.Says = append(shown.Says, texts.ClockBehind())
	}
	shown.Says = append(shown.Says, warned...)
	shown.Says = append(shown.Says, texts.ReadOut(shown.Until, g.once))
	return shown
}

func (s *Service) disable(ctx context.Context, r request) (any, error) {
	return s.setDisabled(ctx, r, audit.Disable, true)
}

func (s *Service) enable(ctx context.Context, r request) (any, error) {
	return s.setDisabled(ctx, r, audit.Enable, false)
}

func (s *Service) setDisabled(ctx context.Context, r request, kind audit.Kind, disabled bool) (any, error) {
	var why Justification
	if err := r.body(&why); err != nil {
		return nil, err
	}
	a, err := s.change(ctx, r, audit.Event{Kind: kind}, why, func(a account.Account, next account.Generation) account.Account {
		return account.SetDisabled(a, disabled, next)
	})
	if err != nil {
		return nil, err
	}
	return s.describe(r.name, a, r.as), nil
}

// change is an administrator's change of an account. Only a disable and an issued
// code make a record where there is none, and only for a user there is. No code is
// issued for who has another uid than the account is bound to, since every login
// would refuse it. The event tells of the change, once it is complete.
func (s *Service) change(ctx context.Context, r request, event audit.Event, why Justification, apply func(account.Account, account.Generation) account.Account) (account.Account, error) {
	kind := event.Kind
	why, err := checked(r, why, kind == audit.Reset || kind == audit.Issue)
	if err != nil {
		return account.Account{}, err
	}
	next := account.NewGeneration()
	uid, isUser, err := s.Users.UID(ctx, r.name)
	isUser = isUser && err == nil
	mayBegin := (kind == audit.Disable || kind == audit.Issue) && isUser
	id := account.Host(r.name)
	var refusal error
	a, _, err := s.Accounts.Update(ctx, id, func(a account.Account) (account.Account, account.Outcome) {
		refusal = nil
		switch {
		case a.Version == 0 && !mayBegin:
			refusal = noAccount()
		case kind == audit.Issue && isUser && s.isAnothers(a, uid):
			refusal = anothers("find out whose it is; then spse-totp reset " + r.name + ", which gives a code too")
		default:
			a = apply(a, next)
		}
		return a, account.Outcome{}
	})
	if err := cmp.Or(err, refusal); err != nil {
		return account.Account{}, err
	}
	event.Account, event.Version, event.Caller = id, a.Version, r.caller.String()
	event.By, event.Why, event.Letter = why.By, why.Reason, why.Letter
	s.Events.Record(event)
	return a, nil
}

// remove deletes the record of a person who left, or one that cannot be read.
func (s *Service) remove(ctx context.Context, r request) (any, error) {
	why, err := justification(r, true)
	if err != nil {
		return nil, err
	}
	id := account.Host(r.name)
	a, err := s.Accounts.Remove(ctx, id)
	if err != nil {
		return nil, err
	}
	if a.Version == 0 {
		return nil, noAccount()
	}
	s.Events.Record(audit.Event{
		Kind: audit.Remove, Account: id, Version: a.Version, Caller: r.caller.String(), By: why.By, Why: why.Reason, Letter: why.Letter,
	})
	removed := s.describe(r.name, account.Account{}, r.as)
	removed.Advice = []string{} // who left is not to activate anew
	return removed, nil
}

func justification(r request, reasonWanted bool) (Justification, error) {
	var why Justification
	if err := r.body(&why); err != nil {
		return Justification{}, err
	}
	return checked(r, why, reasonWanted)
}

func checked(r request, why Justification, reasonWanted bool) (Justification, error) {
	if r.as != asRoot {
		why.By = "" // the kernel tells who it is, and a name would be his own word
	}
	why.Reason, why.Letter = strings.TrimSpace(why.Reason), strings.TrimSpace(why.Letter)
	switch {
	case why.Reason == "" && reasonWanted:
		return Justification{}, badRequest("a reason is wanted")
	case !line(why.Reason, maxReason):
		return Justification{}, badRequest("the reason is one line of at most 200 bytes")
	case !line(why.By, maxReason):
		return Justification{}, badRequest("the administrator's name is one line")
	case !line(why.Letter, maxLetter):
		return Justification{}, badRequest("the letter's number is one line of at most 64 bytes")
	}
	return why, nil
}

// line says whether s is one line of printable text.
func line(s string, limit int) bool {
	return len(s) <= limit && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
