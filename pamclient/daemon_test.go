package pamclient

import (
	"errors"
	"net"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"spse-totp/daemon/protocol"
)

// What a daemon may do wrong.

func TestGoldenRepliesAtTheSocket(t *testing.T) {
	for _, frame := range goldenFrames(t, "replies.txt") {
		if frame.Good || len(frame.Bytes) == 0 { // an empty datagram is the end: TestReconnect
			continue
		}
		t.Run(frame.Name, func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.line("")
				l.daemon(func(p *peer) {
					p.start()
					p.raw(frame.Bytes)
					p.result(protocol.Accepted) // too late: it has closed
					p.hungUp()
				})
				l.run("user=budi", "auth").wantCode("auth", pamUnavail)
			})
		})
	}
}

func TestOversizedReply(t *testing.T) {
	accepted, err := protocol.Marshal(protocol.Result{Verdict: protocol.Accepted})
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{protocol.MaxFrame + 1, 100000} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.line("")
				l.daemon(func(p *peer) {
					p.start()
					p.raw(append(slices.Clone(accepted), make([]byte, size-len(accepted))...))
					p.hungUp()
				})
				l.run("user=budi", "auth").wantCode("auth", pamUnavail)
			})
		})
	}
}

func TestGarbledAnywhereRefuses(t *testing.T) {
	accepted := []byte{1, 19, 1, 0, 1, 1}
	for name, steps := range map[string]func(*peer){
		"after a show": func(p *peer) { p.send(protocol.Show{Text: "Halo", Style: protocol.StyleInfo}) },
		"after an answer": func(p *peer) {
			p.prompt(prompt)
			p.answer(code)
		},
		"after the groups": func(p *peer) {
			p.send(protocol.NeedGroups{GIDs: []uint32{otherGID}})
			request[protocol.Groups](p)
		},
	} {
		t.Run(name, func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.line("")
				l.daemon(func(p *peer) {
					p.start()
					steps(p)
					p.raw(append(slices.Clone(accepted), 0))
					p.raw(accepted)
					p.hungUp()
				})
				l.run("user=budi", "answer="+code, "auth").wantCode("auth", pamUnavail)
			})
		})
	}
}

// wantBounded checks that a wait ended near its deadline of one second.
func (o outcome) wantBounded(name string) {
	o.t.Helper()
	if ms := o.call(name).MS; ms < 900 || ms > 4000 {
		o.t.Errorf("%s took %d ms, its deadline is 1000", name, ms)
	}
}

func TestSilence(t *testing.T) {
	for name, steps := range map[string]func(*peer){
		"from the start": func(*peer) {},
		"after a show":   func(p *peer) { p.send(protocol.Show{Text: "Halo", Style: protocol.StyleInfo}) },
		"after the answer": func(p *peer) {
			p.prompt(prompt)
			p.answer(code)
		},
	} {
		t.Run(name, func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.line("timeout=1")
				l.daemon(func(p *peer) {
					p.start()
					steps(p)
					p.hungUp()
					p.result(protocol.Accepted) // a late one
				})
				o := l.run("user=budi", "answer="+code, "auth")
				o.wantCode("auth", pamUnavail)
				o.wantBounded("auth")
			})
		})
	}
}

// A reply that comes after its deadline is not taken for the reply to the next
// try on the same handle.
func TestALateReplyIsNeverUsed(t *testing.T) {
	onEachBuild(t, func(t *testing.T, l *login) {
		l.line("timeout=1")
		l.daemon(func(p *peer) {
			p.start()
			p.hungUp()
			p.result(protocol.Accepted)
		}, verdict(protocol.Refused))
		o := l.run("user=budi", "auth", "auth")
		o.wantCode("auth", pamAuthErr)
	})
}

func TestSignalsNeitherEndNorProlongAWait(t *testing.T) {
	t.Run("silence", func(t *testing.T) {
		onEachBuild(t, func(t *testing.T, l *login) {
			l.line("timeout=1")
			l.daemon(func(p *peer) {
				p.start()
				p.hungUp()
			})
			o := l.run("user=budi", "storm", "auth")
			o.wantCode("auth", pamUnavail)
			o.wantBounded("auth")
		})
	})
	t.Run("login", func(t *testing.T) {
		onEachBuild(t, func(t *testing.T, l *login) {
			l.line("")
			l.daemon(func(p *peer) {
				p.start()
				time.Sleep(50 * time.Millisecond) // some fifty signals
				p.prompt(prompt)
				p.answer(code)
				time.Sleep(50 * time.Millisecond)
				p.result(protocol.Accepted)
				p.hungUp()
			})
			l.run("user=budi", "answer="+code, "storm", "auth").wantCode("auth", pamSuccess)
		})
	})
}

