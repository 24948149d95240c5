package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"spse-totp/daemon/internal/control"
)

// hung is a daemon that is asked, and answers only when the test ends.
func hung(t *testing.T) (d *fakeDaemon, asked chan struct{}) {
	t.Helper()
	asked, end := make(chan struct{}, 1), make(chan struct{})
	d = office{before: func(string) { asked <- struct{}{}; <-end }}.daemon(t)
	t.Cleanup(func() { close(end) })
	return d, asked
}

// expectFailure fails unless the error is one of that exit code and text, and
// leads to what became of the request.
func expectFailure(t *testing.T, err error, exit int, what string) {
	t.Helper()
	var f *failure
	if !errors.As(err, &f) || f.exit != exit || f.Problem.Error != what || f.Hint != mayBeHint {
		t.Errorf("it fails with %#v, want exit code %d, %q", err, exit, what)
	}
}

func TestADaemonThatDoesNotAnswerIsNotWaitedForLong(t *testing.T) {
	d, _ := hung(t)
	c := newClient(d.socket)
	if c.http.Timeout != requestWait {
		t.Errorf("a request may take %v", c.http.Timeout)
	}
	c.http.Timeout = 50 * time.Millisecond
	err := c.call(t.Context(), http.MethodGet, control.PathAccount, "budi", nil, new(control.Account))
	expectFailure(t, err, exitUnreachable, "the daemon did not answer within 10s")
}

func TestAnInterruptedRequestMayHaveBeenDone(t *testing.T) {
	d, asked := hung(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	err := newClient(d.socket).call(ctx, http.MethodPost, control.PathReset, "budi", nil, new(control.Account))
	expectFailure(t, err, exitFailed, "interrupted")
}

func TestADaemonThatHangsUp(t *testing.T) {
	d := office{before: func(string) { panic(http.ErrAbortHandler) }}.daemon(t)
	err := newClient(d.socket).call(t.Context(), http.MethodPost, control.PathReset, "budi", nil, new(control.Account))
	expectFailure(t, err, exitUnreachable, "the daemon hung up")
}

// A request is a URL inside; no address but otpauth:// is ever printed.
func TestErrorsHoldNoAddress(t *testing.T) {
	for _, socket := range []string{"/nonexistent", "/dev/null", strings.Repeat("s", 200)} {
		err := newClient(socket).call(t.Context(), http.MethodGet, control.PathAccount, "budi", nil, new(control.Account))
		if err == nil || strings.Contains(err.Error(), "://") || strings.Contains(err.Error(), "budi") {
			t.Errorf("%s: %v", socket, err)
		}
	}
}
