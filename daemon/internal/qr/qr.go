// Package qr draws the key URI of a new phone: for a terminal, and as a file.
package qr

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"strings"

	"github.com/boombuler/barcode/qr"
)

var (
	// ErrNotKeyURI: what was to be drawn is no otpauth:// URI. A phone that
	// scans a picture of ours is led nowhere else.
	ErrNotKeyURI = errors.New("not a key URI")
	// ErrTooLong: the key URI does not fit into a QR code.
	ErrTooLong = errors.New("key URI is too long for a QR code")
)

const scheme = "otpauth://"

// Widths in modules, but for modulePixels.
const (
	// quietZone of a picture of text: scanners read it at 1 too, and every row
	// counts on a screen of 24.
	quietZone = 1
	// quietZonePNG is what ISO/IEC 18004 asks for.
	quietZonePNG = 4
	// modulePixels makes a square of 360 pixels of a usual key URI: a phone reads
	// it off any screen, and it need not be scrolled.
	modulePixels = 8
)

// Code is a QR code of a key URI, and so a secret: level L, byte mode. A URI of
// up to 106 bytes has 37 modules a side, one of up to 134 bytes 41. The zero
// value draws nothing.
type Code struct {
	side int
	// dark is a function, since fmt prints no more of one than its address.
	dark func(x, y int) bool
}

// Encode makes the QR code of a key URI. The errors are ErrNotKeyURI and
// ErrTooLong, and hold nothing of the URI.
func Encode(keyURI string) (Code, error) {
	if !strings.HasPrefix(keyURI, scheme) || strings.Contains(keyURI[len(scheme):], "://") {
		return Code{}, ErrNotKeyURI
	}
	drawn, err := qr.Encode(keyURI, qr.L, qr.Unicode) // Unicode is byte mode
	if err != nil {
		return Code{}, ErrTooLong
	}
	return Code{
		side: drawn.Bounds().Dx(),
		dark: func(x, y int) bool { return drawn.At(x, y) == color.Black },
	}, nil
}

// Format prints "REDACTED", whatever the verb.
func (Code) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "REDACTED") }

// Style says which modules are inked with half blocks.
type Style int

const (
	// Dark is for light text on a dark terminal: light modules are inked.
	Dark Style = iota
	// Light is for dark text on a light terminal: dark modules are inked.
	Light
)

// blocks are the half blocks by which half is inked: none, upper, lower, both.
var blocks = [...]rune{' ', '▀', '▄', '█'}

// Lines draws the code for a terminal, two rows of modules a line and one
// module a column, with a quiet zone of one module around it.
func (c Code) Lines(style Style) []string {
	if c.side == 0 {
		return nil
	}
	inked := func(x, y int) int {
		if c.isDark(x, y) == (style == Light) {
			return 1
		}
		return 0
	}
	var lines []string
	for y := -quietZone; y < c.side+quietZone; y += 2 {
		var line strings.Builder
		for x := -quietZone; x < c.side+quietZone; x++ {
			line.WriteRune(blocks[inked(x, y)+2*inked(x, y+1)])
		}
		lines = append(lines, line.String())
	}
	return lines
}

// PNG writes the code as a picture of black on white, with a quiet zone of four
// modules.
func (c Code) PNG(w io.Writer) error {
	side := (c.side + 2*quietZonePNG) * modulePixels
	picture := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range side {
		for x := range side {
			if c.isDark(x/modulePixels-quietZonePNG, y/modulePixels-quietZonePNG) {
				picture.SetColorIndex(x, y, 1)
			}
		}
	}
	return png.Encode(w, picture)
}

// isDark says whether the module is dark; those of the quiet zone are not.
func (c Code) isDark(x, y int) bool {
	inside := x >= 0 && x < c.side && y >= 0 && y < c.side
	return inside && c.dark(x, y)
}
