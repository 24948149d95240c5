package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"spse-totp/daemon/internal/control"
)

const (
	// perUID bounds what one caller can hold open; root's requests are the
	// way to mend things, so only the total bounds others.
	perUID = 16
	// maxControl is for all callers but root together.
	maxControl = 256
)

// Control serves control.sock.
type Control struct {
	Listener *net.UnixListener
	Handler  http.Handler
	// Failed hears of a handler's panic.
	Failed func(any)
}

// Serve answers requests till ctx is done, and finishes those in hand, for
// finishWait at most.
func (c *Control) Serve(ctx context.Context) error {
	s := &http.Server{
		Handler:           c.survive(c.Handler),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      15 * time.Second,
		IdleTimeout:       5 * time.Second,
		MaxHeaderBytes:    8 << 10,
		ConnContext:       withCaller,
		ErrorLog:          log.New(io.Discard, "", 0), // it only tells of callers who misbehave
	}
	finished := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(finished)
		finish, cancel := context.WithTimeout(context.Background(), finishWait)
		defer cancel()
		if s.Shutdown(finish) != nil {
			_ = s.Close()
		}
	})
	defer stop()
	err := s.Serve(&boundedListener{UnixListener: c.Listener, open: make(map[uint32]int)})
	if errors.Is(err, http.ErrServerClosed) {
		<-finished // it returns at once, with requests still in hand
		return nil
	}
	return fmt.Errorf("serving control.sock: %w", err)
}

// survive keeps one bad request from being everyone's.
func (c *Control) survive(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if fault := recover(); fault != nil {
				c.Failed(fault)
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// withCaller notes who connected; a connection without is refused by the table.
func withCaller(ctx context.Context, conn net.Conn) context.Context {
	counted, ok := conn.(*countedConn)
	if !ok {
		return ctx
	}
	return control.WithCaller(ctx, control.Caller{UID: counted.peer.UID, PID: counted.peer.PID, GIDs: counted.peer.GIDs})
}

// boundedListener accepts so many connections of one uid and no more.
type boundedListener struct {
	*net.UnixListener

	mu    sync.Mutex // protects what follows
	open  map[uint32]int
	total int // without root's
}

// Accept returns the next connection that is within the bounds; those beyond
// are closed at once.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			if exhausted(err) {
				continue
			}
			return nil, err
		}
		peer, err := PeerOf(conn)
		if err != nil || !l.take(peer.UID) {
			_ = conn.Close()
			continue
		}
		return &countedConn{UnixConn: conn, peer: peer, listener: l}, nil
	}
}

func (l *boundedListener) take(uid uint32) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if uid != 0 {
		if l.open[uid] >= perUID || l.total >= maxControl {
			return false
		}
		l.total++
	}
	l.open[uid]++
	return true
}

func (l *boundedListener) give(uid uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if uid != 0 {
		l.total--
	}
	if l.open[uid]--; l.open[uid] == 0 {
		delete(l.open, uid)
	}
}

// countedConn gives its place back when it is closed.
type countedConn struct {
	*net.UnixConn
	peer     Peer
	listener *boundedListener
	once     sync.Once
}

func (c *countedConn) Close() error {
	err := c.UnixConn.Close()
	c.once.Do(func() { c.listener.give(c.peer.UID) })
	return err
}
