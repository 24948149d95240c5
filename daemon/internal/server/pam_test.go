package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spse-totp/daemon/internal/login"
	"spse-totp/daemon/protocol"
)

// received is what a conversation got.
type received struct {
	packet []byte
	err    error
}

// listener serves pam.sock with conversations that pass on the first datagram.
func listener(t *testing.T, wait time.Duration) (*net.UnixListener, <-chan received) {
	t.Helper()
	got := make(chan received, 1)
	p := &PAM{
		Listener: listen(t, "unixpacket"),
		Converse: func(_ context.Context, packets login.Packets) {
			packet, err := packets.Receive(wait)
			got <- received{bytes.Clone(packet), err}
		},
		Refused: func(Peer) { t.Error("refused") },
	}
	serve(t, p.Serve)
	return p.Listener, got
}

func TestDatagrams(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		packet []byte
		err    error
	}{
		"one byte":    {[]byte{1}, nil},
		"the longest": {bytes.Repeat([]byte{7}, protocol.MaxLargeFrame), nil},
		"a byte over": {bytes.Repeat([]byte{7}, protocol.MaxLargeFrame+1), protocol.ErrGarbled},
		"far over":    {bytes.Repeat([]byte{7}, 2*protocol.MaxLargeFrame), protocol.ErrGarbled},
		"empty":       {nil, login.ErrGone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, got := listener(t, hang)
			conn := dial(t, l)
			if c.packet != nil {
				send(t, conn, c.packet)
			} else if err := unix.Send(rawFD(t, conn), nil, 0); err != nil {
				t.Fatal(err)
			}
			if r := await(t, got, "a datagram"); !errors.Is(r.err, c.err) || c.err == nil && !bytes.Equal(r.packet, c.packet) {
				t.Errorf("got %d bytes, %v, want %v", len(r.packet), r.err, c.err)
			}
		})
	}
}

func rawFD(t *testing.T, conn *net.UnixConn) int {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var fd int
	if err := raw.Control(func(f uintptr) { fd = int(f) }); err != nil {
		t.Fatal(err)
	}
	return fd
}

func TestPeersWhoGoOrAreLate(t *testing.T) {
	t.Parallel()
	l, got := listener(t, hang)
	_ = dial(t, l).Close()
	if r := await(t, got, "a datagram"); !errors.Is(r.err, login.ErrGone) {
		t.Errorf("gone: %v", r.err)
	}
	l, got = listener(t, 10*time.Millisecond)
	dial(t, l)
	if r := await(t, got, "a datagram"); !errors.Is(r.err, login.ErrLate) {
		t.Errorf("late: %v", r.err)
	}
}

// What a peer sends along is dropped by the kernel: once both ends here are
// closed nobody holds it.
func TestDescriptorsAreNotTaken(t *testing.T) {
	t.Parallel()
	got, goOn := make(chan struct{}), make(chan struct{})
	p := &PAM{
		Listener: listen(t, "unixpacket"),
		Converse: func(_ context.Context, packets login.Packets) {
			packet, err := packets.Receive(hang)
			if err != nil || string(packet) != "hello" {
				t.Errorf("got %q, %v", packet, err)
			}
			close(got)
			<-goOn // while the conversation lasts
		},
	}
	serve(t, p.Serve)
	defer close(goOn)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	conn := dial(t, p.Listener)
	if _, _, err := conn.WriteMsgUnix([]byte("hello"), unix.UnixRights(int(w.Fd())), nil); err != nil {
		t.Fatal(err)
	}
	await(t, got, "the datagram")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.SetReadDeadline(time.Now().Add(hang)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("somebody holds the descriptor: %v", err)
	}
}

// Past the bound an answer comes at once, and a place that is left is free.
func TestConversationsAreBounded(t *testing.T) {
	t.Parallel()
	leave := make(chan struct{})
	var in sync.WaitGroup
	in.Add(maxConversations)
	p := &PAM{
		Listener: listen(t, "unixpacket"),
		Converse: func(context.Context, login.Packets) {
			in.Done()
			<-leave
		},
	}
	serve(t, p.Serve)
	for range maxConversations {
		dial(t, p.Listener)
	}
	full := make(chan struct{})
	go func() {
		in.Wait()
		close(full)
	}()
	await(t, full, "all places to be taken")
	for range 3 {
		conn := dial(t, p.Listener)
		if v := verdict(t, conn); v != protocol.Unavailable {
			t.Errorf("one too many got %v", v)
		}
		expectClosed(t, conn)
	}
	in.Add(1)
	leave <- struct{}{}
	dialled := make(chan struct{})
	go func() {
		in.Wait()
		close(dialled)
	}()
	// The place is given back just after the connection is closed.
	for tries := 0; ; tries++ {
		dial(t, p.Listener)
		select {
		case <-dialled:
			close(leave)
			return
		case <-time.After(10 * time.Millisecond):
			if tries > 1000 {
				t.Fatal("a place that was left stays taken")
			}
		}
	}
}

