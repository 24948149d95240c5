package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"strings"
	"testing"
	"time"

	"spse-totp/daemon/internal/control"
	"spse-totp/daemon/protocol"
	"spse-totp/totp"
)

// talk is one conversation on pam.sock, as the module would hold it.
type talk struct {
	conn  *net.UnixConn
	shown []string
}

// talk connects; sockets made by the daemon itself are below "run".
func (b *bench) talk(requests ...protocol.Request) (*talk, error) {
	path := b.path("pam.sock")
	if len(b.held) == 0 {
		path = b.path("run/pam.sock")
	}
	conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		return nil, err
	}
	c := &talk{conn: conn}
	if err := conn.SetDeadline(time.Now().Add(hang)); err != nil {
		return nil, err
	}
	for _, request := range requests {
		if err := c.send(request); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

func (c *talk) close() { _ = c.conn.Close() }

func (c *talk) send(m protocol.Message) error {
	packet, err := protocol.Marshal(m)
	if err != nil {
		return err
	}
	_, err = c.conn.Write(packet)
	return err
}

// next returns what the daemon says, past what it shows.
func (c *talk) next() (protocol.Reply, error) {
	buffer := make([]byte, protocol.MaxFrame)
	for {
		n, err := c.conn.Read(buffer)
		if err != nil {
			return nil, err
		}
		reply, err := protocol.ParseReply(buffer[:n])
		if err != nil {
			return nil, err
		}
		show, ok := reply.(protocol.Show)
		if !ok {
			return reply, nil
		}
		c.shown = append(c.shown, show.Text)
	}
}

func (c *talk) prompt() (string, error) {
	reply, err := c.next()
	if err != nil {
		return "", err
	}
	prompt, ok := reply.(protocol.Prompt)
	if !ok {
		return "", fmt.Errorf("the daemon said %v, want a prompt", reply)
	}
	return prompt.Text, nil
}

// result is the end of the conversation. Who is asked once more, as in an
// activation or by an offer, gives up by Enter.
func (c *talk) result() (protocol.Verdict, error) {
	for {
		reply, err := c.next()
		if err != nil {
			return protocol.Refused, err
		}
		switch reply := reply.(type) {
		case protocol.Result:
			return reply.Verdict, nil
		case protocol.Prompt, protocol.Offer:
			if err := c.send(answer("")); err != nil {
				return protocol.Refused, err
			}
		default:
			return protocol.Refused, fmt.Errorf("the daemon said %v, want a result", reply)
		}
	}
}

func answer(code string) protocol.Answer { return protocol.Answer{Typed: protocol.NewTyped(code)} }

// tryLogin is one login with one code. An error is a conversation that broke.
func (b *bench) tryLogin(p person, code string) (protocol.Verdict, error) {
	c, err := b.talk(p.start())
	if err != nil {
		return protocol.Refused, err
	}
	defer c.close()
	if _, err := c.prompt(); err != nil {
		return protocol.Refused, err
	}
	if err := c.send(answer(code)); err != nil {
		return protocol.Refused, err
	}
	return c.result()
}

// login is one that must come to its end.
func (b *bench) login(p person, code string) protocol.Verdict {
	b.t.Helper()
	verdict, err := b.tryLogin(p, code)
	if err != nil {
		b.t.Fatalf("login of %s: %v", p.name, err)
	}
	return verdict
}

// expectLogin makes a login and compares its verdict.
func (b *bench) expectLogin(p person, code string, want protocol.Verdict) {
	b.t.Helper()
	if got := b.login(p, code); got != want {
		b.t.Errorf("login of %s: %v, want %v", p.name, got, want)
	}
}

// awaitLogin tries logins with ever the same code until one gets in: a store
// that failed is tried again a second later.
func (b *bench) awaitLogin(p person, code string) {
	b.t.Helper()
	for end := time.Now().Add(hang); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		switch b.login(p, code) {
		case protocol.Accepted:
			return
		case protocol.Unavailable:
		default:
			b.t.Fatalf("login of %s: refused", p.name)
		}
	}
	b.t.Fatalf("login of %s: unavailable still", p.name)
}

// --- control.sock

// call makes a request on control.sock as the test's own user. body is what
// becomes JSON, or a string as it is.
func (b *bench) call(method, path, name string, body any) (status int, answer string, err error) {
	sent, isText := body.(string)
	if !isText && body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return 0, "", err
		}
		sent = string(encoded)
	}
	socket := b.path("control.sock")
	if len(b.held) == 0 {
		socket = b.path("run/control.sock")
	}
	client := http.Client{Timeout: hang, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	request, err := http.NewRequest(method, "http://control"+path+"?name="+url.QueryEscape(name), strings.NewReader(sent))
	if err != nil {
		return 0, "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	return response.StatusCode, string(read), err
}

// ask makes a request that must succeed, and reads its answer.
func ask[T any](b *bench, method, path, name string, body any) (T, error) {
	var into T
	status, answer, err := b.call(method, path, name, body)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s %s: %d %s", method, path, status, answer)
	}
	if err != nil {
		return into, err
	}
	return into, json.Unmarshal([]byte(answer), &into)
}

// activate leads an account through its activation; what it returns without an
// error was confirmed.
func (b *bench) activate(name string) (person, error) {
	offer, err := ask[control.Offer](b, http.MethodPost, control.PathOffer, name, control.OfferRequest{})
	if err != nil {
		return person{}, err
	}
	p := scan(b.t, name, offer)
	a, err := ask[control.Account](b, http.MethodPost, control.PathActivation, name,
		control.ActivationRequest{Handle: offer.Handle, Codes: []string{p.code(0)}})
	if err == nil && !a.Active {
		err = errors.New("confirmed, but not active")
	}
	return p, err
}

// scan is what a person's phone does with an offer.
func scan(t *testing.T, name string, offer control.Offer) person {
	t.Helper()
	key, err := totp.ParseURI(offer.KeyURI)
	if err != nil {
		t.Fatal(err)
	}
	return person{t: t, name: name, secret: key.Secret}
}

// self is the user the tests run as, whom NSS knows.
func self(t *testing.T) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}

func needRoot(t *testing.T, what string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skipf("only root can %s", what)
	}
}
