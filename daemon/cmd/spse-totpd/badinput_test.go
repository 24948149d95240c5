package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/internal/control"
	"spse-totp/daemon/protocol"
	"spse-totp/daemon/protocol/golden"
)

// hungUp says whether an error is that of a peer who closed the connection.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// Whatever is no message is refused, as the first word or as the answer, and
// is told of without a word of it.
func TestGarbledMessagesAreRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.people("budi")[0]
	d := b.start()
	frames, err := golden.Read("../../protocol/testdata/golden", golden.Requests)
	if err != nil {
		t.Fatal(err)
	}
	frames = append(frames,
		golden.Frame{Name: "another protocol", Bytes: []byte("SSH-2.0-" + canary + "\r\n")},
		golden.Frame{Name: "more than any message", Bytes: make([]byte, 100_000)})
	sent := 0
	for _, frame := range frames {
		if frame.Good || len(frame.Bytes) == 0 { // an empty datagram reads as the end
			continue
		}
		for _, opening := range [][]protocol.Request{nil, {p.start()}} {
			sent++
			c, err := b.talk(opening...)
			if err != nil {
				t.Fatal(err)
			}
			if opening != nil {
				if _, err := c.prompt(); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := c.conn.Write(frame.Bytes); err != nil {
				t.Fatal(err)
			}
			if verdict, err := c.result(); err != nil || verdict != protocol.Refused {
				t.Errorf("%s: %v, %v", frame.Name, verdict, err)
			}
			if reply, err := c.next(); !hungUp(err) {
				t.Errorf("%s: after the result %v, %v", frame.Name, reply, err)
			}
			c.close()
		}
	}
	if told := d.awaitCount(sent, audit.Login, "garbled"); len(told) != sent {
		t.Errorf("%d events for %d messages", len(told), sent)
	}
	if strings.Contains(d.said(), canary) {
		t.Error("a garbled message is told of")
	}
	b.expectLogin(p, p.code(0), protocol.Accepted)
}

func TestMessagesOutOfTurnAreRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.people("budi")[0]
	b.start()
	for name, requests := range map[string][]protocol.Request{
		"an answer first":  {answer(p.code(0))},
		"groups first":     {protocol.Groups{GIDs: []uint32{0}}},
		"start twice":      {p.start(), p.start()},
		"groups, unasked":  {p.start(), protocol.Groups{}},
		"groups, answered": {p.start(), protocol.Groups{}, answer(p.code(0))},
	} {
		c, err := b.talk(requests...)
		if err != nil && !hungUp(err) {
			t.Fatal(err)
		}
		if err != nil {
			continue // it hung up before all was said
		}
		for {
			reply, err := c.next()
			if hungUp(err) {
				break // what lay unread may have swept the result away
			}
			if result, ok := reply.(protocol.Result); err != nil || ok && result.Verdict != protocol.Refused {
				t.Errorf("%s: %v, %v", name, reply, err)
				break
			}
		}
		c.close()
	}
	b.expectLogin(p, p.code(0), protocol.Accepted) // none of it burnt the code
}

