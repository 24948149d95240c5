// Package golden reads the frames under daemon/protocol/testdata/golden, which
// the tests of both sides of the wire share. Only tests use it.
package golden

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Frame is one datagram and whether it is a message of the protocol.
type Frame struct {
	Name  string
	Good  bool // else garbled
	Bytes []byte
}

// Requests and Replies name the files of the frames to the daemon and to the
// module.
const (
	Requests = "requests.txt"
	Replies  = "replies.txt"
)

// Read reads one file of the folder testdata/golden.
//
// "good NAME:" or "garbled NAME:" begins a frame; its lines are indented and
// hold bytes in hex, where 61*511 is the byte 61 511 times. From # on a line
// is a comment.
func Read(folder, file string) ([]Frame, error) {
	text, err := os.ReadFile(filepath.Join(folder, file))
	if err != nil {
		return nil, err
	}
	var frames []Frame
	for i, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, "#")
		frames, err = addLine(frames, strings.TrimRight(line, " "))
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, i+1, err)
		}
	}
	if len(frames) == 0 {
		return nil, fmt.Errorf("%s: no frames", file)
	}
	return frames, nil
}

func addLine(frames []Frame, line string) ([]Frame, error) {
	if line == "" {
		return frames, nil
	}
	if name, ok := strings.CutSuffix(line, ":"); ok {
		kind, name, _ := strings.Cut(name, " ")
		if name == "" || (kind != "good" && kind != "garbled") {
			return nil, fmt.Errorf("not good NAME: or garbled NAME")
		}
		return append(frames, Frame{Name: name, Good: kind == "good"}), nil
	}
	if len(frames) == 0 || line[0] != ' ' {
		return nil, fmt.Errorf("bytes without a frame")
	}
	last := &frames[len(frames)-1]
	for _, word := range strings.Fields(line) {
		bytes, err := parseWord(word)
		if err != nil {
			return nil, err
		}
		last.Bytes = append(last.Bytes, bytes...)
	}
	return frames, nil
}

func parseWord(word string) ([]byte, error) {
	digits, times, repeated := strings.Cut(word, "*")
	bytes, err := hex.DecodeString(digits)
	if err != nil || !repeated {
		return bytes, err
	}
	n, err := strconv.Atoi(times)
	if err != nil {
		return nil, err
	}
	return []byte(strings.Repeat(string(bytes), n)), nil
}
