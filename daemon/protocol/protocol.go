// Package protocol holds the messages of pam.sock, between the PAM module and
// the daemon, and how they are written as bytes. PROTOCOL.md beside it is the
// specification, and the C side of it is pamclient/frame.c; both are tested
// against the frames under testdata/golden.
//
// The package opens nothing and reads no clock.
package protocol

import "errors"

// Limits of the wire, in bytes but for MaxGroups and MaxAsked.
const (
	MaxFrame      = 4096  // a message
	MaxLargeFrame = 65536 // a Start or a Groups
	MaxText       = 511   // PAM_MAX_MSG_SIZE is 512, with the NUL
	MaxTyped      = 128   // what a person types to a prompt
	MaxGroups     = 8192  // gids in a Groups
	MaxAsked      = 1022  // gids in a NeedGroups, which fill a message
)

// ErrGarbled is what every error of this package wraps: the bytes are no
// message of this protocol, or the message is none that bytes can say. The
// text around it says what was wrong and never what was typed.
var ErrGarbled = errors.New("garbled message")

// Message is any message. The interface is sealed: the messages are the
// structs of this package.
type Message interface{ message() }

// Request is a message from the module to the daemon: Start, Groups or Answer.
type Request interface {
	Message
	request()
}

// Reply is a message from the daemon to the module: NeedGroups, Prompt, Show
// or Result.
type Reply interface {
	Message
	reply()
}

// Phase is the PAM phase that asks. The zero value is none and is refused.
type Phase uint8

// The phases there are.
const (
	PhaseAuth    Phase = 1
	PhaseAccount Phase = 2
)

// Style says how a Show is shown. The zero value is none and is refused.
type Style uint8

// The styles there are.
const (
	StyleInfo  Style = 1 // PAM_TEXT_INFO
	StyleError Style = 2 // PAM_ERROR_MSG
)

// Verdict is how a conversation ended. The zero value is a refusal.
type Verdict uint8

// The verdicts there are, with the PAM code the module makes of each.
const (
	Refused     Verdict = 0 // PAM_AUTH_ERR
	Accepted    Verdict = 1 // PAM_SUCCESS
	NotAsked    Verdict = 2 // PAM_IGNORE
	Unavailable Verdict = 3 // PAM_AUTHINFO_UNAVAIL
)

// String names the verdict; what is no verdict is "garbled".
func (v Verdict) String() string {
	switch v {
	case Refused:
		return "refused"
	case Accepted:
		return "accepted"
	case NotAsked:
		return "not asked"
	case Unavailable:
		return "unavailable"
	}
	return "garbled"
}

// Identity is a user as NSS knows it: the name byte for byte, and the uid.
type Identity struct {
	Name string
	UID  uint32
}

// Start opens a conversation. No string in it may hold a NUL.
type Start struct {
	Phase   Phase
	Service string // PAM_SERVICE, never empty
	User    string // PAM_USER as typed; may be empty

	RHost string // PAM_RHOST, or empty
	TTY   string // PAM_TTY, or empty
	RUser string // PAM_RUSER, or empty

	NSS *Identity // nil: NSS does not know User

	// LastPrompt is the prompt that Typed answered in a conversation the
	// daemon broke off. Empty with a Typed: the code held by split.
	LastPrompt string
	Typed      *Typed // nil: nothing was typed yet
}

// Groups answers a NeedGroups: the gids of the user, in the order of
// getgrouplist(3), which leaves out those of a directory server that is down.
// It is empty for who is not known to NSS.
type Groups struct {
	GIDs []uint32
	// Unknown are those asked for of which NSS could not tell whether the user is
	// in them.
	Unknown []uint32
}

// Answer answers a Prompt: what was typed, or that it was withheld because it
// was the password, too long, or had control bytes in it. Never both.
type Answer struct {
	Typed    Typed
	Withheld bool
}

// NeedGroups asks for a Groups: 1 to MaxAsked gids, those that matter.
type NeedGroups struct {
	GIDs []uint32
}

// Prompt asks for an Answer; the person sees what they type.
type Prompt struct {
	Text string // 1 to MaxText bytes
}

// Offer is a Prompt that may be left out: whoever cannot be asked has answered
// it with nothing.
type Offer struct {
	Text string // 1 to MaxText bytes
}

// Show is for the person to read. Nothing answers it.
type Show struct {
	Text  string // 1 to MaxText bytes
	Style Style
}

// Result ends the conversation.
type Result struct {
	Verdict Verdict
}

func (Start) message()      {}
func (Groups) message()     {}
func (Answer) message()     {}
func (NeedGroups) message() {}
func (Prompt) message()     {}
func (Offer) message()      {}
func (Show) message()       {}
func (Result) message()     {}

func (Start) request()  {}
func (Groups) request() {}
func (Answer) request() {}

func (NeedGroups) reply() {}
func (Prompt) reply()     {}
func (Offer) reply()      {}
func (Show) reply()       {}
func (Result) reply()     {}
