package protocol

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

// version is the first byte of every message.
const version = 1

// The second byte of a message. To the daemon below 16, to the module from 16.
const (
	verbStart  = 1
	verbGroups = 2
	verbAnswer = 3

	verbNeedGroups = 16
	verbPrompt     = 17
	verbShow       = 18
	verbResult     = 19
	verbOffer      = 20
)

// ParseRequest reads one datagram from the module. Its errors wrap ErrGarbled.
func ParseRequest(frame []byte) (Request, error) {
	verb, r, err := open(frame)
	if err != nil {
		return nil, err
	}
	var request Request
	switch verb {
	case verbStart:
		request = readStart(r)
	case verbGroups:
		request = readGroups(r)
	case verbAnswer:
		request = readAnswer(r)
	default:
		return nil, garbled("verb %d is no request", verb)
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return request, nil
}

// ParseReply reads one datagram from the daemon. Its errors wrap ErrGarbled.
func ParseReply(frame []byte) (Reply, error) {
	verb, r, err := open(frame)
	if err != nil {
		return nil, err
	}
	var reply Reply
	switch verb {
	case verbNeedGroups:
		reply = NeedGroups{GIDs: r.gids(1, 1, MaxAsked)}
	case verbPrompt:
		reply = Prompt{Text: r.text(1, 1, MaxText)}
	case verbOffer:
		reply = Offer{Text: r.text(1, 1, MaxText)}
	case verbShow:
		reply = Show{Text: r.text(1, 1, MaxText), Style: Style(r.number(2, 1, 2))}
	case verbResult:
		reply = Result{Verdict: Verdict(r.number(1, 0, 3))}
	default:
		return nil, garbled("verb %d is no reply", verb)
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return reply, nil
}

// Marshal writes a message as one datagram. It refuses, with an error that
// wraps ErrGarbled, whatever the parsers would refuse to read: that is how it
// checks, so the rules stand in one place.
func Marshal(message Message) ([]byte, error) {
	var w writer
	switch m := message.(type) {
	case Start:
		w.start(m)
	case Groups:
		w.groups(m)
	case Answer:
		w.answer(m)
	case NeedGroups:
		w.begin(verbNeedGroups)
		w.gids(1, m.GIDs)
	case Prompt:
		w.begin(verbPrompt)
		w.text(1, m.Text)
	case Offer:
		w.begin(verbOffer)
		w.text(1, m.Text)
	case Show:
		w.begin(verbShow)
		w.text(1, m.Text)
		w.number(2, byte(m.Style))
	case Result:
		w.begin(verbResult)
		w.number(1, byte(m.Verdict))
	default:
		return nil, garbled("%T is no message", message)
	}
	if w.tooLong {
		return nil, garbled("a field is over %d bytes", math.MaxUint16)
	}
	if err := check(message, w.frame); err != nil {
		return nil, err
	}
	return w.frame, nil
}

func check(message Message, frame []byte) error {
	var err error
	if _, ok := message.(Request); ok {
		_, err = ParseRequest(frame)
	} else {
		_, err = ParseReply(frame)
	}
	return err
}

func garbled(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrGarbled, fmt.Sprintf(format, args...))
}

// open checks what all messages have in common.
func open(frame []byte) (verb byte, fields *reader, err error) {
	if len(frame) < 2 {
		return 0, nil, garbled("%d bytes", len(frame))
	}
	if frame[0] != version {
		return 0, nil, garbled("version %d", frame[0])
	}
	verb = frame[1]
	limit := MaxFrame
	if verb == verbStart || verb == verbGroups {
		limit = MaxLargeFrame
	}
	if len(frame) > limit {
		return 0, nil, garbled("%d bytes, over %d", len(frame), limit)
	}
	return verb, &reader{rest: frame[2:]}, nil
}

func readStart(r *reader) Start {
	start := Start{
		Phase:   Phase(r.number(1, 1, 2)),
		Service: r.text(2, 1, MaxLargeFrame),
		User:    r.text(3, 0, MaxLargeFrame),
		RHost:   r.optionalText(4, MaxLargeFrame),
		TTY:     r.optionalText(5, MaxLargeFrame),
		RUser:   r.optionalText(6, MaxLargeFrame),
	}
	if r.next(7) || r.next(8) { // together or not at all
		start.NSS = &Identity{Name: r.text(7, 1, MaxLargeFrame), UID: r.uint32(8)}
	}
	start.LastPrompt = r.optionalText(9, MaxText)
	if start.LastPrompt != "" || r.next(10) {
		typed := NewTyped(r.text(10, 0, MaxTyped))
		start.Typed = &typed
	}
	return start
}

func readGroups(r *reader) Groups {
	groups := Groups{GIDs: r.gids(1, 0, MaxGroups)}
	if r.next(2) {
		groups.Unknown = r.gids(2, 1, MaxAsked)
	}
	return groups
}

func readAnswer(r *reader) Answer {
	if r.next(2) {
		r.field(2, 0, 0)
		return Answer{Withheld: true}
	}
	return Answer{Typed: NewTyped(r.text(1, 0, MaxTyped))}
}

// reader takes fields off a message, in ascending order of their tags. What it
// is not asked for (unknown, a second time, out of order) stays and is found
// by end. The first thing that is wrong sticks.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = garbled(format, args...)
	}
}

