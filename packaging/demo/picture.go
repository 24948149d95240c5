package main

import (
	"fmt"
	"html"
	"os"
	"path/filepath"
	"strings"

	"spse-totp/pamclient/hosts/stage"
)

// session is what one login showed, under the command that a person types for
// it.
type session string

func sessionOf(t *stage.Terminal) session {
	return session(fmt.Sprintf("$ ssh -p %d %s@127.0.0.1\r\n%s\r\n", port, operator, strings.TrimRight(t.Shown(), "\r\n")))
}

// writePictures draws the pictures of docs/, of a real terminal each:
// make demo PICTURES=docs. They are given by the names of their files.
func writePictures(folder string, pictures map[string][]session) error {
	for name, sessions := range pictures {
		shown := ""
		for _, s := range sessions {
			shown += string(s)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(draw(shown)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Of a terminal: its width in characters, and in pixels what a character and
// the edge around all take. A half block is as good as a square.
const (
	columns    = 80
	charWidth  = 8.4
	lineHeight = 18
	margin     = 14
)

// draw draws a terminal as an SVG, with as many rows as there are.
func draw(shown string) string {
	rows := wrap(strings.TrimRight(shown, "\r\n"))
	var svg strings.Builder
	width, height := int(columns*charWidth)+2*margin, len(rows)*lineHeight+2*margin
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d">
<rect width="100%%" height="100%%" rx="8" fill="#1d2330"/>
<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" fill="#e6e6e6" xml:space="preserve">
`, width, height)
	for at := 0; at < len(rows); {
		top := margin + at*lineHeight
		if n := leadingBlocks(rows[at:]); n > 0 {
			fmt.Fprintf(&svg, "<path transform=\"translate(%d %d) scale(%g %d)\" stroke=\"#e6e6e6\" shape-rendering=\"crispEdges\" d=\"%s\"/>\n",
				margin, top, charWidth, lineHeight/2, inked(rows[at:at+n]))
			at += n
			continue
		}
		if rows[at] != "" {
			fmt.Fprintf(&svg, "<text x=\"%d\" y=\"%d\">%s</text>\n", margin, top+lineHeight-5, html.EscapeString(rows[at]))
		}
		at++
	}
	svg.WriteString("</g>\n</svg>\n")
	return svg.String()
}

// wrap breaks the text as a terminal does, in the middle of words.
func wrap(text string) []string {
	var rows []string
	for _, line := range strings.Split(strings.ReplaceAll(text, "\r", ""), "\n") {
		row := []rune(line)
		for len(row) > columns {
			rows = append(rows, string(row[:columns]))
			row = row[columns:]
		}
		rows = append(rows, string(row))
	}
	return rows
}

// leadingBlocks is how many rows there are, from the first on, of half blocks
// alone: a picture.
func leadingBlocks(rows []string) int {
	for n, row := range rows {
		if strings.Trim(row, " ▀▄█") != "" || strings.TrimSpace(row) == "" {
			return n
		}
	}
	return len(rows)
}

// inked is rows of half blocks as the data of a path, a module being a square of
// 1: in letters they would be as wide, and as far apart, as the reader's font
// has it, and no phone would read the QR.
func inked(rows []string) string {
	var path strings.Builder
	for i, row := range rows {
		for half, blocks := range []string{"▀█", "▄█"} {
			cells := []rune(row)
			for x := 0; x < len(cells); x++ {
				run := 0
				for x+run < len(cells) && strings.ContainsRune(blocks, cells[x+run]) {
					run++
				}
				if run > 0 { // a stroke of width 1 along its middle
					fmt.Fprintf(&path, "M%d %d.5h%d", x, 2*i+half, run)
					x += run
				}
			}
		}
	}
	return path.String()
}
