package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// escaped shows what a terminal would act on, or would not show, as escapes: a
// user's name must not move the cursor.
func escaped(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
		s = s[size:]
	}
	return b.String()
}

// printJSON prints one value. JSON escapes the ASCII control characters; the
// others are escaped here.
func (a *app) printJSON(value any) error {
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return err
	}
	var b strings.Builder
	for _, r := range encoded.String() {
		switch {
		case r == '\n' || strconv.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	_, err := a.stdout.WriteString(b.String())
	return err
}

// local is a time as the clock on the wall shows it.
const moment = "2006-01-02 15:04:05 MST"

// here is a time in the zone that it has: of rules, the host's.
func here(t time.Time) string { return t.Format(moment) }

func local(t time.Time) string { return t.Local().Format(moment) }

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}
