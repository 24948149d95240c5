package main

import (
	"strings"
	"testing"
	"time"
)

// lines is where each write goes, one at a time.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

func TestProgressIsToldAndTakenAway(t *testing.T) {
	told := make(lines)
	p := startProgress(told, time.Millisecond, time.Millisecond)
	p.say("looking at 1 of 2 users")
	const erase = "\r\x1b[K"
	// It may have begun before that was said.
	for line := range told {
		if strings.TrimPrefix(line, erase) == "looking at 1 of 2 users" {
			break
		}
	}
	go p.end()
	last := ""
	for last != erase {
		select {
		case last = <-told:
		case <-time.After(personWait):
			t.Fatalf("the line stays: %q", last)
		}
	}
	<-p.silent
}

func TestProgressIsNotToldOfWhatIsQuick(t *testing.T) {
	told := make(lines) // nobody reads: a write would hang
	p := startProgress(told, time.Hour, time.Millisecond)
	p.say("looking at 1 of 2 users")
	p.end()
}

// A file gets nothing but the result: no progress, however long it takes.
func TestProgressIsForATerminal(t *testing.T) {
	a := &app{stderr: tempFile(t)}
	p := a.beginProgress()
	p.say("x")
	p.end()
	if p.to != nil || patience != 2*time.Second {
		t.Errorf("%+v, after %v", p, patience)
	}
}
