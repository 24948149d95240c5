package config

import (
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// places are the lines on which things stand in the file, which the decoder
// does not tell.
type places struct {
	top   map[string]int // keys of the top level
	rules []rulePlace    // the rules, in their order
	// folded is the first key with a capital in it: the decoder would take it
	// for the same in lower case.
	folded struct {
		key  string
		line int
	}
}

type rulePlace struct {
	line int
	keys map[string]int
}

func placesOf(content []byte) places {
	at := places{top: make(map[string]int)}
	keys := at.top
	var p unstable.Parser
	p.Reset(content)
	for p.NextExpression() {
		e := p.Expression()
		name := e.Key()
		if !name.Next() {
			continue
		}
		key, line := string(name.Node().Data), p.Shape(name.Node().Raw).Start.Line
		if at.folded.key == "" && strings.ToLower(key) != key {
			at.folded.key, at.folded.line = key, line
		}
		switch {
		case e.Kind == unstable.KeyValue:
			if keys[key] == 0 {
				keys[key] = line
			}
		case key == keyRule:
			keys = make(map[string]int)
			at.rules = append(at.rules, rulePlace{line, keys})
		default: // a table there is none of, which the decoder refuses
			keys = make(map[string]int)
		}
	}
	return at
}

// of is the line of a rule's key, or of the rule where it has no such key.
func (p rulePlace) of(key string) int {
	if line := p.keys[key]; line != 0 {
		return line
	}
	return p.line
}
