package pamclient

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"spse-totp/daemon/protocol"
	"spse-totp/daemon/protocol/golden"
)

const goldenFolder = "../daemon/protocol/testdata/golden"

func goldenFrames(t testing.TB, file string) []golden.Frame {
	t.Helper()
	frames, err := golden.Read(goldenFolder, file)
	if err != nil {
		t.Fatal(err)
	}
	return frames
}

func TestGoldenRequestsAreBuilt(t *testing.T) {
	for _, frame := range goldenFrames(t, golden.Requests) {
		if !frame.Good {
			continue
		}
		t.Run(frame.Name, func(t *testing.T) {
			request, err := protocol.ParseRequest(frame.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			built, ok := buildRequest(request)
			if !ok || !bytes.Equal(built, frame.Bytes) {
				t.Errorf("built (%v):\n%x\nwant:\n%x", ok, built, frame.Bytes)
			}
		})
	}
}

func TestWhatIsTooLongIsNotBuilt(t *testing.T) {
	for name, request := range map[string]protocol.Request{
		"field of 65536 bytes":      protocol.Start{Phase: 1, Service: "sshd", User: strings.Repeat("a", 65536)},
		"frame of over 65536 bytes": protocol.Start{Phase: 1, Service: "sshd", User: strings.Repeat("a", 65535)},
		"8193 groups":               protocol.Groups{GIDs: make([]uint32, protocol.MaxGroups+1)},
		"1023 unknown groups":       protocol.Groups{Unknown: make([]uint32, protocol.MaxAsked+1)},
	} {
		if _, ok := buildRequest(request); ok {
			t.Errorf("%s: built", name)
		}
	}
}

func TestGoldenRepliesAreParsed(t *testing.T) {
	for _, frame := range goldenFrames(t, golden.Replies) {
		t.Run(frame.Name, func(t *testing.T) {
			got, ok := parseReply(atPageEnd(t, frame.Bytes))
			if ok != frame.Good {
				t.Fatalf("parsed: %v, want %v", ok, frame.Good)
			}
			want, err := protocol.ParseReply(frame.Bytes)
			if frame.Good && (err != nil || !reflect.DeepEqual(got, want)) {
				t.Errorf("got %#v, want %#v, %v", got, want, err)
			}
		})
	}
}

// A length beyond the end of each golden frame is seen before it is followed.
func TestTruncatedRepliesAreNotReadBeyondTheirEnd(t *testing.T) {
	for _, frame := range goldenFrames(t, golden.Replies) {
		for n := range min(len(frame.Bytes), 600) {
			if _, ok := parseReply(atPageEnd(t, frame.Bytes[:n])); ok && frame.Good {
				t.Errorf("%s: the first %d bytes parse", frame.Name, n)
			}
		}
	}
}

// atPageEnd copies the frame to the end of a page with nothing behind it: one
// byte read too far ends the test.
func atPageEnd(t testing.TB, frame []byte) []byte {
	t.Helper()
	page := os.Getpagesize()
	size := (len(frame)/page + 1) * page
	memory, err := syscall.Mmap(-1, 0, size+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(memory) })
	if err := syscall.Mprotect(memory[size:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	copied := memory[size-len(frame) : size : size]
	copy(copied, frame)
	return copied
}

// FuzzReply holds the parser in C to the one in Go: both read a frame alike, or
// both refuse it.
func FuzzReply(f *testing.F) {
	for _, frame := range goldenFrames(f, golden.Replies) {
		f.Add(frame.Bytes)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		got, ok := parseReply(atPageEnd(t, frame))
		want, err := protocol.ParseReply(frame)
		if ok != (err == nil) {
			t.Fatalf("%x: C parsed %v, Go %v", frame, ok, err)
		}
		if ok && !reflect.DeepEqual(got, want) {
			t.Fatalf("%x: C %#v, Go %#v", frame, got, want)
		}
	})
}

// FuzzStart holds the builder in C to the one in Go, for what C strings can say.
func FuzzStart(f *testing.F) {
	f.Add(byte(1), "sshd", "budi", "192.0.2.137", "ssh", "siti", "budi", uint32(1000), "Code: ", "123456")
	f.Add(byte(2), "su", "", "", "", "", "", uint32(0), "", "")
	f.Fuzz(func(t *testing.T, phase byte, service, user, rhost, tty, ruser, name string, uid uint32, prompt, typed string) {
		start := protocol.Start{Phase: protocol.Phase(phase), Service: service, User: user, RHost: rhost, TTY: tty, RUser: ruser}
		if name != "" {
			start.NSS = &protocol.Identity{Name: name, UID: uid}
		}
		if typed != "" {
			text := protocol.NewTyped(typed)
			start.LastPrompt, start.Typed = prompt, &text
		}
		want, err := protocol.Marshal(start)
		if err != nil {
			return // nothing that the module would build
		}
		if got, ok := buildRequest(start); !ok || !bytes.Equal(got, want) {
			t.Fatalf("C built %x (%v), Go %x", got, ok, want)
		}
	})
}

func TestArguments(t *testing.T) {
	defaults := arguments{Socket: "/run/spse-totp/pam.sock", Timeout: 5}
	with := func(change func(*arguments)) arguments {
		args := defaults
		change(&args)
		return args
	}
	for name, test := range map[string]struct {
		argv []string
		want arguments
	}{
		"none":      {nil, defaults},
		"socket":    {[]string{"socket=/a/b"}, with(func(a *arguments) { a.Socket = "/a/b" })},
		"services":  {[]string{"services=sshd,login"}, with(func(a *arguments) { a.Services = "sshd,login" })},
		"account":   {[]string{"account=sshd"}, with(func(a *arguments) { a.Account = "sshd" })},
		"split 6":   {[]string{"split=6"}, with(func(a *arguments) { a.Split = 6 })},
		"split 8":   {[]string{"split=8"}, with(func(a *arguments) { a.Split = 8 })},
		"timeout 1": {[]string{"timeout=1"}, with(func(a *arguments) { a.Timeout = 1 })},
		"timeout":   {[]string{"timeout=60"}, with(func(a *arguments) { a.Timeout = 60 })},
		"debug":     {[]string{"debug"}, with(func(a *arguments) { a.Debug = true })},
		"all": {[]string{"debug", "timeout=9", "split=6", "account=sshd", "services=sshd-x_1.y", "socket=/s"},
			arguments{Socket: "/s", Services: "sshd-x_1.y", Account: "sshd", Split: 6, Timeout: 9, Debug: true}},
	} {
		t.Run(name, func(t *testing.T) {
			got, bad, ok := parseArguments(test.argv)
			if !ok || got != test.want {
				t.Errorf("got %+v, bad %q, want %+v", got, bad, test.want)
			}
		})
	}
}

var badArguments = []string{
	"", "nullok", "Debug", "debug=1", "socket", "socket=", "socket=pam.sock", "socket=./pam.sock", "socket=@abstract",
	"socket=/" + strings.Repeat("a", 107),
	"services", "services=", "services=,", "services=sshd,", "services=,sshd", "services=sshd,,login",
	"services=SSHD", "services=sshd login", "services=/etc/pam.d/sshd", "services=sshd\n", "services=s\u00e9",
	"account=", "account=sshd,", "Account=sshd",
	"split=", "split=0", "split=5", "split=7", "split=06", "split=+6", "split= 6", "split=6 ", "split=6x", "split=-6", "split=4294967302",
	"timeout=", "timeout=0", "timeout=61", "timeout=100", "timeout=-1", "timeout=1.5", "timeout=5s", "timeout=0x5",
}

func TestBadArguments(t *testing.T) {
	for _, argument := range badArguments {
		if argument == "split=06" { // a number is a number
			continue
		}
		if got, bad, ok := parseArguments([]string{"debug", argument}); ok || bad != argument {
			t.Errorf("%q: got %+v, bad %q", argument, got, bad)
		}
	}
	for _, argument := range []string{"debug", "socket=/s", "services=sshd", "account=sshd", "split=6", "timeout=5"} {
		if _, _, ok := parseArguments([]string{argument, argument}); ok {
			t.Errorf("%q is taken twice", argument)
		}
	}
}

func FuzzArgument(f *testing.F) {
	for _, argument := range badArguments {
		f.Add(argument)
	}
	f.Fuzz(func(t *testing.T, argument string) {
		args, _, ok := parseArguments([]string{argument})
		if !ok {
			return
		}
		if args.Socket[0] != '/' || args.Timeout < 1 || args.Timeout > 60 ||
			(args.Split != 0 && args.Split != 6 && args.Split != 8) {
			t.Errorf("%q gives %+v", argument, args)
		}
	})
}

func TestLists(t *testing.T) {
	for _, test := range []struct {
		list, name string
		want       bool
	}{
		{"sshd", "sshd", true},
		{"sshd,login", "sshd", true},
		{"sshd,login", "login", true},
		{"a,login,b", "login", true},
		{"sshd", "ssh", false},
		{"sshd", "sshd2", false},
		{"sshd2,sshd", "sshd", true},
		{"xsshd", "sshd", false},
		{"sshd,login", "sshd,login", false},
		{"sshd", "", false},
		{"", "sshd", false},
		{"", "", false},
	} {
		if got := listHas(test.list, test.name); got != test.want {
			t.Errorf("%q has %q: %v", test.list, test.name, got)
		}
	}
}

func TestSplitText(t *testing.T) {
	for _, test := range []struct {
		text   string
		digits uint
		rest   string
		code   string
	}{
		{"rahasia123456", 6, "rahasia", "123456"},
		{"rahasia12345678", 8, "rahasia", "12345678"},
		{"rahasia12345678", 6, "rahasia12", "345678"},
		{"1234567", 6, "1", "234567"},
		{"123456", 6, "123456", ""},
		{"12345", 6, "12345", ""},
		{"", 6, "", ""},
		{"rahasia", 6, "rahasia", ""},
		{"rahasia12345", 6, "rahasia12345", ""},
		{"rahasia 23456", 6, "rahasia 23456", ""},
		{"rahasia123456 ", 6, "rahasia123456 ", ""},
		{"rahasia12345６", 6, "rahasia12345６", ""},
		{"rahasia/23456", 6, "rahasia/23456", ""},
		{"rahasia:23456", 6, "rahasia:23456", ""},
	} {
		rest, code := splitText(test.text, test.digits)
		if rest != test.rest || code != test.code {
			t.Errorf("%q cut at %d: %q and %q", test.text, test.digits, rest, code)
		}
	}
}
