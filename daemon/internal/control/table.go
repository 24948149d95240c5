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
	// GIDs are its groups, the primary one among them.
	GIDs []uint32
}

func (c Caller) String() string { return fmt.Sprintf("uid %d (pid %d)", c.UID, c.PID) }

// Accounts is the store as control needs it.
type Accounts interface {
	Update(ctx context.Context, id account.ID, decide func(account.Account) (account.Account, account.Outcome)) (account.Account, account.Outcome, error)
	View(ctx context.Context, id account.ID) (account.Account, error)
	Each(ctx context.Context, visit func(account.ID, account.Account, error) error) error
	Remove(ctx context.Context, id account.ID) (account.Account, error)
	ClockBehind(now time.Time) bool
	ClockMark() time.Time
	AcceptClock(ctx context.Context, now time.Time) error
}

// Users tells whose a name is.
type Users interface {
	UID(ctx context.Context, name string) (uid uint32, found bool, err error)
	// InAny says whether the user is in one of the groups. What cannot be read
	// is an error.
	InAny(ctx context.Context, name string, groups []string) (bool, error)
}

// Events takes what happened.
type Events interface {
	Record(audit.Event)
}

// Office is how this office speaks.
type Office struct {
	Host   Host
	Texts  text.Texts
	Limits account.Limits

	// PasswordActivates says that an account that never was active needs no
	// code for its first phone.
	PasswordActivates bool

	// Helpdesk is the group whose members help others; there may be none.
	Helpdesk *uint32
	// Administrators are the groups whose members the helpdesk cannot help.
	Administrators []string
}

// Service answers control.sock. The exported fields are all wanted.
type Service struct {
	Accounts Accounts
	Users    Users
	Events   Events
	Seal     *seal.Sealer
	ThisHost account.HostID
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
	deskOnly          // root and the helpdesk
	anyParty          // root, the helpdesk, and everyone for their own account
	rootOnly
)

// row is one request: what it is called, who may, what it does.
type row struct {
	pattern string
	who     audience
	verb    string // of the CLI, as whoami lists it; empty for what none is for
	handle  func(*Service, context.Context, request) (any, error)
}

// table is a function, since one of its handlers tells what stands in it.
func table() []row {
	return []row{
		{"GET " + PathHost, everyone, "", (*Service).host},
		{"GET " + PathWhoAmI, everyone, "whoami", (*Service).whoAmI},
		{"GET " + PathAccounts, rootOnly, "list", (*Service).list},
		{"GET " + PathAccount, anyParty, "status", (*Service).status},
		{"POST " + PathOffer, owner, "", (*Service).offer},
		{"POST " + PathActivation, owner, "activate", (*Service).activate},
		{"POST " + PathRecoveryOffer, owner, "", (*Service).offerRecovery},
		{"POST " + PathRecovery, owner, "recovery new", (*Service).confirmRecovery},
		{"POST " + PathReset, deskOnly, "reset", (*Service).reset},
		{"POST " + PathIssue, deskOnly, "issue", (*Service).issue},
		{"POST " + PathDisable, deskOnly, "disable", (*Service).disable},
		{"POST " + PathEnable, rootOnly, "enable", (*Service).enable},
		{"DELETE " + PathAccount, rootOnly, "remove", (*Service).remove},
		{"GET " + PathClock, rootOnly, "clock", (*Service).clock},
		{"POST " + PathClock, rootOnly, "clock accept", (*Service).acceptClock},
	}
}

// request is one request of a caller who may make it.
type request struct {
	caller Caller
	as     role
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
	for _, r := range table() {
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
		if known {
			req.as = s.roleOf(hr.Context(), caller, req.name)
		}
		if !known || !may(r.who, req.as) {
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