// Only plain digits are a code, over the socket as within.
func TestOnlyPlainDigitsLetIn(t *testing.T) {
	t.Parallel()
	digits := func(zero rune) func(string) string {
		return func(c string) string {
			return strings.Map(func(r rune) rune { return zero + r - '0' }, c)
		}
	}
	spellings := []struct {
		name  string
		spell func(string) string
		want  protocol.Verdict
	}{
		{"newline", func(c string) string { return c + "\n" }, protocol.Refused},
		{"tab", func(c string) string { return "\t" + c }, protocol.Refused},
		{"two spaces", func(c string) string { return "  " + c }, protocol.Refused},
		{"plus", func(c string) string { return "+" + c }, protocol.Refused},
		{"zero before", func(c string) string { return "0" + c }, protocol.Refused},
		{"full width", digits('\uff10'), protocol.Refused},
		{"Arabic-Indic", digits('\u0660'), protocol.Refused},
		{"NBSP", func(c string) string { return c + "\u00a0" }, protocol.Refused},
		{"128 bytes", func(c string) string { return c + strings.Repeat(" ", 122) }, protocol.Refused},
		{"plain", func(c string) string { return c }, protocol.Accepted},
		{"in two parts", func(c string) string { return c[:3] + " " + c[3:] }, protocol.Refused}, // burnt
	}
	b := newBench(t)
	p := b.people("budi")[0]
	b.start()
	code := p.code(0)
	for _, s := range spellings {
		if verdict := b.login(p, s.spell(code)); verdict != s.want {
			t.Errorf("%s: %v, want %v", s.name, verdict, s.want)
		}
	}
	// A NUL is no text of the protocol.
	packet, err := protocol.Marshal(answer(code + "0"))
	if err != nil {
		t.Fatal(err)
	}
	packet[len(packet)-1] = 0
	c, err := b.talk(p.start())
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if _, err := c.prompt(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.conn.Write(packet); err != nil {
		t.Fatal(err)
	}
	if verdict, err := c.result(); err != nil || verdict != protocol.Refused {
		t.Errorf("NUL: %v, %v", verdict, err)
	}
}

// A name of any kind is asked like any other and lets nobody in; one that NSS
// does not know is not told of.
func TestNamesOfAnyKind(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.people("budi")[0]
	d := b.start()
	names := []string{
		"", "budi\n", "\nbudi", "budi/../siti", "../../etc/passwd", "budi\x1b[2J", "BUDI", " budi", "budi@LPSE", "budi.", "\xff\xfe",
		"'; DROP TABLE account; --", strings.Repeat("b", 10_000),
	}
	for i, name := range names {
		for _, known := range []bool{false, true} {
			if known && name == "" {
				continue // NSS never names anybody so
			}
			start := p.start()
			start.User, start.NSS = name, nil
			if known {
				start.NSS = &protocol.Identity{Name: name, UID: uint32(3000 + i)}
			}
			c, err := b.talk(start)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.prompt(); err != nil {
				t.Fatalf("%.20q: %v", name, err)
			}
			if err := c.send(answer(p.code(0))); err != nil {
				t.Fatal(err)
			}
			if verdict, err := c.result(); err != nil || verdict != protocol.Refused {
				t.Errorf("%.20q: %v, %v", name, verdict, err)
			}
			c.close()
		}
		status, said, err := b.call(http.MethodGet, control.PathAccount, "no-"+name, nil)
		if err != nil || status == http.StatusOK && strings.Contains(said, `"active":true`) {
			t.Errorf("%.20q on control.sock: %d %s, %v", name, status, said, err)
		}
	}
	unknown := d.awaitCount(len(names), audit.Login, "unknown-user")
	for _, e := range unknown {
		if _, named := e["SPSE_TOTP_ACCOUNT"]; named {
			t.Errorf("an unknown name is told: %v", e)
		}
	}
	d.awaitCount(len(names)-1, audit.Login, "abandoned") // their activations
	for line := range strings.Lines(d.said()) {          // no name ends a line
		if !strings.HasPrefix(line, "{") || !strings.HasSuffix(line, "}\n") {
			t.Errorf("standard error has a line %q", line)
		}
	}
	b.expectLogin(p, p.code(0), protocol.Accepted)
}

// Peers who say nothing hold nobody up, and are let go.
func TestSilentPeersHoldNobodyUp(t *testing.T) {
	t.Parallel()
	const silent = 200
	b := newBench(t)
	people := b.people("budi", "siti")
	b.start()
	var quiet []*talk
	for i := range silent {
		var c *talk
		var err error
		if i%2 == 0 {
			c, err = b.talk() // says nothing at all
		} else if c, err = b.talk(people[1].start()); err == nil {
			_, err = c.prompt() // and types nothing
		}
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		quiet = append(quiet, c)
	}
	for _, said := range []string{"", "", "POST /v1/account/offer HTTP/1.1\r\nHost: c\r\nContent-Length: 100\r\n\r\n{", "GET /v1"} {
		conn, err := net.Dial("unix", b.path("control.sock"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, said); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now()
	b.expectLogin(people[0], people[0].code(0), protocol.Accepted)
	t.Logf("a login among %d silent peers took %v", silent, time.Since(begin).Round(time.Microsecond))
	begin = time.Now()
	if _, err := ask[control.Host](b, http.MethodGet, control.PathHost, "", nil); err != nil {
		t.Error(err)
	}
	t.Logf("a request among them took %v", time.Since(begin).Round(time.Microsecond))
	if verdict, err := quiet[0].result(); err != nil || verdict != protocol.Refused {
		t.Errorf("who said nothing: %v, %v", verdict, err)
	}
}

// Callers on control.sock who hang up disturb nobody's login.
func TestCallersWhoHangUpDisturbNobody(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	people := b.people(numbered("budi", 30)...)
	d := b.start()
	hangUp := func() {
		t.Helper()
		for range 20 {
			conn, err := net.Dial("unix", b.path("control.sock"))
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(conn, "GET /v1/accounts HTTP/1.1\r\nHost: c\r\n\r\n") // it may have been turned away
			_ = conn.Close()
		}
	}
	for _, p := range people {
		hangUp()
		b.expectLogin(p, p.wrong(), protocol.Refused)
		hangUp()
		b.expectLogin(p, p.code(0), protocol.Accepted)
	}
	if alarms := d.told(audit.Alarm); len(alarms) > 0 {
		t.Errorf("alarms: %v", alarms)
	}
}

func TestBadRequestsOnControl(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := b.start()
	name := self(t)
	for what, c := range map[string]struct {
		body string
		want []int
	}{
		"no JSON":       {"hello " + canary, []int{http.StatusBadRequest}},
		"too long":      {`{"code":"` + strings.Repeat("7", 1<<20) + `"}`, []int{http.StatusBadRequest}},
		"unknown field": {`{"` + canary + `":1}`, []int{http.StatusBadRequest}},
		"deep":          {strings.Repeat("[", 15_000), []int{http.StatusBadRequest}},
	} {
		status, said, err := b.call(http.MethodPost, control.PathOffer, name, c.body)
		if err != nil && hungUp(err) {
			continue // it hung up on who says so much
		}
		if err != nil || !slices.Contains(c.want, status) || strings.Contains(said, canary) {
			t.Errorf("%s: %d %s, %v", what, status, said, err)
		}
	}
	for _, raw := range []string{"hello\r\n\r\n", "\x00\x01\x02", "GET / HTTP/9.9\r\n\r\n", "GET /v1/host HTTP/1.1\r\nX: " + strings.Repeat("x", 1<<20)} {
		conn, err := net.Dial("unix", b.path("control.sock"))
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(hang)); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, raw) // it may hang up meanwhile
		if said, err := io.ReadAll(conn); err != nil && !hungUp(err) || strings.Contains(string(said), "200 OK") {
			t.Errorf("%.20q: %q, %v", raw, said, err)
		}
		_ = conn.Close()
	}
	if _, err := ask[control.Host](b, http.MethodGet, control.PathHost, "", nil); err != nil {
		t.Error(err)
	}
	if strings.Contains(d.said(), canary) {
		t.Error("what was sent is told")
	}
}