func TestAMadDaemonIsNotHeardForEver(t *testing.T) {
	onEachBuild(t, func(t *testing.T, l *login) {
		l.line("")
		l.daemon(func(p *peer) {
			p.start()
			for range 600 {
				p.send(protocol.Show{Text: "Halo", Style: protocol.StyleInfo})
			}
			p.result(protocol.Accepted)
			p.hungUp()
		})
		o := l.run("user=budi", "auth")
		o.wantCode("auth", pamUnavail)
		if got := len(o.said(styleTextInfo)); got != 512 {
			t.Errorf("%d messages shown", got)
		}
	})
}

func TestAPromptInTheAccountPhaseIsOutOfTurn(t *testing.T) {
	onEachBuild(t, func(t *testing.T, l *login) {
		l.line("account=sshd")
		l.daemon(func(p *peer) {
			if got := p.start(); got.Phase != protocol.PhaseAccount {
				t.Errorf("phase %d", got.Phase)
			}
			p.send(protocol.Show{Text: "Halo", Style: protocol.StyleError})
			p.prompt(prompt)
			p.result(protocol.Accepted)
			p.hungUp()
		})
		o := l.run("user=budi", "answer="+code, "acct")
		o.wantCode("acct", pamAuthErr)
		if asked := o.said(styleEchoOn); asked != nil {
			t.Errorf("the person was asked %q", asked)
		}
	})
}

// What may be where the socket should be.

