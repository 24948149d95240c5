package host

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

const sh = "/bin/sh"

func TestRunTellsHowAProgramEnded(t *testing.T) {
	var said bytes.Buffer
	exit, complaint, err := Run(t.Context(), &said, sh, "-c", `echo "$HOME|$LC_ALL"; pwd; echo no >&2; exit 3`)
	if err != nil || exit != 3 || said.String() != "|C\n/\n" || complaint != "no\n" {
		t.Errorf("exit %d, %q, %q, %v", exit, said.String(), complaint, err)
	}
	if exit, complaint, err = Run(t.Context(), &said, sh, "-c", "head -c 100000 /dev/zero >&2"); err != nil || exit != 0 || len(complaint) != maxComplaint {
		t.Errorf("a long complaint: exit %d, %d bytes, %v", exit, len(complaint), err)
	}
	for what, command := range map[string]string{"killed": "kill -9 $$", "killed by its pipe": "kill -13 $$"} {
		if _, _, err := Run(t.Context(), &said, sh, "-c", command); err == nil {
			t.Errorf("%s: that was taken for its end", what)
		}
	}
	if _, _, err := Run(t.Context(), &said, "/no/such/program"); err == nil {
		t.Error("no such program: no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Run(ctx, &said, sh, "-c", "exit 0"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestRunEndsAProgramThatHasSaidEnough(t *testing.T) {
	n := 0
	_, _, err := Run(t.Context(), &lines{longest: 100, visit: func([]byte) bool { n++; return n < 3 }}, sh, "-c", "while :; do echo x; done")
	if err == nil || n != 3 {
		t.Errorf("%d lines, %v", n, err)
	}
}

func TestLines(t *testing.T) {
	const text = "one\n\ntwo two\nfar too long a line\nthree\nno end"
	for size := 1; size <= len(text); size++ {
		var got []string
		l := &lines{longest: 7, visit: func(line []byte) bool { got = append(got, string(line)); return true }}
		for part := range slices.Chunk([]byte(text), size) {
			if n, err := l.Write(part); n != len(part) || err != nil {
				t.Fatalf("%d, %v", n, err)
			}
		}
		if want := "one||two two|three"; strings.Join(got, "|") != want {
			t.Errorf("in parts of %d: %q", size, got)
		}
	}
}
