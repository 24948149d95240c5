package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"spse-totp/daemon/internal/login"
	"spse-totp/daemon/protocol"
)

const (
	// maxConversations is well above any MaxStartups of sshd.
	maxConversations = 1024
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

	deadlines deadlines
}

// Serve takes conversations till ctx is done, and then returns once those with
// an answer in hand are finished, or after finishWait.
func (p *PAM) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = p.Listener.Close() })
	defer stop()
	places := make(chan struct{}, maxConversations)
	idle := make(chan *net.UnixConn) // to who has nothing to serve
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
		select {
		case idle <- conn:
		default:
			open.Go(func() { p.work(ctx, conn, idle, places) })
		}
	}
}

// work serves a connection, and after it others that come, till ctx is done. A
// goroutine that has served has the stack that SQLite needs; that of a new one is
// copied again and again until it does.
func (p *PAM) work(ctx context.Context, conn *net.UnixConn, idle <-chan *net.UnixConn, places <-chan struct{}) {
	for {
		p.serve(ctx, conn)
		<-places
		select {
		case conn = <-idle:
		case <-ctx.Done():
			return
		}
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
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(past) })
	defer stop()
	packets, err := newPackets(ctx, conn, &p.deadlines)
	if err != nil {
		return // it is closed already
	}
	defer packets.wipe()
	defer func() {
		if fault := recover(); fault != nil {
			p.Failed(fault)
		}
	}()
	// What was begun is finished: a commit is not cut short by the stop.
	p.Converse(context.WithoutCancel(ctx), packets)
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
