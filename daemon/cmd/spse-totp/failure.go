package main

import (
	"errors"
	"fmt"

	"spse-totp/daemon/internal/control"
)

// Exit codes. The help of spse-totp documents them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
)

// Codes of failures that the daemon has no part in, beside its own Problem*.
const (
	codeFailed      = "failed"
	codeUsage       = "usage"
	codeUnreachable = "unreachable"
)

// failure is why a command did not do what it was told: what is the matter,
// what to do about it, and the exit code.
type failure struct {
	control.Problem
	exit int
}

func (f *failure) Error() string { return f.Problem.Error }

// errTold ends a command with exitFailed where the person was told already.
var errTold = errors.New("told already")

func failed(what, hint string) error {
	return &failure{control.Problem{Code: codeFailed, Error: what, Hint: hint}, exitFailed}
}

func usage(err error) error {
	return &failure{control.Problem{Code: codeUsage, Error: err.Error(), Hint: "spse-totp --help shows the usage, with examples"}, exitUsage}
}

func unreachable(what, hint string) error {
	return &failure{control.Problem{Code: codeUnreachable, Error: what, Hint: hint}, exitUnreachable}
}

// refusedWith says whether the daemon refused with this Problem* code.
func refusedWith(err error, code string) bool {
	var f *failure
	return errors.As(err, &f) && f.Code == code
}

// tell prints the error and returns the exit code.
func (a *app) tell(err error) int {
	if errors.Is(err, errTold) {
		return exitFailed
	}
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{control.Problem{Code: codeFailed, Error: err.Error()}, exitFailed}
	}
	fmt.Fprintf(a.stderr, "error: %s\n", escaped(f.Problem.Error))
	if f.Hint != "" {
		fmt.Fprintf(a.stderr, "hint: %s\n", escaped(f.Hint))
	}
	if a.json {
		if err := a.printJSON(f.Problem); err != nil {
			fmt.Fprintf(a.stderr, "error: %s\n", escaped(err.Error()))
		}
	}
	return f.exit
}