// next says whether the next field has that tag.
func (r *reader) next(tag byte) bool {
	return r.err == nil && len(r.rest) > 0 && r.rest[0] == tag
}

// field takes a field of least to most bytes.
func (r *reader) field(tag byte, least, most int) []byte {
	if !r.next(tag) {
		r.fail("no field %d where it belongs", tag)
		return nil
	}
	if len(r.rest) < 3 {
		r.fail("field %d is cut off", tag)
		return nil
	}
	length := int(binary.BigEndian.Uint16(r.rest[1:3]))
	if length < least || length > most {
		r.fail("field %d has %d bytes, not %d to %d", tag, length, least, most)
		return nil
	}
	if len(r.rest)-3 < length {
		r.fail("field %d is cut off", tag)
		return nil
	}
	value := r.rest[3 : 3+length]
	r.rest = r.rest[3+length:]
	return value
}

func (r *reader) text(tag byte, least, most int) string {
	text := string(r.field(tag, least, most))
	if strings.IndexByte(text, 0) >= 0 { // C would see half of it
		r.fail("field %d has a NUL in it", tag)
		return ""
	}
	return text
}

// optionalText takes the field if it is there; it is then not empty, so that
// absent and empty are one thing on the wire.
func (r *reader) optionalText(tag byte, most int) string {
	if !r.next(tag) {
		return ""
	}
	return r.text(tag, 1, most)
}

func (r *reader) number(tag, least, most byte) byte {
	value := r.field(tag, 1, 1)
	if len(value) != 1 {
		return 0
	}
	if value[0] < least || value[0] > most {
		r.fail("field %d is %d, not %d to %d", tag, value[0], least, most)
		return 0
	}
	return value[0]
}

func (r *reader) uint32(tag byte) uint32 {
	value := r.field(tag, 4, 4)
	if len(value) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(value)
}

// gids takes a list of least to most gids.
func (r *reader) gids(tag byte, least, most int) []uint32 {
	packed := r.field(tag, 4*least, 4*most)
	if len(packed)%4 != 0 {
		r.fail("field %d is no list of uint32", tag)
		return nil
	}
	gids := make([]uint32, 0, len(packed)/4)
	for ; len(packed) > 0; packed = packed[4:] {
		gids = append(gids, binary.BigEndian.Uint32(packed))
	}
	return gids
}

func (r *reader) end() error {
	if r.err == nil && len(r.rest) > 0 {
		r.fail("%d bytes left over, from field %d on", len(r.rest), r.rest[0])
	}
	return r.err
}

// writer puts fields into a message as they are told; check judges them.
type writer struct {
	frame   []byte
	tooLong bool // a field's length does not fit into 16 bits
}

func (w *writer) begin(verb byte) {
	w.frame = append(w.frame, version, verb)
}

func (w *writer) text(tag byte, value string) {
	if len(value) > math.MaxUint16 {
		w.tooLong = true
		return
	}
	w.frame = append(w.frame, tag)
	w.frame = binary.BigEndian.AppendUint16(w.frame, uint16(len(value)))
	w.frame = append(w.frame, value...)
}

func (w *writer) optionalText(tag byte, value string) {
	if value != "" {
		w.text(tag, value)
	}
}

func (w *writer) number(tag, value byte) {
	w.text(tag, string([]byte{value}))
}

func (w *writer) start(start Start) {
	w.begin(verbStart)
	w.number(1, byte(start.Phase))
	w.text(2, start.Service)
	w.text(3, start.User)
	w.optionalText(4, start.RHost)
	w.optionalText(5, start.TTY)
	w.optionalText(6, start.RUser)
	if start.NSS != nil {
		w.text(7, start.NSS.Name)
		w.text(8, string(binary.BigEndian.AppendUint32(nil, start.NSS.UID)))
	}
	w.optionalText(9, start.LastPrompt)
	if start.Typed != nil {
		w.text(10, start.Typed.Reveal())
	}
}

func (w *writer) gids(tag byte, gids []uint32) {
	packed := make([]byte, 0, 4*len(gids))
	for _, gid := range gids {
		packed = binary.BigEndian.AppendUint32(packed, gid)
	}
	w.text(tag, string(packed))
}

func (w *writer) groups(groups Groups) {
	w.begin(verbGroups)
	w.gids(1, groups.GIDs)
	if len(groups.Unknown) > 0 {
		w.gids(2, groups.Unknown)
	}
}

func (w *writer) answer(answer Answer) {
	w.begin(verbAnswer)
	if !answer.Withheld || !answer.Typed.IsEmpty() { // both: check refuses it
		w.text(1, answer.Typed.Reveal())
	}
	if answer.Withheld {
		w.text(2, "")
	}
}
