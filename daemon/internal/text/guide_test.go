package text

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const docs = "../../../docs"

// What the pages for people quote is what people read.
func TestThePagesQuoteTheTexts(t *testing.T) {
	texts := New(Indonesian, "LPSE Kudus", "0291-0000")
	at := time.Date(2026, 11, 25, 3, 19, 0, 0, time.Local)
	mustActivate, _, _ := strings.Cut(texts.MustActivate(6), " 1)")
	secretByHand, _, _ := strings.Cut(texts.SecretByHand("..."), "...")
	newPhone, _, _ := strings.Cut(texts.NewPhone(6), " 1)")
	mustQuote(t, "panduan.md", []string{
		texts.CodePrompt(6), texts.Refused(), texts.RefusedByRule(), texts.Unavailable(), texts.CodeNotSeen(),
		mustActivate, texts.MayActivate(30), texts.OfferPrompt(), texts.ScanQR(), secretByHand, texts.ConfirmPrompt(6), texts.NoPicture(),
		texts.NotConfirmed(), texts.Activated(), texts.Abandoned(), texts.StillNot(), texts.ActivatedElsewhere(), texts.CurrentOr(), texts.PictureFile("./qr.png"),
		texts.RecoveryOffer(), texts.RecoveryHead(), texts.RecoveryTime(), texts.RecoveryProve(3), texts.RecoveryWrong(3), texts.RecoveryKept(), texts.RecoveryLater(),
		texts.RecoveryLeft(7), texts.RecoveryFew(), texts.NewPhoneOffer(), newPhone, texts.NotNow(), texts.RecoverySpent(),
		texts.AskHelpdesk(), texts.IssuedOffer(), texts.IssuedPrompt(), texts.IssuedRefused(), texts.OnceUsed(),
		texts.NewsWrong(47, "203.0.113.9", at), texts.NewsRefused(2, "203.0.113.9", at), texts.NewsGuessed(), texts.NewsChanged(),
		texts.Changed("recovery-used", "127.0.0.1", at.Add(19*time.Minute)),
	})
	mustQuote(t, "helpdesk.md", []string{
		texts.PhoneOff(-270 * time.Second), texts.PhoneOff(90 * time.Second), texts.LookAtPhone(), texts.WaitForNext(), texts.NoCodeTyped(6),
		texts.TwoCodes(), texts.Guessing("203.0.113.9"), texts.Disabled("budi"), texts.Activate("budi"), texts.ActivateByIssued("budi"),
		texts.UnknownCode(), texts.ExpiredCode("budi"), texts.IssuedOpen(at.Add(24*time.Hour+19*time.Minute), false), texts.WasReset("budi"),
		texts.Locked("budi"), texts.ForeignUID("budi"), texts.ClockBehind(),
	})
}

func mustQuote(t *testing.T, page string, texts []string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(docs, page))
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Join(strings.Fields(string(b)), " ")
	for _, said := range texts {
		if !strings.Contains(words, "`"+strings.TrimSpace(said)) {
			t.Errorf("%s does not quote %q", page, said)
		}
	}
}

// The pictures are of a real run, and show the texts of today: make demo
// PICTURES=docs makes them anew.
func TestThePicturesShowTheTexts(t *testing.T) {
	texts := New(Indonesian, "LPSE Kudus", "0291-0000")
	for file, said := range map[string][]string{
		"login.svg":         {texts.CodePrompt(6), texts.Refused()},
		"masuk-pertama.svg": {texts.MustActivate(6), texts.ScanQR(), texts.SecretByHand(""), texts.ConfirmPrompt(6), texts.Activated()},
		"masuk-harian.svg":  {texts.CodePrompt(6)},
		"kode-cadangan.svg": {texts.RecoveryOffer(), texts.RecoveryHead(), texts.RecoveryTime(), texts.RecoveryKept()},
		"kode-salah.svg":    {texts.CodePrompt(6), texts.Refused()},
	} {
		b, err := os.ReadFile(filepath.Join(docs, file))
		if err != nil {
			t.Fatal(err)
		}
		var picture struct {
			Rows []string `xml:"g>text"`
		}
		if err := xml.Unmarshal(b, &picture); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		shown := strings.Join(picture.Rows, "") // rows end in the middle of words
		for _, text := range said {
			if !strings.Contains(shown, text) {
				t.Errorf("%s does not show %q", file, text)
			}
		}
	}
}
