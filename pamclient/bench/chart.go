package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// chart is panels side by side with one logarithmic axis, as SVG.
type chart struct {
	title  string
	unit   string // of y
	x      string // what the categories are
	panels []panel
}

type panel struct {
	title      string
	categories []string
	lines      []line
}

type line struct {
	name string
	y    []float64 // one for each category; zero: not measured
}

// The drawing, in pixels.
const (
	panelWidth, panelHeight = 330, 260
	marginLeft, marginTop   = 62, 78
	gap, marginBelow        = 34, 46
)

// ink is how a contender is drawn. The colours are those of Okabe and Ito, which
// most people can tell apart.
var ink = map[string]struct {
	colour string
	width  float64
}{
	permit: {"#888888", 1.5},
	google: {"#0072b2", 2},
	oath:   {"#b8860b", 2},
	ours:   {"#d55e00", 3},
}

func (c chart) svg() string {
	low, high := c.range125()
	width := marginLeft + len(c.panels)*(panelWidth+gap)
	height := marginTop + panelHeight + marginBelow
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="12" fill="#222">`+"\n", width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n"+`<rect width="100%%" height="100%%" fill="#fff"/>`+"\n", html.EscapeString(c.title))
	text(&b, marginLeft, 22, "start", "15", c.title)
	c.legend(&b)
	for i, p := range c.panels {
		p.draw(&b, axis{marginLeft + i*(panelWidth+gap), low, high}, i == 0)
	}
	text(&b, marginLeft+(width-marginLeft-gap)/2, height-10, "middle", "12", c.x)
	text(&b, marginLeft-8, marginTop-10, "end", "12", c.unit)
	b.WriteString("</svg>\n")
	return b.String()
}

func (c chart) legend(b *strings.Builder) {
	x := marginLeft
	for _, name := range names {
		fmt.Fprintf(b, `<line x1="%d" y1="42" x2="%d" y2="42" stroke="%s" stroke-width="%.1f"/>`+"\n", x, x+24, ink[name].colour, ink[name].width)
		text(b, x+30, 46, "start", "12", name)
		x += 50 + 7*len(name)
	}
}

// range125 is the least and the greatest of 1, 2, 5, 10, ... that hold all values.
func (c chart) range125() (low, high float64) {
	low, high = math.Inf(1), 0
	for _, p := range c.panels {
		for _, l := range p.lines {
			for _, y := range l.y {
				if y > 0 {
					low, high = min(low, y), max(high, y)
				}
			}
		}
	}
	if high == 0 {
		return 1, 10
	}
	all := steps125(low/10, high*10)
	for len(all) > 2 && all[1] <= low {
		all = all[1:]
	}
	for len(all) > 2 && all[len(all)-2] >= high {
		all = all[:len(all)-1]
	}
	return all[0], all[len(all)-1]
}

// steps125 are 1, 2 and 5 times the powers of ten, from low to high.
func steps125(low, high float64) []float64 {
	var all []float64
	for power := math.Pow(10, math.Floor(math.Log10(low))); power <= high; power *= 10 {
		for _, times := range []float64{1, 2, 5} {
			if step := power * times; step >= low*0.999 && step <= high*1.001 { // powers are not exact
				all = append(all, step)
			}
		}
	}
	return all
}

// axis places a panel's points.
type axis struct {
	left      int
	low, high float64
}

func (a axis) x(category, of int) float64 {
	return float64(a.left) + panelWidth*(float64(category)+0.5)/float64(of)
}

func (a axis) y(value float64) float64 {
	return marginTop + panelHeight*(1-math.Log(value/a.low)/math.Log(a.high/a.low))
}

func (p panel) draw(b *strings.Builder, a axis, labelled bool) {
	text(b, a.left, marginTop-10, "start", "12", p.title)
	for _, step := range steps125(a.low, a.high) {
		fmt.Fprintf(b, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1[2]f" stroke="#ddd"/>`+"\n", a.left, a.y(step), a.left+panelWidth)
		if labelled {
			text(b, a.left-8, int(a.y(step))+4, "end", "11", thousands(int(step)))
		}
	}
	for i, category := range p.categories {
		text(b, int(a.x(i, len(p.categories))), marginTop+panelHeight+18, "middle", "12", category)
	}
	for _, l := range p.lines {
		l.draw(b, a)
	}
}

func (l line) draw(b *strings.Builder, a axis) {
	var points []string
	for i, y := range l.y {
		if y <= 0 {
			continue
		}
		points = append(points, fmt.Sprintf("%.1f,%.1f", a.x(i, len(l.y)), a.y(y)))
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s"><title>%s: %s</title></circle>`+"\n",
			a.x(i, len(l.y)), a.y(y), ink[l.name].width+1.5, ink[l.name].colour, html.EscapeString(l.name), thousands(int(math.Round(y))))
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="%.1f"/>`+"\n",
		strings.Join(points, " "), ink[l.name].colour, ink[l.name].width)
}

func text(b *strings.Builder, x, y int, anchor, size, what string) {
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="%s" font-size="%s">%s</text>`+"\n", x, y, anchor, size, html.EscapeString(what))
}
