package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"spse-totp/daemon/internal/control"
)

const (
	// requestWait bounds one request; a refused code is answered after 2 s.
	requestWait = 10 * time.Second
	// maxAnswer bounds an answer, in bytes: a list of 100,000 accounts.
	maxAnswer = 64 << 20

	runningHint = "is it running? systemctl status spse-totpd"
	mayBeHint   = "what was asked may be done all the same: spse-totp status shows it; systemctl status spse-totpd"
)

// client asks the daemon.
type client struct {
	socket string
	http   http.Client
}

func newClient(socket string) *client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &client{socket: socket, http: http.Client{
		Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true},
		Timeout:   requestWait,
		// The daemon sends nobody elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// call makes one request, about an account where name is not empty. The body
// may be nil. What the daemon refuses is a *failure that carries its Problem.
func (c *client) call(ctx context.Context, method, path, name string, body, result any) error {
	request, err := newRequest(ctx, method, path, name, body)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return c.lost(ctx, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return c.lost(ctx, err)
	}
	if response.StatusCode != http.StatusOK {
		return refusal(response.StatusCode, answer)
	}
	if err := json.Unmarshal(answer, result); err != nil {
		return failed("the daemon's answer is garbled", "are spse-totp and spse-totpd of one version?") // err may quote it
	}
	return nil
}

// otherVersion is for an answer in which the chief thing is missing. What was asked
// is done all the same.
func otherVersion() error {
	return failed("the daemon's answer is of another version", "it did what was asked: spse-totp status shows it; then upgrade what is older, and: systemctl restart spse-totpd")
}

func newRequest(ctx context.Context, method, path, name string, body any) (*http.Request, error) {
	target := url.URL{Scheme: "http", Host: "localhost", Path: path} // the host is for HTTP's sake
	if name != "" {
		target.RawQuery = url.Values{"name": {name}}.Encode()
	}
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(encoded)
	}
	return http.NewRequestWithContext(ctx, method, target.String(), content)
}

// lost says why there is no answer. What may have reached the daemon may have
// been done.
func (c *client) lost(ctx context.Context, err error) error {
	var op *net.OpError
	var slow net.Error
	switch {
	case ctx.Err() != nil:
		return failed("interrupted", mayBeHint)
	case errors.As(err, &slow) && slow.Timeout():
		return unreachable(fmt.Sprintf("the daemon did not answer within %v", requestWait), mayBeHint)
	case errors.As(err, &op) && op.Op == "dial":
		return unreachable(fmt.Sprintf("the daemon cannot be reached at %s: %v", c.socket, cause(op)), runningHint)
	default:
		return unreachable("the daemon hung up", mayBeHint)
	}
}

// cause is what the kernel said.
func cause(op *net.OpError) error {
	var call *os.SyscallError
	if errors.As(op, &call) {
		return call.Err
	}
	return op.Err
}

// refusal is the daemon's Problem as a failure.
func refusal(status int, answer []byte) error {
	f := &failure{exit: exitFailed}
	if json.Unmarshal(answer, &f.Problem) != nil || f.Code == "" || f.Problem.Error == "" {
		f.Problem = control.Problem{Code: codeFailed, Error: fmt.Sprintf("the daemon answered with status %d", status)}
	}
	return f
}
