package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"spse-totp/daemon/internal/login"
	"spse-totp/daemon/protocol"
)

// sendWait bounds a peer that does not read.
const sendWait = 5 * time.Second

// buffers hold one datagram each, with a byte to spare: what fills it is too
// long.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, protocol.MaxLargeFrame+1)
	return &b
}}

// past, as a deadline, ends the read that waits, and every later one.
var past = time.Unix(1, 0)

// packets are the datagrams of one connection. What can be sent or read at once
// is, without a deadline.
type packets struct {
	ctx       context.Context
	conn      *net.UnixConn
	raw       syscall.RawConn // of conn
	deadlines *deadlines
	buffer    *[]byte
	used      int // bytes of buffer that held something
}

var _ login.Packets = (*packets)(nil)

func newPackets(ctx context.Context, conn *net.UnixConn, d *deadlines) (*packets, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &packets{ctx: ctx, conn: conn, raw: raw, deadlines: d, buffer: buffers.Get().(*[]byte)}, nil
}

// wipe ends the use of p: codes passed through its buffer.
func (p *packets) wipe() {
	clear((*p.buffer)[:p.used])
	buffers.Put(p.buffer)
	p.buffer = nil
}

func (p *packets) Send(packet []byte) error {
	err := p.control(func(fd int) error {
		return unix.Sendto(fd, packet, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, nil)
	})
	if errors.Is(err, unix.EAGAIN) {
		err = p.sendSlowly(packet)
	}
	if err != nil {
		return p.translate(err)
	}
	return nil
}

func (p *packets) sendSlowly(packet []byte) error {
	if err := p.conn.SetWriteDeadline(time.Now().Add(sendWait)); err != nil {
		return err
	}
	_, err := p.conn.Write(packet)
	return err
}

func (p *packets) Receive(wait time.Duration) ([]byte, error) {
	n, flags, err := p.arrived()
	if errors.Is(err, unix.EAGAIN) {
		n, flags, err = p.await(wait)
	}
	if err != nil && p.ctx.Err() != nil { // what came before the stop is answered still
		n, flags, err = p.arrived()
	}
	p.used = max(p.used, n)
	switch {
	case err != nil:
		return nil, p.translate(err)
	case n == 0:
		return nil, login.ErrGone
	case flags&syscall.MSG_TRUNC != 0, n == len(*p.buffer):
		return nil, fmt.Errorf("%w: too long", protocol.ErrGarbled)
	}
	return (*p.buffer)[:n], nil
}

func (p *packets) await(wait time.Duration) (n, flags int, err error) {
	p.deadlines.set(p.conn, time.Now().Add(wait))
	// No room for control messages: descriptors a peer sends are not taken.
	n, _, flags, _, err = p.conn.ReadMsgUnix(*p.buffer, nil)
	p.used = max(p.used, n)
	if !p.deadlines.lift(p.conn) && err == nil {
		err = os.ErrDeadlineExceeded // it came in the instant in which it was late
	}
	return n, flags, err
}

// arrived reads a datagram that is there already, whatever the deadline.
func (p *packets) arrived() (n, flags int, err error) {
	err = p.control(func(fd int) (err error) {
		n, _, flags, _, err = unix.Recvmsg(fd, *p.buffer, nil, unix.MSG_DONTWAIT)
		return err
	})
	return n, flags, err
}

func (p *packets) control(do func(fd int) error) error {
	var failed error
	if err := p.raw.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil {
		return err
	}
	return failed
}

func (p *packets) translate(err error) error {
	switch {
	case p.ctx.Err() != nil:
		return login.ErrClosing
	case errors.Is(err, os.ErrDeadlineExceeded):
		return login.ErrLate
	case errors.Is(err, io.EOF):
		return login.ErrGone
	default:
		return fmt.Errorf("%w: %w", login.ErrGone, err)
	}
}
