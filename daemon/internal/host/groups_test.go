package host

import (
	"strings"
	"testing"
)

func TestFindGID(t *testing.T) {
	const groups = "root:x:0:\n# a comment\nlpse:x:30000:budi,siti\nbroken:x:many:\nshort:x\n"
	for _, c := range []struct {
		name  string
		gid   uint32
		found bool
		fault bool
	}{
		{"root", 0, true, false}, {"lpse", 30000, true, false}, {"LPSE", 0, false, false}, {"budi", 0, false, false},
		{"", 0, false, false}, {"broken", 0, false, true}, {"short", 0, false, false},
	} {
		gid, found, err := findGID(strings.NewReader(groups), c.name)
		if gid != c.gid || found != c.found || (err != nil) != c.fault {
			t.Errorf("%q: %d, %v, %v", c.name, gid, found, err)
		}
	}
}

func TestGIDReadsThisMachine(t *testing.T) {
	if gid, found, err := GID("root"); err != nil || !found || gid != 0 {
		t.Errorf("root: %d, %v, %v", gid, found, err)
	}
}

func TestWhoIsInAGroup(t *testing.T) {
	const file = "sudo:x:27:admin,siti\nsudoers:x:28:budi\nstaff:x:50:\n+::x:\n"
	for name, c := range map[string]struct {
		user   string
		isUser bool
		own    uint32
		names  []string
		want   bool
	}{
		"a member":              {"siti", true, 1001, []string{"sudo"}, true},
		"not a member":          {"budi", true, 1000, []string{"sudo"}, false},
		"of another":            {"budi", true, 1000, []string{"sudo", "sudoers"}, true},
		"a part of a name":      {"admi", true, 1000, []string{"sudo"}, false},
		"by the own group":      {"joko", true, 27, []string{"sudo"}, true},
		"no user, no own group": {"joko", false, 27, []string{"sudo"}, false},
		"a group there is not":  {"siti", true, 1001, []string{"wheel"}, false},
		"no groups":             {"siti", true, 1001, nil, false},
	} {
		if got, err := inAny(strings.NewReader(file), c.user, c.isUser, c.own, c.names); got != c.want || err != nil {
			t.Errorf("%s: %t, %v", name, got, err)
		}
	}
	if got, err := inAny(strings.NewReader("sudo:x:many:siti\n"), "siti", true, 1001, []string{"sudo"}); err == nil || got {
		t.Errorf("a file that cannot be read: %t, %v", got, err)
	}
}
