package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// station serves control.sock with the handler.
func station(t *testing.T, handler http.HandlerFunc) *Control {
	t.Helper()
	return &Control{Listener: listen(t, "unix"), Handler: handler, Failed: func(fault any) { t.Errorf("failed: %v", fault) }}
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

// ask makes one request over the connection.
func ask(t *testing.T, conn *net.UnixConn) (string, error) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://control/", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

func expectServed(t *testing.T, conn *net.UnixConn) {
	t.Helper()
	if said, err := ask(t, conn); err != nil || said != "hello" {
		t.Errorf("got %q, %v", said, err)
	}
}

// One uid cannot take all connections, and none can take root's.
func TestConnectionsAreBoundedForEachUID(t *testing.T) {
	needRoot(t)
	t.Parallel()
	c := station(t, hello)
	serve(t, c.Serve)
	var open []*net.UnixConn
	for range perUID {
		open = append(open, dialAs(t, 65534, c.Listener))
	}
	expectClosed(t, dialAs(t, 65534, c.Listener))
	expectServed(t, open[perUID-1])
	expectServed(t, dialAs(t, 1000, c.Listener))
	for range 2 * perUID {
		expectServed(t, dial(t, c.Listener))
	}
	for uid := 2000; uid < 2000+maxControl/perUID; uid++ { // more than there is room for
		for range perUID {
			dialAs(t, uid, c.Listener)
		}
	}
	expectClosed(t, dialAs(t, 1001, c.Listener))
	expectServed(t, dial(t, c.Listener))
	// Whoever hangs up gives the place back.
	for _, conn := range open {
		_ = conn.Close()
	}
	for tries := 0; ; tries++ {
		if said, err := ask(t, dialAs(t, 65534, c.Listener)); err == nil && said == "hello" {
			return
		}
		if time.Sleep(10 * time.Millisecond); tries > 1000 {
			t.Fatal("places that were left stay taken")
		}
	}
}

func TestOneHandlersPanicIsNotEveryones(t *testing.T) {
	t.Parallel()
	faults := make(chan any, 1)
	first := true
	c := station(t, func(w http.ResponseWriter, r *http.Request) {
		if first {
			first = false
			panic("no such luck")
		}
		hello(w, r)
	})
	c.Failed = func(fault any) { faults <- fault }
	serve(t, c.Serve)
	if said, err := ask(t, dial(t, c.Listener)); err == nil {
		t.Errorf("got %q", said)
	}
	if fault := await(t, faults, "the fault to be told"); fault != "no such luck" {
		t.Errorf("told of %v", fault)
	}
	expectServed(t, dial(t, c.Listener))
}

// A silent peer is given up, and holds nobody else up.
func TestSilentPeersAreGivenUp(t *testing.T) {
	t.Parallel()
	c := station(t, hello)
	serve(t, c.Serve)
	silent, half := dial(t, c.Listener), dial(t, c.Listener)
	send(t, half, []byte("GET / HTTP/1.1\r\nHost: "))
	expectServed(t, dial(t, c.Listener))
	expectClosed(t, silent)
	expectClosed(t, half)
}

// Told to stop, the server answers the requests it has, and then returns.
func TestStopFinishesRequestsInHand(t *testing.T) {
	t.Parallel()
	inHand, finish := make(chan struct{}), make(chan struct{})
	c := station(t, func(w http.ResponseWriter, r *http.Request) {
		close(inHand)
		<-finish
		hello(w, r)
	})
	stop, stopped := serve(t, c.Serve)
	answered := make(chan struct{})
	conn := dial(t, c.Listener)
	go func() {
		defer close(answered)
		expectServed(t, conn)
	}()
	await(t, inHand, "the request")
	stop()
	// The listener closes first; then the request is what the server waits for.
	for {
		other, err := net.DialUnix("unix", nil, c.Listener.Addr().(*net.UnixAddr))
		if err != nil {
			break
		}
		_ = other.Close()
	}
	select {
	case <-stopped:
		t.Error("the server returned with a request in hand")
	case <-time.After(50 * time.Millisecond):
	}
	close(finish)
	await(t, answered, "the answer")
	await(t, stopped, "the stop")
}

func TestServeTellsWhyItCannot(t *testing.T) {
	t.Parallel()
	c := station(t, hello)
	_ = c.Listener.Close()
	if err := c.Serve(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
