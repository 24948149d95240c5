package text

import "time"

// What the helpdesk reads that resets by conversation.

// DeskName asks whom it is about.
func (t Texts) DeskName() string { return t.fill(t.set.deskName) }

// DeskUnknown tells of a name that is no account's.
func (t Texts) DeskUnknown(user string) string { return t.fill(t.set.deskUnknown, "{user}", user) }

// DeskNot tells of an account that is not the caller's to reset.
func (t Texts) DeskNot(user string) string { return t.fill(t.set.deskNot, "{user}", user) }

// DeskPerson shows the full name, which may be empty.
func (t Texts) DeskPerson(full string) string {
	if full == "" {
		full = t.set.notRecorded
	}
	return t.fill(t.set.deskPerson, "{full}", full)
}

// DeskLast shows when a code was last accepted; zero is never.
func (t Texts) DeskLast(at time.Time) string {
	last := t.set.never
	if !at.IsZero() {
		last = moment(at)
	}
	return t.fill(t.set.deskLast, "{time}", last)
}

// DeskState shows whether the account is active.
func (t Texts) DeskState(active bool) string {
	if active {
		return t.fill(t.set.deskActive)
	}
	return t.fill(t.set.deskInactive)
}

// DeskNoPhone tells of an account without a record.
func (t Texts) DeskNoPhone(user string) string { return t.fill(t.set.deskNoPhone, "{user}", user) }

// DeskLetter asks for the number of the letter that asks for the reset.
func (t Texts) DeskLetter() string { return t.fill(t.set.deskLetter) }

// DeskReason asks why.
func (t Texts) DeskReason() string { return t.fill(t.set.deskReason) }

// DeskSure asks whether to do it.
func (t Texts) DeskSure(user string) string { return t.fill(t.set.deskSure, "{user}", user) }

// Stopped ends a conversation that was broken off.
func (t Texts) Stopped() string { return t.fill(t.set.stopped) }