func TestNoDaemon(t *testing.T) {
	for name, place := range map[string]func(*testing.T, string){
		"nothing":   func(*testing.T, string) {},
		"file":      func(t *testing.T, path string) { must(t, os.WriteFile(path, nil, 0o600)) },
		"folder":    func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o700)) },
		"FIFO":      func(t *testing.T, path string) { must(t, syscall.Mkfifo(path, 0o600)) },
		"dangling":  func(t *testing.T, path string) { must(t, os.Symlink("/nonexistent/pam.sock", path)) },
		"device":    func(t *testing.T, path string) { must(t, os.Symlink("/dev/zero", path)) },
		"left over": leaveSocket,
		"stream": func(t *testing.T, path string) {
			listener, err := net.Listen("unix", path)
			must(t, err)
			t.Cleanup(func() { listener.Close() })
		},
	} {
		for _, phase := range []string{"auth", "acct"} {
			t.Run(name+" "+phase, func(t *testing.T) {
				onEachBuild(t, func(t *testing.T, l *login) {
					l.line("account=sshd timeout=3")
					place(t, l.socket)
					o := l.run("user=budi", phase)
					o.wantCode(phase, pamUnavail)
					if ms := o.call(phase).MS; ms > 2000 {
						t.Errorf("took %d ms", ms)
					}
				})
			})
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// leaveSocket leaves the socket of a daemon that is gone.
func leaveSocket(t *testing.T, path string) {
	listener, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
	must(t, err)
	listener.SetUnlinkOnClose(false)
	closeForGood(t, listener)
}

// closeForGood closes the listener, and returns once nobody holds a copy of it: a
// child that is being started does till some time after its exec, later than
// syscall.ForkLock is let go, and with that copy it would go on taking connections,
// and drop them a moment later. The file stays.
func closeForGood(t *testing.T, listener *net.UnixListener) {
	t.Helper()
	path := listener.Addr().String()
	must(t, listener.Close())
	for {
		conn, err := net.Dial("unixpacket", path)
		if errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
		must(t, err)
		must(t, conn.Close())
		time.Sleep(time.Millisecond) // nothing tells of the end of an exec
	}
}

func TestFullBacklog(t *testing.T) {
	onEachBuild(t, func(t *testing.T, l *login) {
		l.line("timeout=1")
		fillBacklog(t, l.socket)
		o := l.run("user=budi", "auth")
		o.wantCode("auth", pamUnavail)
		o.wantBounded("auth")
	})
}

func fillBacklog(t *testing.T, path string) {
	t.Helper()
	const kind = syscall.SOCK_SEQPACKET | syscall.SOCK_CLOEXEC | syscall.SOCK_NONBLOCK
	address := &syscall.SockaddrUnix{Name: path}
	open := func() int {
		fd, err := syscall.Socket(syscall.AF_UNIX, kind, 0)
		must(t, err)
		t.Cleanup(func() { syscall.Close(fd) })
		return fd
	}
	listener := open()
	must(t, syscall.Bind(listener, address))
	must(t, syscall.Listen(listener, 1))
	for range 100 {
		if err := syscall.Connect(open(), address); err == syscall.EAGAIN {
			return
		}
	}
	t.Fatal("the backlog does not fill")
}

// Reconnecting.

// carries reads a start that carries over a prompt and what was typed to it.
func (p *peer) carries(lastPrompt, typed string) {
	p.l.t.Helper()
	got := p.start()
	if got.Typed == nil {
		p.l.t.Error("the start carries nothing over")
		return
	}
	if got.LastPrompt != lastPrompt || got.Typed.Reveal() != typed {
		p.l.t.Errorf("carried over: %q to %q, want %q to %q", got.Typed.Reveal(), got.LastPrompt, typed, lastPrompt)
	}
}

func (p *peer) carriesNothing() {
	p.l.t.Helper()
	if got := p.start(); got.Typed != nil || got.LastPrompt != "" {
		p.l.t.Errorf("carried over: %q to %q", got.Typed.Reveal(), got.LastPrompt)
	}
}

func TestReconnect(t *testing.T) {
	gone := func(p *peer) { p.start() }
	unread := func(*peer) {} // closes with the start unread
	for name, test := range map[string]struct {
		conversations []func(*peer)
		want          int
	}{
		"gone at once": {[]func(*peer){gone, func(p *peer) {
			p.carriesNothing()
			p.result(protocol.Accepted)
			p.hungUp()
		}}, pamSuccess},
		"start unread":   {[]func(*peer){unread, verdict(protocol.Accepted)}, pamSuccess},
		"empty datagram": {[]func(*peer){func(p *peer) { p.start(); p.raw(nil) }, verdict(protocol.Accepted)}, pamSuccess},
		"gone twice":     {[]func(*peer){gone, gone}, pamUnavail},
		"unread twice":   {[]func(*peer){unread, unread}, pamUnavail},
		"second garbled": {[]func(*peer){gone, func(p *peer) { p.start(); p.raw([]byte{1, 19, 1, 0, 1, 9}) }}, pamUnavail},
		"second refuses": {[]func(*peer){gone, verdict(protocol.Refused)}, pamAuthErr},
		"answer read": {[]func(*peer){func(p *peer) {
			p.start()
			p.prompt(prompt)
			p.answer(code)
		}, func(p *peer) {
			p.carries(prompt, code)
			p.result(protocol.Accepted)
			p.hungUp()
		}}, pamSuccess},
		"answer read, then a show": {[]func(*peer){func(p *peer) {
			p.start()
			p.prompt(prompt)
			p.answer(code)
			p.send(protocol.Show{Text: "Halo", Style: protocol.StyleInfo})
		}, func(p *peer) {
			p.carries(prompt, code)
			p.result(protocol.Accepted)
			p.hungUp()
		}}, pamSuccess},
		"last prompt of two": {[]func(*peer){func(p *peer) {
			p.start()
			p.prompt("Pertama: ")
			p.answer(code)
			p.prompt("Kedua: ")
			p.answer("271828")
		}, func(p *peer) {
			p.carries("Kedua: ", "271828")
			p.result(protocol.Accepted)
			p.hungUp()
		}}, pamSuccess},
		"after an answer in the second": {[]func(*peer){gone, func(p *peer) {
			p.start()
			p.prompt(prompt)
			p.answer(code)
		}}, pamUnavail},
	} {
		t.Run(name, func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.line("")
				l.daemon(test.conversations...)
				l.run("user=budi", "answer="+code, "answer=271828", "auth").wantCode("auth", test.want)
			})
		})
	}
}

// brokenWhileTyping runs a login whose first conversation ends, by a close,
// while the person types.
func brokenWhileTyping(l *login, last func(*peer), second ...func(*peer)) outcome {
	l.t.Helper()
	typing, closed := make(chan struct{}), make(chan struct{})
	first := func(p *peer) {
		defer close(closed)
		p.start()
		p.prompt(prompt)
		<-typing
		last(p)
		p.close()
	}
	l.daemon(append([]func(*peer){first}, second...)...)
	d := l.begin("user=budi", "pause", "answer="+code, "auth")
	d.untilPaused()
	close(typing)
	<-closed
	d.goOn()
	return d.end()
}

