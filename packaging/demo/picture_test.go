package main

import (
	"encoding/xml"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// qrSession is what a terminal showed, with a QR of five columns.
const qrSession = "(budi@127.0.0.1) Di aplikasi tekan +, pindai gambar ini.\r\n█▀ ▄█\r\n ▄█▀ \r\n█ █ █\r\nAtau ketik: <A> & \"B\"\r\n\r\nAktif.\r\n"

// A QR in the picture has the modules that the terminal showed, each a square
// whatever the reader's font; and the words around it are text.
func TestAQRKeepsItsShape(t *testing.T) {
	svg := draw(qrSession)
	data := regexp.MustCompile(` d="([^"]*)"`).FindAllStringSubmatch(svg, -1)
	if len(data) != 1 {
		t.Fatalf("%d paths in %s", len(data), svg)
	}
	got := modulesOf(t, data[0][1])
	want := []string{
		"##..#",
		"#..##",
		"..##.",
		".##..",
		"#.#.#",
		"#.#.#",
	}
	if !slices.Equal(got, want) {
		t.Errorf("drawn:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if strings.ContainsAny(svg, "▀▄█") {
		t.Error("half blocks are left to the reader's font")
	}
	var read struct {
		Texts []string `xml:"g>text"`
	}
	if err := xml.Unmarshal([]byte(svg), &read); err != nil {
		t.Fatal(err)
	}
	words := []string{"(budi@127.0.0.1) Di aplikasi tekan +, pindai gambar ini.", `Atau ketik: <A> & "B"`, "Aktif."}
	if !slices.Equal(read.Texts, words) {
		t.Errorf("texts %q, want %q", read.Texts, words)
	}
}

// modulesOf reads a path's data back: # is inked.
func modulesOf(t *testing.T, data string) []string {
	t.Helper()
	const width = 5
	var modules []string
	for _, stroke := range strings.Split(data, "M")[1:] {
		var x, y, run int
		if _, err := fmt.Sscanf(stroke, "%d %d.5h%d", &x, &y, &run); err != nil || x+run > width {
			t.Fatalf("stroke %q: %v", stroke, err)
		}
		for len(modules) <= y {
			modules = append(modules, strings.Repeat(".", width))
		}
		row := modules[y]
		modules[y] = row[:x] + strings.Repeat("#", run) + row[x+run:]
	}
	return modules
}

// A row is 80 characters, and not bytes.
func TestWrapBreaksAsATerminalDoes(t *testing.T) {
	long := strings.Repeat("ab█", 40)
	want := []string{string([]rune(long)[:columns]), string([]rune(long)[columns:]), "x"}
	if got := wrap(long + "\r\nx"); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	full := strings.Repeat("x", columns)
	if got := wrap(full); !slices.Equal(got, []string{full}) {
		t.Errorf("a full row became %q", got)
	}
}
