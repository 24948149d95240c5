package control

import "time"

// The paths of control.sock. An account is named by the query parameter
// `name`, byte for byte.
const (
	PathHost       = "/v1/host"
	PathAccounts   = "/v1/accounts"
	PathAccount    = "/v1/account"
	PathOffer      = "/v1/account/offer"
	PathActivation = "/v1/account/activation"
	PathReset      = "/v1/account/reset"
	PathDisable    = "/v1/account/disable"
	PathEnable     = "/v1/account/enable"
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

	// Guarded and Failures likewise.
	Guarded  bool   `json:"guarded,omitempty"`
	Failures uint32 `json:"failures,omitempty"`

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

// OfferRequest asks for a new phone's secret. An active account wants a code
// of the phone it has.
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

// Justification says who acts as an administrator and why, for the auditor a
// year later. Reason is wanted by reset and remove.
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
	ProblemRefused     = "refused"     // the code was not accepted
	ProblemCodeWanted  = "code-wanted" // the account is active: send a current code
	ProblemVoid        = "void"        // the offer is too old, or something changed since
	ProblemNotAllowed  = "not-allowed" // the caller may not
	ProblemBusy        = "busy"        // another request of this caller is in hand
	ProblemNoAccount   = "no-account"  // no such user, or no record
	ProblemBadRequest  = "bad-request" // malformed
	ProblemUnavailable = "unavailable" // the store could not do it
	ProblemNotFound    = "not-found"   // no such request
)
