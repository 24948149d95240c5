package login

import (
	"spse-totp/daemon/internal/qr"
	"spse-totp/daemon/internal/text"
	"spse-totp/totp"
)

// sheet is what a person is shown of a new phone's secret: for a dark terminal,
// for a light one, without a picture. One side is up.
type sheet struct {
	sides [][]string
	up    int
}

// newSheet draws the sides. One whose picture is more than a client takes has
// none.
func newSheet(texts text.Texts, code qr.Code, secret totp.Secret) *sheet {
	byHand := texts.SecretByHand(secret.Grouped())
	s := &sheet{}
	for _, style := range []qr.Style{qr.Dark, qr.Light} {
		picture := code.Lines(style)
		if len(picture) == 0 || bytes(picture) > maxShown {
			continue
		}
		// A line of text first: clients put something of their own before it.
		s.sides = append(s.sides, append(append([]string{texts.ScanQR()}, picture...), byHand))
	}
	s.sides = append(s.sides, []string{texts.NoPicture(), byHand})
	return s
}

func bytes(lines []string) int {
	n := 0
	for _, line := range lines {
		n += len(line) + 1
	}
	return n
}

func (s *sheet) side() []string { return s.sides[s.up] }

func (s *sheet) turn() { s.up = (s.up + 1) % len(s.sides) }
