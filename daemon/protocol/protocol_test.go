package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"spse-totp/daemon/protocol/golden"
)

const goldenFolder = "testdata/golden"

func goldenFrames(t testing.TB, file string) []golden.Frame {
	t.Helper()
	frames, err := golden.Read(goldenFolder, file)
	if err != nil {
		t.Fatal(err)
	}
	return frames
}

func TestGoldenRequests(t *testing.T) {
	testGolden(t, golden.Requests, func(b []byte) (Message, error) { return ParseRequest(b) })
}

func TestGoldenReplies(t *testing.T) {
	testGolden(t, golden.Replies, func(b []byte) (Message, error) { return ParseReply(b) })
}

// testGolden also checks that each good frame is written as it was read.
func testGolden(t *testing.T, file string, parse func([]byte) (Message, error)) {
	for _, frame := range goldenFrames(t, file) {
		t.Run(frame.Name, func(t *testing.T) {
			message, err := parse(frame.Bytes)
			if !frame.Good {
				if !errors.Is(err, ErrGarbled) {
					t.Fatalf("error %v, want %v", err, ErrGarbled)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			again, err := Marshal(message)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(again, frame.Bytes) {
				t.Errorf("written again:\n%x\nwant:\n%x", again, frame.Bytes)
			}
		})
	}
}

func TestParseReadsEachField(t *testing.T) {
	typed := NewTyped("123456")
	want := Start{
		Phase: PhaseAuth, Service: "sshd", User: "budi",
		RHost: "192.0.2.137", TTY: "ssh", RUser: "siti",
		NSS:        &Identity{Name: "budi", UID: 1000},
		LastPrompt: "Code: ", Typed: &typed,
	}
	for _, frame := range goldenFrames(t, golden.Requests) {
		if frame.Name != "start, everything in it" {
			continue
		}
		request, err := ParseRequest(frame.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		got := request.(Start)
		if *got.NSS != *want.NSS || got.Typed.Reveal() != want.Typed.Reveal() {
			t.Errorf("got %v, %v", *got.NSS, got.Typed.Reveal())
		}
		got.NSS, got.Typed, want.NSS, want.Typed = nil, nil, nil, nil
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		return
	}
	t.Fatal("no such golden frame")
}

func TestMarshalRefusesWhatNobodyCouldRead(t *testing.T) {
	typed, long := NewTyped("123456"), NewTyped(strings.Repeat("9", MaxTyped+1))
	start := func(change func(*Start)) Start {
		s := Start{Phase: PhaseAuth, Service: "sshd", User: "budi"}
		change(&s)
		return s
	}
	if _, err := Marshal(start(func(*Start) {})); err != nil {
		t.Fatalf("the unchanged start: %v", err)
	}
	for name, message := range map[string]Message{
		"nil":                         nil,
		"zero start":                  Start{},
		"phase 3":                     start(func(s *Start) { s.Phase = 3 }),
		"no service":                  start(func(s *Start) { s.Service = "" }),
		"NUL":                         start(func(s *Start) { s.User = "bu\x00di" }),
		"field of 65536 bytes":        start(func(s *Start) { s.User = strings.Repeat("a", 65536) }),
		"frame of over 65536 bytes":   start(func(s *Start) { s.User = strings.Repeat("a", 65535) }),
		"NSS without a name":          start(func(s *Start) { s.NSS = &Identity{UID: 1000} }),
		"last prompt without a typed": start(func(s *Start) { s.LastPrompt = "Code: " }),
		"last prompt too long":        start(func(s *Start) { s.LastPrompt, s.Typed = strings.Repeat("?", 512), &typed }),
		"typed too long":              start(func(s *Start) { s.Typed = &long }),
		"too many groups":             Groups{GIDs: make([]uint32, MaxGroups+1)},
		"groups over a field":         Groups{GIDs: make([]uint32, 20000)},
		"too many unknown groups":     Groups{Unknown: make([]uint32, MaxAsked+1)},
		"no groups needed":            NeedGroups{},
		"too many groups needed":      NeedGroups{GIDs: make([]uint32, MaxAsked+1)},
		"answer and withheld":         Answer{Typed: typed, Withheld: true},
		"answer too long":             Answer{Typed: long},
		"empty prompt":                Prompt{},
		"prompt too long":             Prompt{Text: strings.Repeat("?", MaxText+1)},
		"show without style":          Show{Text: "Halo"},
		"empty show":                  Show{Style: StyleInfo},
		"style 3":                     Show{Text: "Halo", Style: 3},
		"verdict 4":                   Result{Verdict: 4},
		"pointer":                     &pointerMessage{},
	} {
		t.Run(name, func(t *testing.T) {
			frame, err := Marshal(message)
			if !errors.Is(err, ErrGarbled) || frame != nil {
				t.Errorf("got %x, %v", frame, err)
			}
		})
	}
}

// pointerMessage has a message's methods and is none.
type pointerMessage struct{ Result }

func TestEveryTruncationIsGarbled(t *testing.T) {
	for _, frame := range goldenFrames(t, golden.Replies) {
		if !frame.Good {
			continue
		}
		for n := range len(frame.Bytes) {
			if _, err := ParseReply(frame.Bytes[:n]); !errors.Is(err, ErrGarbled) {
				t.Errorf("%s: the first %d bytes give %v", frame.Name, n, err)
			}
		}
	}
}

func TestVerdict(t *testing.T) {
	var zero Verdict
	if zero != Refused {
		t.Error("the zero value is no refusal")
	}
	for verdict, want := range map[Verdict]string{
		Refused: "refused", Accepted: "accepted", NotAsked: "not asked", Unavailable: "unavailable", 4: "garbled",
	} {
		if got := verdict.String(); got != want {
			t.Errorf("verdict %d is %q, want %q", verdict, got, want)
		}
	}
}

const canary = "314159"

func TestTypedIsNeverPrinted(t *testing.T) {
	typed := NewTyped(canary)
	answer := Answer{Typed: typed}
	start := Start{Phase: PhaseAuth, Service: "sshd", User: "budi", Typed: &typed}

	var printed strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s"} {
		for _, value := range []any{typed, &typed, answer, start, *start.Typed, []Typed{typed}} {
			fmt.Fprintf(&printed, verb+"\n", value)
		}
	}
	for _, value := range []any{typed, &typed, answer, start} {
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		printed.Write(encoded)
		slog.New(slog.NewTextHandler(&printed, nil)).Info("typed", "value", value)
		slog.New(slog.NewJSONHandler(&printed, nil)).Info("typed", "value", value)
	}
	if strings.Contains(printed.String(), canary) || strings.Contains(printed.String(), fmt.Sprintf("%x", canary)) {
		t.Errorf("printed:\n%s", printed.String())
	}
	if typed.String() != "REDACTED" || typed.GoString() != "REDACTED" {
		t.Errorf("got %q, %q", typed.String(), typed.GoString())
	}
	if typed.Reveal() != canary || typed.IsEmpty() || !NewTyped("").IsEmpty() {
		t.Error("the text is lost")
	}
}

func TestErrorsNeverTellWhatWasTyped(t *testing.T) {
	long := NewTyped(canary + strings.Repeat("9", MaxTyped))
	for name, message := range map[string]Message{
		"answer":   Answer{Typed: long},
		"withheld": Answer{Typed: NewTyped(canary), Withheld: true},
		"NUL":      Answer{Typed: NewTyped(canary + "\x00")},
		"start":    Start{Phase: PhaseAuth, Service: "sshd", Typed: &long},
	} {
		_, err := Marshal(message)
		if err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What parses is written again as the same bytes: a message has one form.

func FuzzRequestMalleability(f *testing.F) {
	fuzzMalleability(f, golden.Requests, func(b []byte) (Message, error) { return ParseRequest(b) })
}

func FuzzReplyMalleability(f *testing.F) {
	fuzzMalleability(f, golden.Replies, func(b []byte) (Message, error) { return ParseReply(b) })
}

func fuzzMalleability(f *testing.F, file string, parse func([]byte) (Message, error)) {
	for _, frame := range goldenFrames(f, file) {
		f.Add(frame.Bytes)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		message, err := parse(frame)
		if err != nil {
			if !errors.Is(err, ErrGarbled) {
				t.Fatalf("not %v: %v", ErrGarbled, err)
			}
			return
		}
		again, err := Marshal(message)
		if err != nil {
			t.Fatalf("what parsed is not written: %v", err)
		}
		if !bytes.Equal(again, frame) {
			t.Fatalf("read %x, wrote %x", frame, again)
		}
	})
}
