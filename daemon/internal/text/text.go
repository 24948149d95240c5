// Package text holds every word that a person at a prompt reads, in Bahasa
// Indonesia and in English, side by side.
//
// The words are SPSE's own: User ID, Password, Security Code, Helpdesk LPSE.
// A text in braces is filled in. All texts are ASCII: some clients print
// nothing else.
package text

import (
	"strconv"
	"strings"
	"time"
)

// Language is a language code of ISO 639-1.
type Language string

// The languages there are. Indonesian is the default.
const (
	Indonesian Language = "id"
	English    Language = "en"
)

// Spoken says whether there are texts in the language.
func Spoken(language Language) bool {
	_, ok := sets[language]
	return ok
}

// Texts speaks one language for one office.
type Texts struct {
	set     set
	issuer  string
	contact string
}

// New speaks the language, names the entry in the phone by the issuer and the
// helpdesk by the contact, which may be empty.
func New(language Language, issuer, contact string) Texts {
	return Texts{set: sets[language], issuer: issuer, contact: contact}
}

func (t Texts) fill(text string, pairs ...string) string {
	contact := ""
	if t.contact != "" {
		contact = strings.ReplaceAll(t.set.contact, "{contact}", t.contact)
	}
	pairs = append(pairs, "{entry}", t.issuer, "{contact}", contact)
	return strings.NewReplacer(pairs...).Replace(text)
}

// CodePrompt asks for a code of so many digits.
func (t Texts) CodePrompt(digits int) string {
	return t.fill(t.set.codePrompt, "{digits}", strconv.Itoa(digits))
}

// Refused is the one text for every refusal of a code.
func (t Texts) Refused() string { return t.fill(t.set.refused) }

// RefusedByRule is for whom a rule refuses, whatever they type.
func (t Texts) RefusedByRule() string { return t.fill(t.set.byRule) }

// Unavailable is for when nothing could be decided.
func (t Texts) Unavailable() string { return t.fill(t.set.unavailable) }

// CodeNotSeen is for a login that came to its end without being asked.
func (t Texts) CodeNotSeen() string { return t.fill(t.set.codeNotSeen) }

// ScanQR stands above the picture.
func (t Texts) ScanQR() string { return t.fill(t.set.scanQR) }

// SecretByHand shows the secret to who cannot scan. The result is a secret.
func (t Texts) SecretByHand(grouped string) string {
	return t.fill(t.set.secretByHand, "{secret}", grouped)
}

// ConfirmPrompt asks for the new phone's code.
func (t Texts) ConfirmPrompt(digits int) string {
	return t.fill(t.set.confirm, "{digits}", strconv.Itoa(digits))
}

// NotConfirmed follows a confirmation that was not right.
func (t Texts) NotConfirmed() string { return t.fill(t.set.notConfirmed) }

// StillNot ends an activation that did not come about.
func (t Texts) StillNot() string { return t.fill(t.set.stillNot) }

// Activated ends an activation.
func (t Texts) Activated() string { return t.fill(t.set.activated) }

// NoPicture stands where the picture stood.
func (t Texts) NoPicture() string { return t.fill(t.set.turnedText) }

// PictureFile tells where the picture is, and that the file must go.
func (t Texts) PictureFile(file string) string {
	return t.fill(t.set.pictureFile, "{file}", file)
}

// Abandoned ends an activation that the person broke off.
func (t Texts) Abandoned() string { return t.fill(t.set.abandoned) }

// MustActivate stands at the head of an activation inside a login.
func (t Texts) MustActivate(digits int) string {
	return t.fill(t.set.mustActivate, "{digits}", strconv.Itoa(digits))
}

// MayActivate tells in how many days a code will be a must.
func (t Texts) MayActivate(days int) string {
	return t.fill(t.set.mayActivate, "{days}", strconv.Itoa(days))
}

// OfferPrompt asks whether to activate now: Enter means later.
func (t Texts) OfferPrompt() string { return t.fill(t.set.offer) }

// ActivatedElsewhere ends an activation that another one was faster than.
func (t Texts) ActivatedElsewhere() string { return t.fill(t.set.elsewhere) }

// PhoneOff tells how far the phone's clock is from the host's, fast being
// ahead.
func (t Texts) PhoneOff(ahead time.Duration) string {
	text := t.set.phoneFast
	if ahead < 0 {
		text, ahead = t.set.phoneSlow, -ahead
	}
	minutes := strconv.FormatFloat(ahead.Minutes(), 'f', -1, 64)
	return t.fill(text, "{minutes}", strings.Replace(minutes, ".", t.set.decimalMark, 1))
}

// Guessing tells where someone tries codes from; the source may be empty.
func (t Texts) Guessing(source string) string {
	if source == "" {
		source = t.set.somewhere
	}
	return t.fill(t.set.guessing, "{source}", source)
}

// TwoCodes tells how the owner of a guarded account gets in.
func (t Texts) TwoCodes() string { return t.fill(t.set.twoCodes) }

// Disabled tells who can enable the account.
func (t Texts) Disabled(user string) string { return t.fill(t.set.disabled, "{user}", user) }

// Activate tells how to activate the account.
func (t Texts) Activate(user string) string { return t.fill(t.set.activate, "{user}", user) }

// NoCodeTyped tells that something else than a code was typed.
func (t Texts) NoCodeTyped(digits int) string {
	return t.fill(t.set.passwordAtP, "{digits}", strconv.Itoa(digits))
}

// LookAtPhone tells what most often is behind wrong codes.
func (t Texts) LookAtPhone() string { return t.fill(t.set.lookAtPhone) }

// WaitForNext tells what to do about used codes.
func (t Texts) WaitForNext() string { return t.fill(t.set.waitForNext) }
