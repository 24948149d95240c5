package qr

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

const uri = "otpauth://totp/LPSE%20Kudus:budi?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=LPSE%20Kudus"

// uriOf is a key URI of so many bytes.
func uriOf(size int) string {
	const head, tail = "otpauth://totp/LPSE:", "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=LPSE"
	return head + strings.Repeat("b", size-len(head)-len(tail)) + tail
}

func encode(t *testing.T, keyURI string) Code {
	t.Helper()
	code, err := Encode(keyURI)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func TestScannersReadTheHalfBlocks(t *testing.T) {
	for _, keyURI := range []string{uri, uriOf(84), uriOf(106), uriOf(134), uriOf(200)} {
		code := encode(t, keyURI)
		for style, ink := range map[Style]color.Color{Dark: color.White, Light: color.Black} {
			if got := scan(t, render(code.Lines(style), ink)); got != keyURI {
				t.Errorf("%d bytes, style %d: scanned %q", len(keyURI), style, got)
			}
		}
	}
}

// The scanner sees polarity: what is inked for a dark terminal is not read off
// a light one, so the test above can fail.
func TestScannersDoNotReadTheWrongPolarity(t *testing.T) {
	code := encode(t, uri)
	for style, ink := range map[Style]color.Color{Dark: color.Black, Light: color.White} {
		if got := scan(t, render(code.Lines(style), ink)); got != "" {
			t.Errorf("style %d: scanned %q", style, got)
		}
	}
}

func TestScannersReadThePNG(t *testing.T) {
	for _, keyURI := range []string{uri, uriOf(134), uriOf(200)} {
		var picture bytes.Buffer
		if err := encode(t, keyURI).PNG(&picture); err != nil {
			t.Fatal(err)
		}
		if got := scan(t, &picture); got != keyURI {
			t.Errorf("%d bytes: scanned %q", len(keyURI), got)
		}
	}
}

func TestSizesOnTheScreen(t *testing.T) {
	for size, want := range map[int]struct{ lines, columns int }{
		78: {18, 35}, 84: {20, 39}, 106: {20, 39}, 107: {22, 43}, 134: {22, 43},
	} {
		for _, style := range []Style{Dark, Light} {
			lines := encode(t, uriOf(size)).Lines(style)
			if len(lines) != want.lines {
				t.Errorf("%d bytes: %d lines, want %d", size, len(lines), want.lines)
			}
			for _, line := range lines {
				if n := utf8.RuneCountInString(line); n != want.columns {
					t.Errorf("%d bytes: a line of %d columns, want %d", size, n, want.columns)
				}
			}
		}
	}
}

func TestOnlyKeyURIsAreDrawn(t *testing.T) {
	for _, text := range []string{
		"", "budi", "https://lpse.example/", "OTPAUTH://totp/LPSE:budi", " otpauth://totp/LPSE:budi",
		"otpauth://totp/LPSE:budi?secret=GEZDGNBV&image=https://lpse.example/logo.png",
	} {
		if _, err := Encode(text); !errors.Is(err, ErrNotKeyURI) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := Encode(uriOf(2953)); err != nil { // the most of level L
		t.Errorf("2953 bytes: %v", err)
	}
	if _, err := Encode(uriOf(2954)); !errors.Is(err, ErrTooLong) {
		t.Errorf("2954 bytes: %v", err)
	}
}

func TestTheZeroCodeDrawsNothing(t *testing.T) {
	if lines := (Code{}).Lines(Dark); len(lines) != 0 {
		t.Errorf("%d lines", len(lines))
	}
}

func TestACodePrintsAsRedacted(t *testing.T) {
	code := encode(t, uri)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		if got := fmt.Sprintf(verb, code); got != "REDACTED" {
			t.Errorf("%s prints %q", verb, got)
		}
	}
	if got := fmt.Sprintf("%+v", struct{ code Code }{code}); strings.Contains(got, "GEZD") {
		t.Errorf("inside another struct it prints %q", got)
	}
}

// render draws what a terminal shows, a half block being a square of pixels:
// inked ones in the colour of the text, the others in that of the background.
func render(lines []string, ink color.Color) *bytes.Buffer {
	const pixels = 6
	paper := color.Gray{Y: 255 - color.GrayModel.Convert(ink).(color.Gray).Y}
	columns := utf8.RuneCountInString(lines[0])
	screen := image.NewGray(image.Rect(0, 0, (columns+8)*pixels, (2*len(lines)+8)*pixels))
	for y := range screen.Rect.Dy() {
		for x := range screen.Rect.Dx() {
			screen.Set(x, y, paper)
		}
	}
	for row, line := range lines {
		for column, block := range []rune(line) {
			for half := range 2 {
				if !strings.ContainsRune([]string{"▀█", "▄█"}[half], block) {
					continue
				}
				for i := range pixels * pixels {
					screen.Set((column+4)*pixels+i%pixels, (2*row+half+4)*pixels+i/pixels, ink)
				}
			}
		}
	}
	var picture bytes.Buffer
	if err := png.Encode(&picture, screen); err != nil {
		panic(err)
	}
	return &picture
}

// scan is what zbarimg reads, "" if nothing.
func scan(t *testing.T, picture *bytes.Buffer) string {
	t.Helper()
	zbarimg, err := exec.LookPath("zbarimg")
	if err != nil {
		if os.Getenv("SPSE_TOTP_REQUIRE_TOOLS") == "1" {
			t.Fatal("zbarimg is missing: install zbar-tools")
		}
		t.Skip("NOT TESTED that scanners read the QR: zbarimg is missing, install zbar-tools")
	}
	file := filepath.Join(t.TempDir(), "qr.png")
	if err := os.WriteFile(file, picture.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(zbarimg, "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", file).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 4 { // no code found
		return ""
	}
	if err != nil {
		t.Fatalf("zbarimg: %v", err)
	}
	return strings.TrimSuffix(string(out), "\n")
}
