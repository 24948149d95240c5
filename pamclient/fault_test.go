package pamclient

import (
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"spse-totp/daemon/protocol"
)

// Failing calls.

// The calls that are made to fail. ASan has an allocator of its own, where the
// first cannot.
var (
	allocations = []string{"malloc", "calloc", "strdup"}
	systemCalls = []string{"socket", "connect", "setsockopt", "send", "recv", "poll", "clock_gettime",
		"getpwnam_r", "getgrouplist", "getgrgid_r", "pam_set_data", "pam_set_item"}
)

// The daemon accepts where it knows the groups, and yet no login in which one of the module's own calls
// failed gets in.
func TestEachCallFailsInTurn(t *testing.T) {
	for _, call := range append(slices.Clone(allocations), systemCalls...) {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			l := newLogin(t, builds[0])
			failInTurn(t, l, call, "pam_spse_totp", protocol.Accepted)
			l.env = nil
			l.run("user=root", "answer=rahasia"+code, "answer="+code, "null", "auth").wantCode("auth", pamSuccess)
		})
	}
}

// Each way out after a failure is clean. (ASan calls on behalf of the module, so
// others' calls fail here too, and the daemon refuses.)
func TestEachCallFailsInTurnUnderASan(t *testing.T) {
	for _, call := range systemCalls {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			failInTurn(t, newLogin(t, builds[1]), call, "", protocol.Refused)
		})
	}
}

// What libpam allocates for the module or for itself fails: then an accepted
// login may yet get in, so the daemon refuses. (libc's own are left alone: NSS in
// glibc 2.36 crashes of some.)
func TestEachAllocationOfLibpamFailsInTurn(t *testing.T) {
	t.Parallel()
	failInTurn(t, newLogin(t, builds[0]), "malloc", "libpam.so", protocol.Refused)
}

// failInTurn runs a login in which the call fails the first time, then another
// in which it fails the second time, until it was not made so often.
func failInTurn(t *testing.T, l *login, call, caller string, v protocol.Verdict) {
	t.Helper()
	l.stack("sshd", "auth required MODULE split=6", "auth required MODULE", "account required MODULE account=sshd")
	l.patientDaemon(v)
	at := 1
	for ; at < 200; at++ {
		l.env = append(preload(l.build), "FAULT_CALL="+call, "FAULT_CALLER="+caller, "FAULT_AT="+strconv.Itoa(at))
		o := l.run("user=root", "answer=rahasia"+code, "answer="+code, "null", "auth")
		got := o.call("auth")
		if !got.Fired {
			break
		}
		if got.Code == pamSuccess || got.Code == ignored {
			t.Errorf("%s, call %d fails: auth returned %d; %+v", call, at, got.Code, o.events)
		}
	}
	if at == 1 || at == 200 {
		t.Errorf("%s failed %d times", call, at-1)
	}
}

func preload(b build) []string {
	faults := filepath.Join(tools, "libfaults.so")
	if b.name == "asan" {
		faults = asanRuntime + ":" + faults
	}
	return []string{"LD_PRELOAD=" + faults}
}

// patientDaemon plays the same conversation to whoever comes, and does not mind
// that they go in its middle.
func (l *login) patientDaemon(v protocol.Verdict) {
	l.t.Helper()
	listener, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: l.socket, Net: "unixpacket"})
	must(l.t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.AcceptUnix()
			if err != nil {
				return
			}
			p := &peer{l: l, conn: conn}
			p.playToWhoever(v)
			p.close()
		}
	}()
	l.t.Cleanup(func() {
		listener.Close()
		<-done
	})
}

func (p *peer) playToWhoever(v protocol.Verdict) {
	p.l.t.Helper()
	for _, replies := range [][]protocol.Reply{
		{protocol.NeedGroups{GIDs: []uint32{otherGID}}},
		{protocol.Show{Text: "Halo", Style: protocol.StyleInfo}, protocol.Prompt{Text: prompt}},
		{protocol.Offer{Text: offered}},
		{protocol.Result{Verdict: v}},
	} {
		frame, err := p.read()
		if err != nil {
			return
		}
		request, _ := protocol.ParseRequest(frame)
		if groups, ok := request.(protocol.Groups); ok && len(groups.Unknown) > 0 {
			p.result(protocol.Refused)
			return
		}
		for _, reply := range replies {
			p.send(reply)
		}
	}
}