func TestDaemonGoneWhileThePersonTypes(t *testing.T) {
	onEachBuild(t, func(t *testing.T, l *login) {
		l.line("")
		o := brokenWhileTyping(l, func(*peer) {}, func(p *peer) {
			p.carries(prompt, code)
			p.result(protocol.Accepted)
			p.hungUp()
		})
		o.wantCode("auth", pamSuccess)
	})
}

func TestResultBehindAnError(t *testing.T) {
	for v, want := range verdictCodes {
		t.Run("unsendable answer, "+v.String(), func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.line("")
				o := brokenWhileTyping(l, func(p *peer) {
					p.send(protocol.Show{Text: "Terlambat", Style: protocol.StyleError})
					p.result(v)
				})
				o.wantCode("auth", want)
				if got := o.said(styleErrorMsg); !slices.Equal(got, []string{"Terlambat"}) {
					t.Errorf("shown: %q", got)
				}
			})
		})
		t.Run("unread answer, "+v.String(), func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.line("")
				l.daemon(func(p *peer) {
					p.start()
					p.prompt(prompt)
					awaitUnread(p)
					p.result(v)
				})
				l.run("user=budi", "answer="+code, "auth").wantCode("auth", want)
			})
		})
	}
}

// awaitUnread waits until an answer lies in the socket, and leaves it there: a
// close then gives the module ECONNRESET.
func awaitUnread(p *peer) {
	p.l.t.Helper()
	raw, err := p.conn.SyscallConn()
	must(p.l.t, err)
	_ = p.conn.SetReadDeadline(time.Now().Add(peerPatience))
	err = raw.Read(func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK)
		return err != syscall.EAGAIN
	})
	if err != nil {
		p.l.t.Errorf("waiting for the answer: %v", err)
	}
}

// With a daemon that is run by hand the socket is missing for a while.
func TestReconnectWaitsForTheSocket(t *testing.T) {
	for name, between := range map[string]func(*testing.T, string){
		"missing":   func(t *testing.T, path string) { must(t, os.Remove(path)) },
		"left over": func(*testing.T, string) {},
	} {
		t.Run(name, func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.line("timeout=10")
				listener, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: l.socket, Net: "unixpacket"})
				must(t, err)
				listener.SetUnlinkOnClose(false)
				d := l.begin("user=budi", "pause", "answer="+code, "auth")
				conn, err := listener.AcceptUnix()
				must(t, err)
				p := &peer{l: l, conn: conn}
				p.start()
				p.prompt(prompt)
				d.untilPaused()
				closeForGood(t, listener)
				between(t, l.socket)
				p.close()
				d.goOn()
				time.Sleep(200 * time.Millisecond) // the time a daemon takes to start
				_ = os.Remove(l.socket)
				l.daemon(func(p *peer) {
					p.carries(prompt, code)
					p.result(protocol.Accepted)
					p.hungUp()
				})
				d.end().wantCode("auth", pamSuccess)
			})
		})
	}
}

func TestReconnectGivesUp(t *testing.T) {
	onEachBuild(t, func(t *testing.T, l *login) {
		l.line("timeout=1")
		l.daemon(func(p *peer) {
			p.start()
			must(t, os.Remove(l.socket))
		})
		o := l.run("user=budi", "auth")
		o.wantCode("auth", pamUnavail)
		o.wantBounded("auth")
	})
}

// In a stack whose only other success is pam_faillock's, which lets everybody on
// who is not locked, an IGNORE of ours would be a way in.
func TestFaillockIsNoOtherWayIn(t *testing.T) {
	onEachBuild(t, func(t *testing.T, l *login) {
		for arguments, want := range map[string]int{
			"timeout=1":      pamUnavail,    // nobody is there
			"nullok":         pamServiceErr, // a bad argument
			"services=login": pamSuccess,    // not ours to ask: faillock's success is real
		} {
			l.stack("sshd", "auth required pam_faillock.so preauth silent dir="+l.folder, "auth required MODULE "+arguments)
			l.run("user=nobody", "auth").wantCode("auth", want)
		}
	})
}