// Told to stop, the server lets go whoever waits, and waits for who has an
// answer in hand.
func TestStopFinishesWhatIsInHand(t *testing.T) {
	t.Parallel()
	inHand, finish := make(chan struct{}), make(chan struct{})
	waiting := make(chan error, 1)
	var begun sync.WaitGroup
	begun.Add(2)
	p := &PAM{
		Listener: listen(t, "unixpacket"),
		Converse: func(ctx context.Context, packets login.Packets) {
			begun.Done()
			packet, err := packets.Receive(hang)
			if err != nil {
				waiting <- err
				return
			}
			close(inHand)
			<-finish
			if ctx.Err() != nil {
				t.Error("what is in hand was cancelled")
			}
			if err := packets.Send(packet); err != nil {
				t.Error(err)
			}
			if _, err := packets.Receive(hang); !errors.Is(err, login.ErrClosing) {
				t.Errorf("a wait that begins after the stop ends with %v", err)
			}
		},
	}
	stop, stopped := serve(t, p.Serve)
	answering, silent := dial(t, p.Listener), dial(t, p.Listener)
	result, err := protocol.Marshal(protocol.Result{Verdict: protocol.Accepted})
	if err != nil {
		t.Fatal(err)
	}
	send(t, answering, result)
	await(t, inHand, "the answer")
	begun.Wait()
	stop()
	if err := await(t, waiting, "who waits to be let go"); !errors.Is(err, login.ErrClosing) {
		t.Errorf("who waits ends with %v", err)
	}
	expectClosed(t, silent)
	select {
	case <-stopped:
		t.Error("the server returned with an answer in hand")
	default:
	}
	close(finish)
	if v := verdict(t, answering); v != protocol.Accepted {
		t.Errorf("got %v", v)
	}
	await(t, stopped, "the stop")
}

// What had come before the stop, and was not read yet, is answered still.
func TestStopAnswersWhatHasArrived(t *testing.T) {
	t.Parallel()
	begun, goOn := make(chan struct{}), make(chan struct{})
	p := &PAM{
		Listener: listen(t, "unixpacket"),
		Converse: func(_ context.Context, packets login.Packets) {
			close(begun)
			<-goOn
			packet, err := packets.Receive(hang)
			if err == nil {
				err = packets.Send(packet)
			}
			if err != nil {
				t.Error(err)
			}
			if _, err := packets.Receive(hang); !errors.Is(err, login.ErrClosing) {
				t.Errorf("with nothing there it ends with %v", err)
			}
		},
	}
	stop, stopped := serve(t, p.Serve)
	conn := dial(t, p.Listener)
	result, err := protocol.Marshal(protocol.Result{Verdict: protocol.Accepted})
	if err != nil {
		t.Fatal(err)
	}
	send(t, conn, result)
	await(t, begun, "the conversation")
	stop()
	close(goOn)
	if v := verdict(t, conn); v != protocol.Accepted {
		t.Errorf("got %v", v)
	}
	await(t, stopped, "the stop")
}

func TestStopDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	stuck, release := make(chan struct{}), make(chan struct{})
	p := &PAM{
		Listener: listen(t, "unixpacket"),
		Converse: func(context.Context, login.Packets) {
			close(stuck)
			<-release
		},
	}
	stop, stopped := serve(t, p.Serve)
	defer close(release)
	dial(t, p.Listener)
	await(t, stuck, "the conversation")
	stop()
	await(t, stopped, "the stop")
}

// A peer who reads nothing is given up, and holds nobody else up.
func TestAPeerWhoDoesNotReadIsLate(t *testing.T) {
	t.Parallel()
	result := make(chan error, 1)
	p := &PAM{
		Listener: listen(t, "unixpacket"),
		Converse: func(_ context.Context, packets login.Packets) {
			var err error
			for err == nil {
				err = packets.Send(make([]byte, protocol.MaxFrame))
			}
			result <- err
		},
	}
	serve(t, p.Serve)
	dial(t, p.Listener)
	if err := await(t, result, "sending to fail"); !errors.Is(err, login.ErrLate) {
		t.Errorf("got %v", err)
	}
}

// pam.sock is for root and for whoever runs the daemon, whatever its mode is.
func TestOtherUsersMayNotConverse(t *testing.T) {
	needRoot(t)
	t.Parallel()
	refused := make(chan Peer, 1)
	p := &PAM{
		Listener: listen(t, "unixpacket"),
		Converse: func(context.Context, login.Packets) { t.Error("a conversation") },
		Refused:  func(peer Peer) { refused <- peer },
	}
	serve(t, p.Serve)
	expectClosed(t, dialAs(t, 65534, p.Listener))
	if peer := await(t, refused, "the refusal to be told"); peer.UID != 65534 || int(peer.PID) != os.Getpid() {
		t.Errorf("refused %v", peer)
	}
}
