package host

import (
	"context"
	"strings"
	"testing"
)

func TestUIDFindsTheExactName(t *testing.T) {
	uid, found, err := Users{}.UID(t.Context(), "root")
	if err != nil || !found || uid != 0 {
		t.Errorf("root: uid %d, found %v, %v", uid, found, err)
	}
	uid, found, err = Users{}.UID(t.Context(), "nobody")
	if err != nil || !found || uid != 65534 {
		t.Errorf("nobody: uid %d, found %v, %v", uid, found, err)
	}
}

func TestUIDFindsNothingElse(t *testing.T) {
	for what, name := range map[string]string{
		"no such user":        "no-such-user",
		"other case":          "ROOT",
		"a space after":       "root ",
		"a space before":      " root",
		"a uid":               "0",
		"a uid, signed":       "+0",
		"a uid, negative":     "-0",
		"a uid, spaced":       "\t 0",
		"a uid past 32 bits":  "4294967296",
		"an option":           "--service=files",
		"help":                "--help",
		"version":             "-V",
		"a database":          "passwd",
		"end of options":      "--",
		"one hyphen":          "-",
		"a path":              "../root",
		"invalid UTF-8":       "root\xff",
		"empty":               "",
		"NUL":                 "root\x00",
		"newline":             "root\n",
		"two lines":           "siti\nroot",
		"a colon":             "root:x",
		"spaces alone":        "   ",
		"of the longest kind": strings.Repeat("b", maxName),
	} {
		if uid, found, err := (Users{}).UID(t.Context(), name); found || err != nil || uid != 0 {
			t.Errorf("%s: uid %d, found %v, %v", what, uid, found, err)
		}
	}
}

// What cannot be a name is refused before anything is run: a cancelled context
// would make running it an error.
func TestUIDRunsNothingForImpossibleNames(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, name := range []string{"", "budi\x00", "budi\n", "budi:x", "1000", "-1", strings.Repeat("b", maxName+1)} {
		if _, found, err := (Users{}).UID(ctx, name); found || err != nil {
			t.Errorf("%q: found %v, %v", name, found, err)
		}
	}
	if _, found, err := (Users{}).UID(ctx, "root"); found || err == nil {
		t.Errorf("cancelled: found %v, %v, want an error", found, err)
	}
}

func TestErrorsDoNotQuoteTheName(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := Users{}.UID(ctx, "a-password")
	if err == nil || strings.Contains(err.Error(), "a-password") {
		t.Errorf("error is %v", err)
	}
}

func TestNameOf(t *testing.T) {
	name, found, err := Users{}.NameOf(t.Context(), 0)
	if err != nil || !found || name != "root" {
		t.Errorf("uid 0: %q, found %v, %v", name, found, err)
	}
	if name, found, err := (Users{}).NameOf(t.Context(), 4_000_000_000); found || err != nil {
		t.Errorf("a uid of nobody: %q, found %v, %v", name, found, err)
	}
}

func TestTheCallersEnvironmentIsNotHandedOn(t *testing.T) {
	t.Setenv("LD_TRACE_LOADED_OBJECTS", "1") // ld.so would list libraries in place of running getent
	if _, found, err := (Users{}).UID(t.Context(), "root"); err != nil || !found {
		t.Errorf("found %v, %v", found, err)
	}
}

func TestParseEntry(t *testing.T) {
	for entry, want := range map[string]User{
		"budi:x:1001:1001:Budi,,,:/home/budi:/bin/bash\n": {"budi", 1001, 1001, "Budi,,,", "/bin/bash"},
		"siti:*:4294967294:100::/:\n":                     {"siti", 4294967294, 100, "", ""},
		"admin:x:1002:1002:a:colon:/:/bin/sh\n":           {"admin", 1002, 1002, "a", "/bin/sh"},
	} {
		if got, err := parseEntry([]byte(entry)); err != nil || got != want {
			t.Errorf("%q: %+v, %v", entry, got, err)
		}
	}
	for _, entry := range []string{"", "\n", "budi", "budi:x", "budi:x:1001", ":x:1:1:::\n", "budi:x::1:::\n", "budi:x:-1:1:::\n", "budi:x:4294967296:1:::\n"} {
		if got, err := parseEntry([]byte(entry)); err == nil {
			t.Errorf("%q: %+v, want an error", entry, got)
		}
	}
}
