package host

import "strings"

// Kind is what a line is for (pam.d(5)).
type Kind string

// The kinds that our module knows: who somebody is, and whether they may.
const (
	Auth    Kind = "auth"
	Account Kind = "account"
)

const (
	anyKind      Kind = "" // of Debian's @include, which takes over lines of every kind
	passwordKind Kind = "password"
	sessionKind  Kind = "session"
)

// statement is one line of a file: an include, or a module.
type statement struct {
	line      int
	kind      Kind
	include   string // empty where it runs a module
	substack  bool   // what is included is a stack of its own
	control   control
	module    string
	arguments []string
}

// logicalLine is a line with those that continue it, without comment.
type logicalLine struct {
	number int
	text   string
	fault  string
}

// logicalLines joins what a backslash continues, and leaves out what is empty.
func logicalLines(content string) []logicalLine {
	var lines []logicalLine
	var joined *logicalLine // a line that is continued
	number := 0
	for physical := range strings.SplitSeq(strings.TrimSuffix(content, "\n"), "\n") {
		number++
		text, continued := uncommented(physical)
		switch {
		case joined == nil && text == "" && !continued && len(physical) <= maxPAMLine:
			continue
		case joined == nil:
			lines = append(lines, logicalLine{number: number})
			joined = &lines[len(lines)-1]
		case text == "" && !continued: // Debian 12 reads on behind it, 13 does not
			joined.fault = "a continued line runs into an empty line or a comment"
		}
		joined.text += text
		joined.examine(physical)
		if !continued {
			joined = nil
		}
	}
	if joined != nil {
		joined.fault = "ends in a backslash"
	}
	return lines
}

// uncommented is what of a line counts, and whether the next continues it: a
// backslash in front of a comment is a character like others.
func uncommented(physical string) (text string, continued bool) {
	text, _, commented := strings.Cut(physical, "#")
	text = strings.Trim(text, " \t")
	if commented || !strings.HasSuffix(text, `\`) {
		return text, false
	}
	return strings.TrimSuffix(text, `\`) + " ", true
}

// examine looks for what libpam does not take as it looks.
func (l *logicalLine) examine(physical string) {
	switch {
	case len(physical) > maxPAMLine || len(l.text) > maxPAMLine:
		l.fault = "too long a line"
	case strings.ContainsFunc(l.text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
		l.fault = "holds a control character, such as Windows puts at the end of a line"
	}
}

// parseStatement reads one line. What it cannot read libpam lets fail.
func parseStatement(l logicalLine) (s statement, fault string) {
	const incomplete = "not a complete line: type, control, module"
	words := tokens(l.text)
	if len(words) == 0 {
		return s, incomplete
	}
	s = statement{line: l.number, kind: Kind(lower(strings.TrimPrefix(words[0], "-")))}
	switch s.kind {
	case "@include":
		if len(words) < 2 || words[1] == "" {
			return s, incomplete
		}
		s.kind, s.include = anyKind, words[1]
		return s, ""
	case Auth, Account, passwordKind, sessionKind:
	default:
		return s, "the type is none of auth, account, password, session"
	}
	if len(words) < 3 || words[2] == "" {
		return s, incomplete
	}
	if word := lower(words[1]); word == "include" || word == "substack" {
		s.include, s.substack = words[2], word == "substack"
		return s, ""
	}
	s.control, s.module, s.arguments = parseControl(words[1]), words[2], words[3:]
	return s, ""
}

// lower folds ASCII, as strcasecmp(3) does.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// tokens are the words of a line. A word that begins with [ ends with the next
// ], and holds what is between; \] in it is a ] (_pam_tokenize of libpam).
func tokens(text string) []string {
	const blanks = " \t\n"
	var words []string
	for {
		text = strings.TrimLeft(text, blanks)
		if text == "" {
			return words
		}
		var word string
		if text[0] == '[' {
			word, text = bracketed(text[1:])
		} else {
			end := strings.IndexAny(text, blanks)
			if end < 0 {
				end = len(text)
			}
			word, text = text[:end], text[end:]
		}
		words = append(words, word)
	}
}

// bracketed cuts off what stands before the closing ], or all.
func bracketed(text string) (word, rest string) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], `\]`):
			i++
			b.WriteByte(']')
		case text[i] == ']':
			return b.String(), text[i+1:]
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String(), ""
}
