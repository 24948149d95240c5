package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAllHoldsThisMachinesUsers(t *testing.T) {
	all, err := Users{}.All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		uid    uint32
		logsIn bool
	}{"root": {0, true}, "nobody": {65534, false}} {
		at := slices.IndexFunc(all, func(u User) bool { return u.Name == name })
		if at < 0 || all[at].UID != want.uid || all[at].LogsIn() != want.logsIn {
			t.Errorf("%s is not among them as it should be: %+v", name, all)
		}
	}
}

func TestParseEntries(t *testing.T) {
	got := parseEntries([]byte("root:x:0:0:root:/root:/bin/bash\n+::::::\nbudi:x:1001:1001:Budi,,,:/home/budi:\n" +
		"# a remark\nbudi:*:2001:2001:of the directory:/:/bin/sh\n\nsiti:x:1002:100::/:/usr/sbin/nologin"))
	want := []User{{"root", 0, 0, "root", "/bin/bash"}, {"budi", 1001, 1001, "Budi,,,", ""}, {"siti", 1002, 100, "", "/usr/sbin/nologin"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestLogsIn(t *testing.T) {
	for shell, want := range map[string]bool{
		"/bin/bash": true, "": true, "/usr/bin/git-shell": true, "/opt/nologin/sh": true,
		"/usr/sbin/nologin": false, "/sbin/nologin": false, "/bin/false": false, "/usr/bin/false": false, "/bin/sync": false,
	} {
		if got := (User{Name: "budi", UID: 1001, Shell: shell}).LogsIn(); got != want {
			t.Errorf("%q: %v", shell, got)
		}
		if !(User{Name: "root", Shell: shell}).LogsIn() {
			t.Errorf("root with %q cannot", shell)
		}
	}
}

func TestGIDsOfThisMachine(t *testing.T) {
	gids, found, err := Users{}.GIDs(t.Context(), "root")
	if err != nil || !found || !slices.Contains(gids, 0) {
		t.Errorf("root: %v, %v, %v", gids, found, err)
	}
}

// A name is never taken for an option, a uid, or somebody else's.
func TestGIDsFindsNothingElse(t *testing.T) {
	for _, name := range []string{"no-such-user", "ROOT", "root ", "0", "+0", "-0", "-u", "--help", "--version", "--", "-", "root:0", "root.0", "root\n", "", "\x00"} {
		if gids, found, err := (Users{}).GIDs(t.Context(), name); gids != nil || found || err != nil {
			t.Errorf("%q: %v, %v, %v", name, gids, found, err)
		}
	}
}

func TestUnknownGroupsOfThisMachine(t *testing.T) {
	const nobodys = 4294967294
	for _, c := range []struct{ asked, want []uint32 }{
		{nil, nil},
		{[]uint32{0}, nil},
		{[]uint32{nobodys}, []uint32{nobodys}},
		{[]uint32{0, nobodys, 1}, []uint32{nobodys}},
	} {
		if got, err := (Users{}).UnknownGroups(t.Context(), "budi", c.asked); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, %v", c.asked, got, err)
		}
	}
}

func TestUnknownGroups(t *testing.T) {
	const said = "lpse:x:30000:\nsudo:x:27:siti,budi\nppk:*:30001:budiman\nhalf:x:30002\n"
	asked := []uint32{27, 30000, 30001, 30002, 30003}
	for name, want := range map[string][]uint32{
		"budi":    {27, 30002, 30003},
		"budiman": {30001, 30002, 30003},
		"joko":    {30002, 30003},
		"":        {30002, 30003},
	} {
		if got := unknownGroups([]byte(said), name, asked); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

func TestParseGIDs(t *testing.T) {
	if got, err := parseGIDs("30000 27 4294967294\n"); err != nil || !slices.Equal(got, []uint32{30000, 27, 4294967294}) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, said := range []string{"", "\n", "27 sudo\n", "-1\n", "4294967296\n"} {
		if got, err := parseGIDs(said); err == nil {
			t.Errorf("%q: %v", said, got)
		}
	}
}

func TestWhoAsksIsNotHeldUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Users{}).All(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("all: %v", err)
	}
	if _, found, err := (Users{}).GIDs(ctx, "a-password"); found || !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "a-password") {
		t.Errorf("gids: found %v, %v", found, err)
	}
	if _, err := (Users{}).UnknownGroups(ctx, "a-password", []uint32{0}); !errors.Is(err, context.Canceled) {
		t.Errorf("unknown groups: %v", err)
	}
	slow := filepath.Join(t.TempDir(), "slow")
	if err := os.WriteFile(slow, []byte("#!/bin/sh\nexec sleep 600\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ask(t.Context(), 10*time.Millisecond, slow); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a directory server that does not answer: %v", err)
	}
	if _, _, err := ask(t.Context(), time.Minute, "/bin/sh", "-c", "kill -9 $$"); err == nil {
		t.Error("a program that was killed said nothing, and that was taken for an answer")
	}
}
