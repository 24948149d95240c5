package people

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
	"regexp"
	"slices"
	"strings"
)

// Screen is a terminal by the colours of its text and background.
type Screen bool

// The screens there are.
const (
	DarkScreen  Screen = false // light text on a dark background
	LightScreen Screen = true
)

// ErrNoPicture: the camera finds no QR on the screen.
var ErrNoPicture = errors.New("no QR to be read on the screen")

// Scan reads the last QR off what a client printed, as a phone does that is held
// before the screen: the key URI.
func Scan(printed string, screen Screen) (string, error) {
	lines := lastPicture(printed)
	if len(lines) == 0 {
		return "", ErrNoPicture
	}
	dir, err := os.MkdirTemp("", "camera")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	photo := filepath.Join(dir, "photo.png")
	if err := os.WriteFile(photo, develop(lines, screen), 0o600); err != nil {
		return "", err
	}
	out, err := exec.Command("zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", photo).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 4 { // none found
		return "", ErrNoPicture
	}
	if err != nil {
		return "", fmt.Errorf("zbarimg: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// pictureLine is a line of half blocks, behind what PuTTY puts before each.
var pictureLine = regexp.MustCompile(`^(?:\| )?([ ▀▄█]{21,})$`)

// lastPicture is the last run of lines that are half blocks and nothing else.
func lastPicture(printed string) []string {
	var picture, run []string
	for _, line := range append(strings.Split(strings.ReplaceAll(printed, "\r", ""), "\n"), "") {
		found := pictureLine.FindStringSubmatch(line)
		if found != nil && strings.ContainsAny(found[1], "▀▄█") {
			run = append(run, found[1])
			continue
		}
		if len(run) > 0 {
			picture = slices.Clone(run)
		}
		run = run[:0]
	}
	return picture
}

// develop draws what the screen shows, a half block being a square of pixels.
func develop(lines []string, screen Screen) []byte {
	const pixels, around = 6, 4
	ink, paper := color.Gray{Y: 255}, color.Gray{Y: 0}
	if screen == LightScreen {
		ink, paper = paper, ink
	}
	width := 0
	for _, line := range lines {
		width = max(width, len([]rune(line)))
	}
	photo := image.NewGray(image.Rect(0, 0, (width+2*around)*pixels, (2*len(lines)+2*around)*pixels))
	for i := range photo.Pix {
		photo.Pix[i] = paper.Y
	}
	for row, line := range lines {
		for column, block := range []rune(line) {
			for half, inked := range []string{"▀█", "▄█"} {
				if !strings.ContainsRune(inked, block) {
					continue
				}
				for i := range pixels * pixels {
					photo.Set((column+around)*pixels+i%pixels, (2*row+half+around)*pixels+i/pixels, ink)
				}
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, photo); err != nil {
		panic("camera: " + err.Error()) // into memory it cannot fail
	}
	return b.Bytes()
}

// PhoneCode is what a phone shows that scanned the key URI, so many seconds from
// now: by oathtool, which nobody here wrote.
func PhoneCode(keyURI string, seconds int) (string, error) {
	found := regexp.MustCompile(`[?&]secret=([A-Z2-7]+)`).FindStringSubmatch(keyURI)
	if found == nil {
		return "", fmt.Errorf("the QR is no key URI: %.10q", keyURI)
	}
	cmd := exec.Command("oathtool", "--totp", "--base32", "--now", fmt.Sprintf("%+d seconds", seconds), "-")
	cmd.Stdin = strings.NewReader(found[1] + "\n")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("oathtool: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
