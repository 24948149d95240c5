package server

import (
	"net"
	"sync"
	"time"
)

// deadlines end reads that last too long. One timer serves all connections, and
// stays set when the read that it was set for is over: a deadline of each
// connection's own wakes another thread of Go's whenever it is set, at every
// message. The zero value is ready.
type deadlines struct {
	mu    sync.Mutex // protects what follows
	reads map[*net.UnixConn]time.Time
	timer *time.Timer // nil before its first use
	next  time.Time   // when the timer fires, zero where it is not set
}

// set bounds the connection's next read.
func (d *deadlines) set(conn *net.UnixConn, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.reads == nil {
		d.reads = make(map[*net.UnixConn]time.Time)
	}
	d.reads[conn] = at
	if d.next.IsZero() || at.Before(d.next) {
		d.fireAt(at)
	}
}

// lift ends the bound after the read, and says whether the read was in time. One
// that was not is the connection's last.
func (d *deadlines) lift(conn *net.UnixConn) (inTime bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, inTime = d.reads[conn]
	delete(d.reads, conn)
	return inTime
}

// fire ends the reads whose time has come.
func (d *deadlines) fire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, next := time.Now(), time.Time{}
	for conn, at := range d.reads {
		switch {
		case !at.After(now):
			delete(d.reads, conn)
			_ = conn.SetReadDeadline(past) // it fails where the connection is closed
		case next.IsZero() || at.Before(next):
			next = at
		}
	}
	if d.next = next; !next.IsZero() {
		d.fireAt(next)
	}
}

// fireAt sets the timer. d.mu is held.
func (d *deadlines) fireAt(at time.Time) {
	d.next = at
	if d.timer == nil {
		d.timer = time.AfterFunc(time.Until(at), d.fire)
	} else {
		d.timer.Reset(time.Until(at))
	}
}
