package main

import (
	"unicode/utf8"

	"spse-totp/daemon/internal/qr"
	"spse-totp/totp"
)

// sheet is what a person is shown of a new phone's secret. It has several
// sides, one of them up; or, with a file for the picture, none with a secret.
type sheet struct {
	person *terminal
	digits int // of the codes that confirm it

	sides  [][]string
	up     int
	notice string // in place of sides: where the picture is
	shown  bool
}

// newSheet draws the key URI, to the file where there is one. Only a key URI is
// shown, and none of its text is in an error.
func (d *dialogue) newSheet(keyURI string, file *pictureFile) (*sheet, error) {
	key, err := totp.ParseURI(keyURI)
	if err != nil {
		return nil, err
	}
	code, err := qr.Encode(keyURI)
	if err != nil {
		return nil, err
	}
	s := &sheet{person: d.person, digits: key.Params.Digits}
	if file != nil {
		s.notice = d.texts.PictureFile(escaped(file.path))
		return s, file.write(code)
	}
	d.draw(s, code, key.Secret)
	return s, nil
}

// draw makes the sides: for a dark terminal, for a light one, without a
// picture. The last is up where a picture does not fit.
func (d *dialogue) draw(s *sheet, code qr.Code, secret totp.Secret) {
	byHand := d.texts.SecretByHand(secret.Grouped())
	rows, columns := d.person.size()
	for _, style := range []qr.Style{qr.Dark, qr.Light} {
		picture := code.Lines(style)
		// Below it are the secret and the prompt; above, if there is room, what
		// to do with it.
		if len(picture)+3 <= rows {
			picture = append([]string{d.texts.ScanQR()}, picture...)
		}
		s.sides = append(s.sides, append(picture, byHand))
	}
	s.sides = append(s.sides, []string{d.texts.NoPicture(), byHand})

	picture := code.Lines(qr.Dark)
	if len(picture)+2 > rows || utf8.RuneCountInString(picture[0]) > columns {
		s.up = len(s.sides) - 1
	}
}

// show shows the side that is up, above where the prompt comes.
func (s *sheet) show() {
	if s.notice != "" {
		s.person.say(s.notice)
		return
	}
	s.shown = true
	s.person.showAlone(s.sides[s.up])
}

// turn shows the next side.
func (s *sheet) turn() {
	if s.notice == "" {
		s.up = (s.up + 1) % len(s.sides)
	}
	s.show()
}

// forget takes the secret off the screen.
func (s *sheet) forget() {
	if s.shown {
		s.person.forget()
	}
}
