// Package control answers control.sock: a table of requests, one row each, and
// their handlers. What has no row is no service.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/internal/seal"
	"spse-totp/daemon/internal/text"
)

// Caller is who asks, by the kernel's word.
type Caller struct {
	UID uint32
	PID int32
}

func (c Caller) root() bool { return c.UID == 0 }

func (c Caller) String() string { return fmt.Sprintf("uid %d (pid %d)", c.UID, c.PID) }

// Accounts is the store as control needs it.
type Accounts interface {
	Update(ctx context.Context, id account.ID, decide func(account.Account) (account.Account, account.Outcome)) (account.Account, account.Outcome, error)
	View(ctx context.Context, id account.ID) (account.Account, error)
	Each(ctx context.Context, visit func(account.ID, account.Account, error) error) error
	Remove(ctx context.Context, id account.ID) (account.Account, error)
}

// Users tells whose a name is.
type Users interface {
	UID(ctx context.Context, name string) (uid uint32, found bool, err error)
}

// Events takes what happened.
type Events interface {
	Record(audit.Event)
}

// Office is how this office speaks.
type Office struct {
	Host  Host
	Texts text.Texts
}

// Service answers control.sock. The exported fields are all wanted.
type Service struct {
	Accounts Accounts
	Users    Users
	Events   Events
	Seal     *seal.Sealer
	Office   func() Office // as the configuration says now
	Now      func() time.Time

	codes inFlight
	told  refusalsTold
}

// audience says which callers may make a request.
type audience int

const (
	nobody   audience = iota
	everyone          // whoever can connect
	owner             // root, and everyone for their own account
	rootOnly
)

// row is one request: what it is called, who may, what it does.
type row struct {
	pattern string
	who     audience
	handle  func(*Service, context.Context, request) (any, error)
}

var table = []row{
	{"GET " + PathHost, everyone, (*Service).host},
	{"GET " + PathAccounts, rootOnly, (*Service).list},
	{"GET " + PathAccount, owner, (*Service).status},
	{"POST " + PathOffer, owner, (*Service).offer},
	{"POST " + PathActivation, owner, (*Service).activate},
	{"POST " + PathReset, rootOnly, (*Service).reset},
	{"POST " + PathDisable, rootOnly, (*Service).disable},
	{"POST " + PathEnable, rootOnly, (*Service).enable},
	{"DELETE " + PathAccount, rootOnly, (*Service).remove},
}

// request is one request of a caller who may make it.
type request struct {
	caller Caller
	name   string // of the account; empty where the request is about none
	body   func(into any) error
}

// maxBody bounds a request's body, in bytes.
const maxBody = 16 << 10

type callerKey struct{}

// WithCaller notes who is at the other end of the connection.
func WithCaller(ctx context.Context, caller Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, caller)
}

// Handler is the table as an http.Handler. Its requests' contexts carry the
// caller; one without is refused.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range table {
		mux.Handle(r.pattern, s.row(r))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, nil, problem{http.StatusNotFound, Problem{Code: ProblemNotFound, Error: "no such request"}})
	})
	return mux
}

func (s *Service) row(r row) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		caller, known := hr.Context().Value(callerKey{}).(Caller)
		req := request{caller: caller, name: hr.URL.Query().Get("name"), body: bodyOf(w, hr)}
		if !known || !s.may(hr.Context(), r.who, req) {
			if s.told.worthTelling(caller.UID, s.Now()) {
				s.Events.Record(audit.Event{
					Kind: audit.Refused, Caller: caller.String(), Message: "request refused: " + r.pattern,
					Hint: "more of this caller's are not told of within the next minute",
				})
			}
			answer(w, nil, problem{http.StatusForbidden, Problem{
				Code: ProblemNotAllowed, Error: "you may not do that", Hint: "ask an administrator; as one: sudo",
			}})
			return
		}
		// What was begun is finished, and costs what it costs: who hangs up
		// neither cuts a commit short nor has the next try any sooner.
		result, err := r.handle(s, context.WithoutCancel(hr.Context()), req)
		answer(w, result, err)
	})
}

// may is the one place that decides who may what.
func (s *Service) may(ctx context.Context, who audience, r request) bool {
	switch who {
	case everyone:
		return true
	case owner:
		return r.caller.root() || s.owns(ctx, r)
	case rootOnly:
		return r.caller.root()
	default:
		return false
	}
}

func (s *Service) owns(ctx context.Context, r request) bool {
	uid, found, err := s.Users.UID(ctx, r.name)
	return err == nil && found && uid == r.caller.UID
}

func bodyOf(w http.ResponseWriter, hr *http.Request) func(any) error {
	return func(into any) error {
		decoder := json.NewDecoder(http.MaxBytesReader(w, hr.Body, maxBody))
		decoder.DisallowUnknownFields()
		// The decoder's own words may quote what it read.
		unexpected := badRequest("the request's body is not what was expected")
		if err := decoder.Decode(into); err != nil {
			return unexpected
		}
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) { // there is to be no more
			return unexpected
		}
		return nil
	}
}
