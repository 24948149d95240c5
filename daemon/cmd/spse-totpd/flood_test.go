package main

import (
	"errors"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"spse-totp/daemon/internal/control"
	"spse-totp/daemon/protocol"
)

// flood is what one user holds open, and opens again when it is closed, and 500
// logins at which nobody types.
type flood struct {
	requests []*net.UnixConn
	logins   []*talk
	stop     chan struct{}
	stopped  sync.WaitGroup
}

const (
	floodRequests = 5000
	floodLogins   = 500
	floodUID      = 65534 // where the test is root, which is not bounded
)

// Who opens thousands of connections slows nobody else's login down.
func TestAFloodSlowsNobodyDown(t *testing.T) {
	const (
		pairs  = 5
		logins = 1000 // of which p99 is the tenth slowest
		atMost = 3.0
	)
	b := newBench(t)
	b.asShipped()
	b.openToAll()
	b.wrap = []string{"/bin/sh", "-c", `ulimit -n 4096 && exec "$@"`, "sh"} // as spse-totpd.service has it
	people := b.people(numbered("budi", 100)...)
	sleepers := b.people(numbered("tidur", floodLogins)...)
	b.start()
	var ratios []float64
	for range pairs {
		off := b.p99(people, logins)
		f := b.flood(sleepers)
		on := b.p99(people, logins)
		b.expectAnswer()
		f.end()
		ratios = append(ratios, float64(on)/float64(off))
		t.Logf("p99 of %d logins: %v, and %v under the flood", logins, off, on)
	}
	if ratio := median(ratios); ratio > atMost {
		t.Errorf("p99 is %.1f times as long under the flood (median of %d pairs), want at most %.0f", ratio, pairs, atMost)
	} else {
		t.Logf("p99 is %.1f times as long under the flood", ratio)
	}
}

// openToAll lets every user connect to control.sock.
func (b *bench) openToAll() {
	b.t.Helper()
	for path, mode := range map[string]os.FileMode{b.dir: 0o711, b.path("control.sock"): 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			b.t.Fatal(err)
		}
	}
}

// p99 is of logins with wrong codes, one after the other: each is committed.
func (b *bench) p99(people []person, count int) time.Duration {
	b.t.Helper()
	wrong := make([]string, len(people))
	for i, p := range people {
		wrong[i] = p.wrong()
	}
	var took []time.Duration
	for i := range count {
		begin := time.Now()
		b.expectLogin(people[i%len(people)], wrong[i%len(people)], protocol.Refused)
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	return took[count*99/100]
}

// flood opens everything, and goes on with it till its end.
func (b *bench) flood(sleepers []person) *flood {
	b.t.Helper()
	f := &flood{stop: make(chan struct{})}
	for _, p := range sleepers {
		c, err := b.talk(p.start())
		if err == nil {
			_, err = c.prompt()
		}
		if err != nil {
			b.t.Fatal(err)
		}
		f.logins = append(f.logins, c)
	}
	full := make(chan struct{})
	f.stopped.Go(func() { f.insist(b, full) })
	select {
	case <-full:
	case <-time.After(hang):
		b.t.Fatal("the flood does not get through: nobody accepts")
	}
	return f
}

// insist holds as many connections as it may, and renews a thousand a second:
// the daemon closes most at once.
func (f *flood) insist(b *bench, full chan<- struct{}) {
	becomeAnother(b.t)
	for i := 0; ; i++ {
		select {
		case <-f.stop:
			return
		default:
		}
		conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: b.path("control.sock"), Net: "unix"})
		switch {
		case errors.Is(err, syscall.EAGAIN): // the daemon lags behind
			time.Sleep(time.Millisecond)
		case err != nil:
			b.t.Errorf("opening a connection: %v", err)
			return
		case len(f.requests) < floodRequests:
			if f.requests = append(f.requests, conn); len(f.requests) == floodRequests {
				close(full)
			}
		default:
			_ = f.requests[i%floodRequests].Close()
			f.requests[i%floodRequests] = conn
			time.Sleep(time.Millisecond)
		}
	}
}

func (f *flood) end() {
	close(f.stop)
	f.stopped.Wait()
	for _, conn := range f.requests {
		_ = conn.Close()
	}
	for _, c := range f.logins {
		c.close()
	}
}

// becomeAnother makes the goroutine another user's where the test is root. Its
// thread ends with it.
func becomeAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	runtime.LockOSThread()
	if _, _, err := syscall.RawSyscall(syscall.SYS_SETRESUID, floodUID, floodUID, floodUID); err != 0 {
		t.Error(err)
	}
}

// expectAnswer makes a request as a user who is not flooding, where there is one.
func (b *bench) expectAnswer() {
	b.t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	if _, err := ask[[]control.Account](b, http.MethodGet, control.PathAccounts, "", nil); err != nil {
		b.t.Errorf("another's request during the flood: %v", err)
	}
}
