package main

import (
	"fmt"
	"html"
	"os"
	"strings"

	"spse-totp/pamclient/hosts/stage"
)

// picture keeps what the logins showed, for the README's picture of a real
// terminal: PICTURE=FILE make demo.
type picture struct{ shown strings.Builder }

// add takes one login, under the command that a person types for it.
func (p *picture) add(t *stage.Terminal) {
	fmt.Fprintf(&p.shown, "$ ssh -p %d %s@127.0.0.1\r\n%s\r\n", port, operator, strings.TrimRight(t.Shown(), "\r\n"))
}

// write draws the terminal as an SVG: 80 columns, as many rows as there are.
func (p *picture) write(path string) error {
	const columns, charWidth, lineHeight, margin = 80, 8.4, 18, 14
	rows := wrap(p.shown.String(), columns)
	var svg strings.Builder
	width, height := int(columns*charWidth)+2*margin, len(rows)*lineHeight+2*margin
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d">
<rect width="100%%" height="100%%" rx="8" fill="#1d2330"/>
<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" fill="#e6e6e6" xml:space="preserve">
`, width, height)
	for i, row := range rows {
		fmt.Fprintf(&svg, "<text x=\"%d\" y=\"%d\">%s</text>\n", margin, margin+(i+1)*lineHeight-5, html.EscapeString(row))
	}
	svg.WriteString("</g>\n</svg>\n")
	return os.WriteFile(path, []byte(svg.String()), 0o644)
}

// wrap breaks the text as a terminal does, in the middle of words.
func wrap(text string, columns int) []string {
	var rows []string
	for _, line := range strings.Split(strings.ReplaceAll(text, "\r", ""), "\n") {
		for len(line) > columns {
			rows = append(rows, line[:columns])
			line = line[columns:]
		}
		rows = append(rows, line)
	}
	return rows
}
