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
