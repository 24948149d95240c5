package control

import "time"

// The paths of control.sock. An account is named by the query parameter
// `name`, byte for byte.
const (
	PathHost          = "/v1/host"
	PathWhoAmI        = "/v1/whoami"
	PathClock         = "/v1/clock"
	PathAccounts      = "/v1/accounts"
	PathAccount       = "/v1/account"
	PathOffer         = "/v1/account/offer"
	PathActivation    = "/v1/account/activation"
	PathRecoveryOffer = "/v1/account/recovery/offer"
	PathRecovery      = "/v1/account/recovery"
	PathReset         = "/v1/account/reset"
	PathIssue         = "/v1/account/issue"
	PathDisable       = "/v1/account/disable"
	PathEnable        = "/v1/account/enable"
)

// Host is how this office speaks.
type Host struct {
	Language string `json:"language"`
	Issuer   string `json:"issuer"`
	Contact  string `json:"contact"`
}

// Account is what `status` and `list` show. Nothing in it is secret.
type Account struct {
	Name         string     `json:"name"`
	Active       bool       `json:"active"`
	WasActive    bool       `json:"was_active"`
	Disabled     *bool      `json:"disabled,omitempty"` // for those who read true reasons
	AcceptedAt   *time.Time `json:"accepted_at,omitempty"`
	DriftSeconds int        `json:"drift_seconds"`
	Version      uint64     `json:"version"`

	// RecoveryLeft is how many recovery codes are good still.
	RecoveryLeft int `json:"recovery_left"`

	// What follows is for those who read true reasons, too.

	// Guarded says that only two codes in a row let in; GuardedUntil is when
	// that ends by itself, where it does: else the next accepted code ends it.
	// GuardedBy is where most of the wrong codes came from that are still known.
	Guarded      bool       `json:"guarded,omitempty"`
	GuardedUntil *time.Time `json:"guarded_until,omitempty"`
	GuardedBy    string     `json:"guarded_by,omitempty"`
	// Locked says that only a recovery code or an issued code lets in.
	Locked   bool   `json:"locked,omitempty"`
	Failures uint32 `json:"failures,omitempty"`
	// FailuresMonth is the number in the 31 days that FailuresSince began.
	FailuresMonth uint32     `json:"failures_month,omitempty"`
	FailuresSince *time.Time `json:"failures_since,omitempty"`
	// UID is the one that the name had on this host when its codes were accepted;
	// another's is refused.
	UID *uint32 `json:"uid,omitempty"`
	// IssuedUntil is till when an issued code is good, where there is one.
	IssuedUntil *time.Time `json:"issued_until,omitempty"`
	IssuedOnce  bool       `json:"issued_once,omitempty"`

	// Happened is what was done to the way in, the newest first.
	Happened []Happening `json:"happened"`

	// Digits of the codes asked for.
	Digits int `json:"digits"`

	Refusals []Refusal `json:"refusals"`
	// Advice says what to do next, in the office's language.
	Advice []string `json:"advice"`

	// Fault is why the record cannot be read; then nothing above is known.
	Fault string `json:"fault,omitempty"`
}

// Refusal is one reason from one source. Who may not read true reasons reads
// of the newest alone, as `refused` and without a count.
type Refusal struct {
	Reason string    `json:"reason"`
	Source string    `json:"source"`
	Count  uint32    `json:"count,omitempty"`
	Last   time.Time `json:"last"`
}

// Happening is a change of the way in.
type Happening struct {
	Change string    `json:"change"`
	At     time.Time `json:"at"`
	Source string    `json:"source"`
}

// WhoAmI is who the caller is to the daemon, and which verbs that is good for.
type WhoAmI struct {
	UID      uint32   `json:"uid"`
	Root     bool     `json:"root"`
	Helpdesk bool     `json:"helpdesk"`
	Own      []string `json:"own"`    // for the own account
	Others   []string `json:"others"` // for others' accounts
}

// Clock is the host's clock and its mark: the newest time at which a code was
// accepted here.
type Clock struct {
	Now    time.Time  `json:"now"`
	Mark   *time.Time `json:"mark,omitempty"`
	Behind bool       `json:"behind"` // codes are refused
	// Advice says what to do about it, in the office's language.
	Advice []string `json:"advice"`
}

// OfferRequest asks for a new phone's secret. An active account wants a code of
// the phone it has or a recovery code; one that was active, an issued code.
type OfferRequest struct {
	Code string `json:"code,omitempty"`
}

// Offer is a secret that is shown once, and the handle that confirms it.
type Offer struct {
	KeyURI string `json:"key_uri"` // a secret
	Handle string `json:"handle"`  // a secret, sealed
}

// ActivationRequest confirms an offer by what was typed, the newest last: one
// code, or the last two where the phone's clock may be off.
type ActivationRequest struct {
	Handle string   `json:"handle"`
	Codes  []string `json:"codes"`
}

// RecoveryOffer is new recovery codes, in their numbers' order, shown once, and
// the handle that confirms them by the code of the number Asked.
type RecoveryOffer struct {
	Codes  []string `json:"codes"` // secrets
	Asked  int      `json:"asked"` // from 1
	Handle string   `json:"handle"`
}

// RecoveryRequest confirms recovery codes by the one asked for.
type RecoveryRequest struct {
	Handle string `json:"handle"`
	Code   string `json:"code"`
}

// IssueRequest asks for an issued code.
type IssueRequest struct {
	Justification
	ValidSeconds int64 `json:"valid_seconds"`
	Once         bool  `json:"once,omitempty"`
}

// Issued is a code to be read out, which is shown once.
type Issued struct {
	Code    string    `json:"code"` // a secret
	Until   time.Time `json:"until"`
	Once    bool      `json:"once,omitempty"`
	Account Account   `json:"account"`
	// Says is what stands above the code, in the office's language.
	Says []string `json:"says"`
}

// Justification says who acts as an administrator and why, for the auditor a
// year later. Reason is wanted by
// reset, issue and remove.
type Justification struct {
	// By is the name that the administrator logged in as, before sudo: by
	// root's own word, since only root sees it.
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
	Letter string `json:"letter,omitempty"`
}

// Problem is the body of every answer that is no success.
type Problem struct {
	// Code is one of the Problem* words below.
	Code  string `json:"code"`
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
}

// What a Problem's Code can be.
const (
	ProblemRefused      = "refused"            // the code was not accepted
	ProblemCodeWanted   = "code-wanted"        // the account is active: send a current code or a recovery code
	ProblemIssuedWanted = "issued-code-wanted" // send an issued code
	ProblemVoid         = "void"               // the offer is too old, or something changed since
	ProblemNotAllowed   = "not-allowed"        // the caller may not
	ProblemBusy         = "busy"               // another request of this caller is in hand
	ProblemNoAccount    = "no-account"         // no such user, or no record
	ProblemBadRequest   = "bad-request"        // malformed
	ProblemUnavailable  = "unavailable"        // the store could not do it
	ProblemNotFound     = "not-found"          // no such request
)
