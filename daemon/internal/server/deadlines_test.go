package server

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// silent is a connection on which nothing comes.
func silent(t *testing.T) *net.UnixConn {
	t.Helper()
	address := &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unixpacket"}
	l, err := net.ListenUnix(address.Net, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	peer, err := net.DialUnix(address.Net, nil, address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(peer.Close(), conn.Close()) })
	return conn
}

// Whatever the order in which they are set, each read ends at its own time, and
// none at another's.
func TestDeadlinesOfManyConnections(t *testing.T) {
	t.Parallel()
	var d deadlines
	start := time.Now()
	standing, done := silent(t), silent(t)
	late := start.Add(time.Hour)
	d.set(standing, late)
	d.set(done, start.Add(20*time.Millisecond))
	if !d.lift(done) {
		t.Error("a read that is over before its time is called late")
	}
	waits := []time.Duration{120, 40, 80, 0} // ms
	ended := make(chan time.Duration, len(waits))
	for _, wait := range waits {
		conn, at := silent(t), start.Add(wait*time.Millisecond)
		d.set(conn, at)
		go func() {
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || d.lift(conn) {
				t.Errorf("the read of %v ms ended with %v", int(wait), err)
			}
			ended <- time.Until(at)
		}()
	}
	for range waits {
		select {
		case early := <-ended:
			if early > 0 {
				t.Errorf("a read ended %v too early", early)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("a read did not end")
		}
	}
	d.mu.Lock()
	if n := len(d.reads); n != 1 || !d.next.Equal(late) {
		t.Errorf("%d reads are left, and the timer is set for %v", n, d.next.Sub(start))
	}
	d.mu.Unlock()
	if !d.lift(standing) {
		t.Error("a read that has an hour left is called late")
	}
}
