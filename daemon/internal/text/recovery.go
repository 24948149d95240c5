package text

import (
	"strconv"
	"time"
)

// A moment is told as people here write it, in the host's time zone.
func moment(at time.Time) string { return at.Local().Format("02-01-2006 15:04") }

// AskHelpdesk tells who may not activate by the password alone where the code
// comes from.
func (t Texts) AskHelpdesk() string { return t.fill(t.set.askHelpdesk) }

// IssuedOffer asks for an issued code whom may go without still.
func (t Texts) IssuedOffer() string { return t.fill(t.set.issuedOffer) }

// IssuedPrompt asks for an issued code.
func (t Texts) IssuedPrompt() string { return t.fill(t.set.issuedPrompt) }

// NewPhone stands at the head of an activation that a code led to.
func (t Texts) NewPhone(digits int) string {
	return t.fill(t.set.newPhone, "{digits}", strconv.Itoa(digits))
}

// NewPhoneOffer asks whether to activate a new phone now.
func (t Texts) NewPhoneOffer() string { return t.fill(t.set.newPhoneOffer) }

// NotNow ends the activation of a new phone that did not come about.
func (t Texts) NotNow() string { return t.fill(t.set.notNow) }

// RecoverySpent ends the activation of a new phone that did not come about, and
// that a recovery code had led to.
func (t Texts) RecoverySpent() string { return t.fill(t.set.recoverySpent) }

// CurrentOr asks for what entitles to a new phone.
func (t Texts) CurrentOr() string { return t.fill(t.set.currentOr) }

// RecoveryOffer asks whether to make recovery codes now.
func (t Texts) RecoveryOffer() string { return t.fill(t.set.recoveryOffer) }

// RecoveryHead stands above the recovery codes.
func (t Texts) RecoveryHead() string { return t.fill(t.set.recoveryHead) }

// RecoveryTime tells how long a login waits.
func (t Texts) RecoveryTime() string { return t.fill(t.set.recoveryTime) }

// RecoveryProve asks for the code of that number.
func (t Texts) RecoveryProve(number int) string {
	return t.fill(t.set.recoveryProve, "{number}", strconv.Itoa(number))
}

// RecoveryWrong follows another one.
func (t Texts) RecoveryWrong(number int) string {
	return t.fill(t.set.recoveryWrong, "{number}", strconv.Itoa(number))
}

// RecoveryKept ends the making of recovery codes.
func (t Texts) RecoveryKept() string { return t.fill(t.set.recoveryKept) }

// RecoveryLater ends it where nothing was kept.
func (t Texts) RecoveryLater() string { return t.fill(t.set.recoveryLater) }

// RecoveryLeft tells who is in by a recovery code how many there are yet.
func (t Texts) RecoveryLeft(left int) string {
	return t.fill(t.set.recoveryLeft, "{left}", strconv.Itoa(left))
}

// RecoveryFew urges to make new ones.
func (t Texts) RecoveryFew() string { return t.fill(t.set.recoveryFew) }

// OnceUsed tells who is in by a break-glass code.
func (t Texts) OnceUsed() string { return t.fill(t.set.onceUsed) }

// NewsWrong tells the owner of wrong codes, how many, from where, and the last
// one when.
func (t Texts) NewsWrong(count int, source string, last time.Time) string {
	return t.news(t.set.newsWrong, count, source, last)
}

// NewsWrongAll tells how many wrong codes there were in all, where the places are
// too many to name.
func (t Texts) NewsWrongAll(count int) string {
	return t.fill(t.set.newsWrongAll, "{count}", strconv.Itoa(count))
}

// NewsRefused tells of other logins that were refused.
func (t Texts) NewsRefused(count int, source string, last time.Time) string {
	return t.news(t.set.newsRefused, count, source, last)
}

func (t Texts) news(text string, count int, source string, last time.Time) string {
	return t.fill(text, "{count}", strconv.Itoa(count), "{source}", t.place(source), "{time}", moment(last))
}

// NewsGuessed tells what refusals that were not the owner's mean.
func (t Texts) NewsGuessed() string { return t.fill(t.set.newsGuessed) }

// NewsChanged tells what changes mean that were not the owner's.
func (t Texts) NewsChanged() string { return t.fill(t.set.newsChanged) }

// Change is the word for a change of the way in (account.Change).
type Change string

// Changed tells of one. Of a word that is not known it is empty.
func (t Texts) Changed(change Change, source string, at time.Time) string {
	said := map[Change]string{
		"activated":                t.set.changeActivated,
		"activated-by-issued-code": t.set.changeByIssued,
		"reset":                    t.set.changeReset,
		"code-issued":              t.set.changeIssued,
		"once-used":                t.set.changeOnce,
		"once-issued":              t.set.changeOnceIssued,
		"recovery-made":            t.set.changeRecoveryMade,
		"recovery-used":            t.set.changeRecoveryUsed,
	}[change]
	if said == "" {
		return ""
	}
	return t.fill(t.set.changed, "{time}", moment(at), "{source}", t.place(source), "{change}", said)
}

func (t Texts) place(source string) string {
	if source == "" {
		return t.set.somewhere
	}
	return source
}

// ReadOut stands above an issued code.
func (t Texts) ReadOut(until time.Time, once bool) string {
	text := t.set.readOut
	if once {
		text = t.set.readOutOnce
	}
	return t.fill(text, "{time}", moment(until))
}

// GuessedFirst tells the clerk what comes before a reset.
func (t Texts) GuessedFirst(source string) string {
	return t.fill(t.set.guessedFirst, "{source}", t.place(source))
}

// WasReset tells how an account comes back that was reset.
func (t Texts) WasReset(user string) string { return t.fill(t.set.wasReset, "{user}", user) }

// ActivateByIssued tells how an account that never was active comes to be, where
// the password alone does not do.
func (t Texts) ActivateByIssued(user string) string {
	return t.fill(t.set.activateByIssued, "{user}", user)
}

// UnknownCode tells of a recovery code or an issued code that is none.
func (t Texts) UnknownCode() string { return t.fill(t.set.unknownCode) }

// ExpiredCode tells of an issued code that came too late.
func (t Texts) ExpiredCode(user string) string { return t.fill(t.set.expiredCode, "{user}", user) }

// IssuedRefused follows an issued code that was not accepted.
func (t Texts) IssuedRefused() string { return t.fill(t.set.issuedRefused) }

// IssuedOpen tells of an issued code that is good still.
func (t Texts) IssuedOpen(until time.Time, once bool) string {
	text := t.set.issuedOpen
	if once {
		text = t.set.onceOpen
	}
	return t.fill(text, "{time}", moment(until))
}

// Locked tells what opens a locked account.
func (t Texts) Locked(user string) string { return t.fill(t.set.locked, "{user}", user) }

// ForeignUID tells what to do about a name that is another's now.
func (t Texts) ForeignUID(user string) string { return t.fill(t.set.foreignUID, "{user}", user) }

// ClockBehind tells what to do about the host's clock.
func (t Texts) ClockBehind() string { return t.fill(t.set.clockBehind) }
