package login

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/protocol"
)

// How long the daemon waits for the module.
const (
	// waitStart is for a program.
	waitStart = 5 * time.Second
	// waitAnswer is for a person, who has sshd's whole LoginGraceTime.
	waitAnswer = 120 * time.Second
)

var (
	// ErrGone: the peer hung up.
	ErrGone = errors.New("peer is gone")
	// ErrLate: nothing came in time.
	ErrLate = errors.New("peer is late")
	// ErrClosing: the daemon stops.
	ErrClosing = errors.New("daemon is stopping")
)

// Packets carries the datagrams of one conversation. What fails does so with
// ErrGone, ErrLate, ErrClosing or protocol.ErrGarbled.
type Packets interface {
	Send(packet []byte) error
	// Receive returns one datagram; its bytes are good till the next call.
	Receive(wait time.Duration) ([]byte, error)
}

// conversation is one login as the daemon speaks it.
type conversation struct {
	packets Packets
	start   protocol.Start

	// spoken says that the person was shown something on this connection, after
	// which an answer carried in start no longer fits.
	spoken bool

	// offered says that a secret was shown, whose entry stands in the phone.
	offered bool

	// asked are the gids that the module was asked for so far, and known is what
	// it answered.
	asked []uint32
	known protocol.Groups
}

// open waits for the start message. The conversation is never nil: what broke
// before it began can still be told about, and ended.
func open(packets Packets) (*conversation, error) {
	c := &conversation{packets: packets}
	request, err := c.receive(waitStart)
	if err != nil {
		return c, err
	}
	start, ok := request.(protocol.Start)
	if !ok {
		return c, fmt.Errorf("%w: no start", protocol.ErrGarbled)
	}
	c.start = start
	return c, nil
}

// askCode asks for a Security Code. An answer that came with start, typed to
// the same prompt before a restart or held by a one-prompt stack, is taken in
// place of asking, if nothing was said before.
func (c *conversation) askCode(prompt string) (protocol.Answer, error) {
	if typed := c.start.Typed; typed != nil && !c.spoken && (c.start.LastPrompt == "" || c.start.LastPrompt == prompt) {
		c.start.Typed = nil
		return protocol.Answer{Typed: *typed}, nil
	}
	return c.ask(prompt)
}

func (c *conversation) ask(prompt string) (protocol.Answer, error) {
	return c.askBy(protocol.Prompt{Text: prompt})
}

// offer asks for what may be left out, by who is in already or may go without:
// whoever cannot be asked, as by a program that has nobody to show a prompt to,
// answers nothing.
func (c *conversation) offer(prompt string) (protocol.Answer, error) {
	return c.askBy(protocol.Offer{Text: prompt})
}

func (c *conversation) askBy(prompt protocol.Reply) (protocol.Answer, error) {
	c.spoken = true
	if err := c.send(prompt); err != nil {
		return protocol.Answer{}, err
	}
	request, err := c.receive(waitAnswer)
	if err != nil {
		return protocol.Answer{}, err
	}
	answer, ok := request.(protocol.Answer)
	if !ok {
		return protocol.Answer{}, fmt.Errorf("%w: no answer", protocol.ErrGarbled)
	}
	return answer, nil
}

// wants asks whether now; Enter is later. What is neither is asked again, but not
// for ever.
func (c *conversation) wants(prompt string) (now bool, err error) {
	for range 3 {
		answer, err := c.offer(prompt)
		if err != nil {
			return false, err
		}
		switch strings.ToLower(strings.TrimSpace(answer.Typed.Reveal())) {
		case "y", "ya", "yes":
			return true, nil
		case "":
			return false, nil
		}
	}
	return false, nil
}

// groups is what the module says of the user's groups, of which these matter. It
// is asked once for each: others come with rules that were loaded meanwhile.
func (c *conversation) groups(needed []uint32) (protocol.Groups, error) {
	fresh := slices.DeleteFunc(needed, func(gid uint32) bool { return slices.Contains(c.asked, gid) })
	for gids := range slices.Chunk(fresh, protocol.MaxAsked) {
		groups, err := c.askGroups(gids)
		if err != nil {
			return protocol.Groups{}, err
		}
		c.asked = append(c.asked, gids...)
		c.known.GIDs = append(c.known.GIDs, groups.GIDs...)
		c.known.Unknown = append(c.known.Unknown, groups.Unknown...)
	}
	return c.known, nil
}

func (c *conversation) askGroups(gids []uint32) (protocol.Groups, error) {
	if err := c.send(protocol.NeedGroups{GIDs: gids}); err != nil {
		return protocol.Groups{}, err
	}
	request, err := c.receive(waitAnswer) // NSS may ask a directory server
	if err != nil {
		return protocol.Groups{}, err
	}
	groups, ok := request.(protocol.Groups)
	if !ok {
		return protocol.Groups{}, fmt.Errorf("%w: no groups", protocol.ErrGarbled)
	}
	return groups, nil
}

// show shows a text, in pieces that PAM can carry.
func (c *conversation) show(said string, style protocol.Style) error {
	return c.showPieces(pieces(said, protocol.MaxText), style)
}

// showLines shows lines as they are, as many at a time as PAM can carry.
func (c *conversation) showLines(lines []string) error {
	var together []string
	for _, line := range lines {
		last := len(together) - 1
		if last >= 0 && len(together[last])+1+len(line) <= protocol.MaxText {
			together[last] += "\n" + line
		} else {
			together = append(together, line)
		}
	}
	return c.showPieces(together, protocol.StyleInfo)
}

func (c *conversation) showPieces(pieces []string, style protocol.Style) error {
	c.spoken = true
	for _, piece := range pieces {
		if err := c.send(protocol.Show{Text: piece, Style: style}); err != nil {
			return err
		}
	}
	return nil
}

// pieces cuts a text into parts of at most limit bytes, between words or lines
// where there are any.
func pieces(said string, limit int) []string {
	var parts []string
	for len(said) > limit {
		cut := strings.LastIndexAny(said[:limit+1], " \n")
		rest := cut + 1
		if cut <= 0 {
			cut, rest = limit, limit
		}
		parts = append(parts, said[:cut])
		said = said[rest:]
	}
	if said == "" {
		return parts
	}
	return append(parts, said)
}

func (c *conversation) end(verdict protocol.Verdict) error {
	return c.send(protocol.Result{Verdict: verdict})
}

func (c *conversation) send(m protocol.Message) error {
	packet, err := protocol.Marshal(m)
	if err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	return c.packets.Send(packet)
}

func (c *conversation) receive(wait time.Duration) (protocol.Request, error) {
	packet, err := c.packets.Receive(wait)
	if err != nil {
		return nil, err
	}
	return protocol.ParseRequest(packet)
}

// account is whom NSS says the person is. Only for a start with an identity.
func (c *conversation) account() account.ID { return account.Host(c.start.NSS.Name) }

// event is what can be told of this login. A name that NSS does not know is
// left out: people type passwords there.
func (c *conversation) event(reason string) audit.Event {
	e := audit.Event{
		Kind:    audit.Login,
		Reason:  reason,
		Service: c.start.Service,
		RHost:   c.start.RHost,
		TTY:     c.start.TTY,
	}
	if c.start.NSS != nil {
		e.Account = c.account()
	}
	return e
}
