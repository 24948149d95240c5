package control

import (
	"encoding/json"
	"errors"
	"net/http"

	"spse-totp/daemon/internal/store"
)

// problem is an answer that is no success.
type problem struct {
	status int
	Problem
}

func (p problem) Error() string { return p.Problem.Error }

func badRequest(what string) error {
	return problem{http.StatusBadRequest, Problem{Code: ProblemBadRequest, Error: what}}
}

func answer(w http.ResponseWriter, result any, err error) {
	status := http.StatusOK
	if err != nil {
		p := asProblem(err)
		status, result = p.status, p.Problem
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(result) // the caller may be gone
}

func asProblem(err error) problem {
	var p problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, store.ErrTampered):
		return problem{http.StatusInternalServerError, Problem{
			Code: ProblemUnavailable, Error: "the account's record cannot be read: it was changed from outside",
			Hint: "an administrator finds the details in the journal; spse-totp remove lets the person activate anew",
		}}
	default:
		return problem{http.StatusServiceUnavailable, Problem{
			Code: ProblemUnavailable, Error: "the store cannot do it at the moment: nothing was changed",
			Hint: "an administrator finds the cause in the journal: journalctl -u spse-totpd",
		}}
	}
}

func refused() error {
	return problem{http.StatusForbidden, Problem{Code: ProblemRefused, Error: "the code was not accepted"}}
}

func anothers(hint string) error {
	return problem{http.StatusForbidden, Problem{Code: ProblemNotAllowed, Error: "this account belongs to another uid", Hint: hint}}
}

func void() error {
	return problem{http.StatusConflict, Problem{
		Code: ProblemVoid, Error: "this activation is void: too old, or the account changed meanwhile",
		Hint: "delete the entry in the phone and start again: spse-totp activate",
	}}
}

func voidCodes() error {
	return problem{http.StatusConflict, Problem{
		Code: ProblemVoid, Error: "these recovery codes are void: too old, or the account changed meanwhile",
		Hint: "throw the note away and start again: spse-totp recovery new",
	}}
}

func noAccount() error {
	return problem{http.StatusNotFound, Problem{
		Code: ProblemNoAccount, Error: "no such account", Hint: "spse-totp list shows those there are; getent passwd the users",
	}}
}
