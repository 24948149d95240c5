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

// What the user guide quotes is what people read.
func TestTheGuideQuotesTheTexts(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(docs, "panduan.md"))
	if err != nil {
		t.Fatal(err)
	}
	guide := strings.Join(strings.Fields(string(b)), " ")
	texts := New(Indonesian, "LPSE Kudus", "0291-0000")
	mustActivate, _, _ := strings.Cut(texts.MustActivate(6), " 1)")
	secretByHand, _, _ := strings.Cut(texts.SecretByHand("..."), "...")
	for _, said := range []string{
		texts.CodePrompt(6), texts.Refused(), texts.RefusedByRule(), texts.Unavailable(), texts.CodeNotSeen(),
		mustActivate, texts.MayActivate(30), texts.OfferPrompt(), texts.ScanQR(), secretByHand, texts.ConfirmPrompt(6), texts.NoPicture(),
		texts.NotConfirmed(), texts.Activated(), texts.Abandoned(), texts.StillNot(), texts.ActivatedElsewhere(), texts.CurrentOr(), texts.PictureFile("./qr.png"),
		texts.PhoneOff(-270 * time.Second), texts.PhoneOff(90 * time.Second), texts.LookAtPhone(), texts.WaitForNext(), texts.NoCodeTyped(6),
		texts.TwoCodes(), texts.Guessing("203.0.113.9"), texts.Disabled("budi"), texts.Activate("budi"),
	} {
		if !strings.Contains(guide, "`"+strings.TrimSpace(said)) {
			t.Errorf("panduan.md does not quote %q", said)
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
