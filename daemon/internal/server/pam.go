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

const (
	// maxConversations is well above any MaxStartups of sshd.
	maxConversations = 1024
	// sendWait bounds a peer that does not read.
	sendWait = 5 * time.Second
	// finishWait is for answers that came before the daemon was told to stop.
	finishWait = 2 * time.Second
)

// PAM serves pam.sock.
type PAM struct {
	Listener *net.UnixListener
	// Converse holds one conversation, from its start to its result.
	Converse func(context.Context, login.Packets)
	// Refused hears of peers who may not connect.
	Refused func(Peer)
	// Failed hears of a conversation's panic, which ends it without a result.
	Failed func(any)
}

// Serve takes conversations till ctx is done, and then returns once those with
// an answer in hand are finished, or after finishWait.
func (p *PAM) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = p.Listener.Close() })
	defer stop()
	places := make(chan struct{}, maxConversations)
	var open sync.WaitGroup
	for {
		conn, err := p.Listener.AcceptUnix()
		if ctx.Err() != nil {
			waitAtMost(&open, finishWait)
			return nil
		}
		if err != nil {
			if exhausted(err) {
				continue
			}
			return fmt.Errorf("accepting on pam.sock: %w", err)
		}
		if !p.welcome(conn) {
			_ = conn.Close()
			continue
		}
		select {
		case places <- struct{}{}:
		default:
			turnAway(conn)
			continue
		}
		open.Go(func() {
			defer func() { <-places }()
			p.serve(ctx, conn)
		})
	}
}

// welcome lets in root, which every program that asks PAM about others runs
// as, and whoever runs this daemon by hand.
func (p *PAM) welcome(conn *net.UnixConn) bool {
	peer, err := PeerOf(conn)
	if err != nil {
		return false
	}
	if peer.UID == 0 || peer.UID == uint32(os.Geteuid()) {
		return true
	}
	p.Refused(peer)
	return false
}

func (p *PAM) serve(ctx context.Context, conn *net.UnixConn) {
	defer conn.Close()
	// When the daemon stops, whoever waits for a person waits no longer.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	buffer := buffers.Get().(*[]byte)
	defer func() {
		clear(*buffer) // codes passed through it
		buffers.Put(buffer)
	}()
	defer func() {
		if fault := recover(); fault != nil {
			p.Failed(fault)
		}
	}()
	// What was begun is finished: a commit is not cut short by the stop.
	p.Converse(context.WithoutCancel(ctx), &packets{ctx: ctx, conn: conn, buffer: *buffer})
}

// turnAway answers a conversation too many at once, so that nobody waits.
func turnAway(conn *net.UnixConn) {
	defer conn.Close()
	if packet, err := protocol.Marshal(protocol.Result{Verdict: protocol.Unavailable}); err == nil {
		_ = conn.SetWriteDeadline(time.Now().Add(sendWait))
		_, _ = conn.Write(packet) // who does not read it finds the socket closed
	}
}

// exhausted waits a little where the process has no descriptor left, and says
// whether that was the fault.
func exhausted(err error) bool {
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ECONNABORTED) {
		time.Sleep(10 * time.Millisecond)
		return true
	}
	return false
}

func waitAtMost(group *sync.WaitGroup, limit time.Duration) {
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(limit):
	}
}

// buffers hold one datagram each, with a byte to spare: what fills it is too
// long.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, protocol.MaxLargeFrame+1)
	return &b
}}

// packets are the datagrams of one connection.
type packets struct {
	ctx    context.Context
	conn   *net.UnixConn
	buffer []byte
}

var _ login.Packets = (*packets)(nil)

func (p *packets) Send(packet []byte) error {
	if err := p.conn.SetWriteDeadline(time.Now().Add(sendWait)); err != nil {
		return login.ErrGone
	}
	if _, err := p.conn.Write(packet); err != nil {
		return p.translate(err)
	}
	return nil
}

func (p *packets) Receive(wait time.Duration) ([]byte, error) {
	if err := p.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return nil, login.ErrGone
	}
	if p.ctx.Err() != nil { // it was cancelled before the deadline was set
		_ = p.conn.SetReadDeadline(time.Unix(1, 0))
	}
	// No room for control messages: descriptors a peer sends are not taken.
	n, _, flags, _, err := p.conn.ReadMsgUnix(p.buffer, nil)
	if err != nil && p.ctx.Err() != nil {
		n, flags, err = p.arrived()
	}
	switch {
	case err != nil:
		return nil, p.translate(err)
	case n == 0:
		return nil, login.ErrGone
	case flags&syscall.MSG_TRUNC != 0, n == len(p.buffer):
		return nil, fmt.Errorf("%w: too long", protocol.ErrGarbled)
	}
	return p.buffer[:n], nil
}

// arrived reads a datagram that is there already, whatever the deadline: what
// came before the stop is answered still.
func (p *packets) arrived() (n, flags int, err error) {
	raw, err := p.conn.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		n, _, flags, _, failed = unix.Recvmsg(int(fd), p.buffer, nil, unix.MSG_DONTWAIT)
	})
	return n, flags, errors.Join(err, failed)
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
