// Package people plays those who log in: their phones, and their SSH client.
// It is for tests.
package people

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"spse-totp/totp"
)

// Person has an activated account, and the phone that goes with it.
type Person struct {
	Name string
	Key  totp.Key

	mu    sync.Mutex // protects what follows
	spent totp.Step
	ahead time.Duration // of the machine's clock
}

// now is the step that the phone is in. p.mu is held.
func (p *Person) now() totp.Step { return p.Key.Params.StepAt(time.Now().Add(p.ahead)) }

// Wait has time pass for the phone, as clockjump.Jump does for the host.
func (p *Person) Wait(by time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spent -= totp.Step(by / p.Key.Params.Period)
}

// LeaveBehind has the host's clock jump ahead of the phone by so much, as
// clockjump.Jump has it jump.
func (p *Person) LeaveBehind(by time.Duration) {
	p.Wait(by)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ahead -= by
}

// Shows is the code on the phone's screen, used or not.
func (p *Person) Shows() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	code, err := totp.CodeAt(p.Key.Secret, p.Key.Params, p.now())
	return code.Reveal(), err
}

// Code is a right code not used yet: of the present step or of the next, which
// stay in the window while they travel. Without one, ok is false; there is one
// again within 30 s.
func (p *Person) Code() (code string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	step := max(p.spent+1, now)
	if step > now+1 {
		return "", false
	}
	c, err := totp.CodeAt(p.Key.Secret, p.Key.Params, step)
	if err != nil {
		return "", false
	}
	p.spent = step
	return c.Reveal(), true
}

// Spoilt is a code that is wrong: every digit changed.
func Spoilt(code string) string {
	return strings.Map(func(r rune) rune { return '0' + (r-'0'+5)%10 }, code)
}

// Crowd is so many people that there is always a code left.
type Crowd struct {
	people []*Person

	mu   sync.Mutex // protects what follows
	next int
}

// Code takes whoever has a right code left, and that code.
func (c *Crowd) Code() (*Person, string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range c.people {
		p := c.people[c.next%len(c.people)]
		c.next++
		if code, ok := p.Code(); ok {
			return p, code, nil
		}
	}
	return nil, "", errors.New("nobody has a code left")
}

// People are all of them.
func (c *Crowd) People() []*Person { return c.people }

// --- activation, as root over control.sock

// Control is a client of the daemon's control socket.
func Control(socket string) *http.Client {
	return &http.Client{Timeout: Hang, Transport: &http.Transport{
		DisableKeepAlives: true, // the daemon may be another one next time
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
}

// ActivateAll activates accounts that never were.
func ActivateAll(control *http.Client, names []string) (*Crowd, error) {
	crowd := &Crowd{}
	for _, name := range names {
		p, err := Activate(control, name)
		if err != nil { // the step may have ended on the way: once more
			p, err = Activate(control, name)
		}
		if err != nil {
			return nil, err
		}
		crowd.people = append(crowd.people, p)
	}
	return crowd, nil
}

// Activate activates an account that never was, by the code before the present
// one, so that the present one is still good.
func Activate(control *http.Client, name string) (*Person, error) {
	return ActivateBy(control, name, -1)
}

// ActivateBy activates by the codes of these steps from now: one of the window, or
// two in a row of a phone whose clock is off.
func ActivateBy(control *http.Client, name string, steps ...totp.Step) (*Person, error) {
	var offer struct {
		KeyURI string `json:"key_uri"`
		Handle string `json:"handle"`
	}
	if err := post(control, "offer", name, map[string]any{}, &offer); err != nil {
		return nil, err
	}
	key, err := totp.ParseURI(offer.KeyURI)
	if err != nil {
		return nil, err
	}
	p := &Person{Name: name, Key: key}
	var codes []string
	for _, off := range steps {
		p.spent = key.Params.StepAt(time.Now()) + off
		code, err := totp.CodeAt(key.Secret, key.Params, p.spent)
		if err != nil {
			return nil, err
		}
		codes = append(codes, code.Reveal())
	}
	return p, post(control, "activation", name, map[string]any{"handle": offer.Handle, "codes": codes}, nil)
}

// MakeRecovery makes recovery codes for somebody who is active, by a code of the
// phone, and returns them.
func MakeRecovery(control *http.Client, p *Person) (codes []string, err error) {
	code, ok := p.Code()
	if !ok {
		return nil, errors.New("no code is left")
	}
	var offer struct {
		Codes  []string `json:"codes"`
		Asked  int      `json:"asked"`
		Handle string   `json:"handle"`
	}
	if err := post(control, "recovery/offer", p.Name, map[string]any{"code": code}, &offer); err != nil {
		return nil, err
	}
	if offer.Asked < 1 || offer.Asked > len(offer.Codes) {
		return nil, fmt.Errorf("%d codes, and number %d is asked for", len(offer.Codes), offer.Asked)
	}
	proof := map[string]any{"handle": offer.Handle, "code": offer.Codes[offer.Asked-1]}
	return offer.Codes, post(control, "recovery", p.Name, proof, nil)
}

func post(control *http.Client, what, name string, body, into any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	response, err := control.Post("http://control/v1/account/"+what+"?name="+url.QueryEscape(name), "application/json", bytes.NewReader(b))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s of %s: %s: %s", what, name, response.Status, said)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(said, into)
}
