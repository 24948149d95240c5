package account

import "time"

// Reason says why an attempt ended as it did. It goes to the record and to the
// journal; the person at the prompt reads one text for all refusals.
//
// The numbers are written into records: never change or reuse one.
type Reason uint8

// The zero value is no reason, and never stands beside an accepted code.
const (
	// Accepted: a code of the window, the first time it was seen.
	Accepted Reason = 1
	// AcceptedPair: the second of two codes in a row.
	AcceptedPair Reason = 2
	// Wrong: well-formed, but no code of this phone now. The only reason that
	// counts as a failure.
	Wrong Reason = 3
	// Noted: right, but not good enough alone.
	Noted Reason = 4
	// Replayed: right once, and spent.
	Replayed Reason = 5
	// Malformed: not the shape of a code.
	Malformed Reason = 6
	// Withheld: the module did not send what was typed, since it was the
	// password or no text.
	Withheld Reason = 7
	// Disabled by an administrator.
	Disabled Reason = 8
	// NotActivated: there is no phone to ask for a code.
	NotActivated Reason = 9
	// Superseded: a reset, a disable or another activation came in between.
	Superseded Reason = 10
	// ForeignUID: the name was another's on this host.
	ForeignUID Reason = 11
	// ClockBehind: the host's clock cannot be right.
	ClockBehind Reason = 12
	// Locked: too many failures in a row, where the office locks.
	Locked Reason = 13
	// UnknownCode: the shape of a recovery code or an issued code, and none.
	UnknownCode Reason = 14
	// Expired: an issued code, too late.
	Expired Reason = 15
	// AcceptedRecovery: a recovery code.
	AcceptedRecovery Reason = 16
	// AcceptedOnce: an issued code that lets in by itself.
	AcceptedOnce Reason = 17
	// Entitled: an issued code that leads to a new phone. It lets nobody in.
	Entitled Reason = 18
	// OnlyOnce: an issued code that lets in to a login, where a new phone was
	// asked for.
	OnlyOnce Reason = 19
)

var reasonNames = map[Reason]string{
	Accepted:         "accepted",
	AcceptedPair:     "accepted-pair",
	Wrong:            "wrong",
	Noted:            "noted",
	Replayed:         "replayed",
	Malformed:        "malformed",
	Withheld:         "withheld",
	Disabled:         "disabled",
	NotActivated:     "not-activated",
	Superseded:       "superseded",
	ForeignUID:       "foreign-uid",
	ClockBehind:      "clock-behind",
	Locked:           "locked",
	UnknownCode:      "unknown-code",
	Expired:          "expired",
	AcceptedRecovery: "accepted-recovery",
	AcceptedOnce:     "accepted-once",
	Entitled:         "entitled",
	OnlyOnce:         "only-once",
}

// String is the word used in the journal and in JSON.
func (r Reason) String() string {
	if name, ok := reasonNames[r]; ok {
		return name
	}
	return "unknown"
}

// Outcome is what came of an attempt or of an activation. The zero value is a
// refusal.
type Outcome struct {
	Accepted bool
	Reason   Reason

	// Mark is what the host's clock mark may learn from an accepted code: the
	// earlier of the host's clock and the code's own time, or zero where the
	// code was none of the window.
	Mark time.Time
}
