package pamclient

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spse-totp/daemon/protocol"
)

// directoryGID is the only group of the tests' directory server.
const directoryGID = 40000

// directory gives the driver a directory server in this state, and a line of
// nsswitch.conf(5) for groups.
func (l *login) directory(state, line string) {
	l.t.Helper()
	file := filepath.Join(l.folder, "directory.state")
	must(l.t, os.WriteFile(file, []byte(state), 0o600))
	library := filepath.Join(tools, "libnss_directory.so.2")
	if l.build.name == "asan" {
		library = asanRuntime + ":" + library
	}
	l.env = []string{"LD_PRELOAD=" + library, "DIRECTORY=" + file, "DIRECTORY_LINE=" + line}
}

// getgrouplist(3) leaves out the groups of a directory server that is down, and
// reports success. Then they are not known, wherever the directory stands among
// the services; and neither is a group that nobody has.
func TestGroupsOfADirectory(t *testing.T) {
	const nobodys = 40001
	for state, c := range map[string]struct {
		member  bool
		unknown []uint32
	}{
		"up root":         {true, []uint32{nobodys}},
		"up budi root":    {true, []uint32{nobodys}},
		"up":              {false, []uint32{nobodys}},
		"up budi rooty":   {false, []uint32{nobodys}},
		"large budi":      {false, []uint32{nobodys}},
		"large root":      {true, []uint32{nobodys}},
		"huge budi":       {false, []uint32{directoryGID, nobodys}},
		"unavail":         {false, []uint32{directoryGID, nobodys}},
		"again":           {false, []uint32{directoryGID, nobodys}},
		"notfound":        {false, []uint32{directoryGID, nobodys}},
		"busy budi root":  {false, []uint32{directoryGID, nobodys}}, // down, and back a moment later
		"busy budi rooty": {false, []uint32{nobodys}},
	} {
		for _, line := range []string{
			"files directory", "directory files", "files directory systemd",
			"files [SUCCESS=merge] directory", "files directory [UNAVAIL=return] systemd",
		} {
			t.Run(strings.Join([]string{state, line}, ", "), func(t *testing.T) {
				onEachBuild(t, func(t *testing.T, l *login) {
					l.line("")
					l.directory(state, line)
					l.daemon(func(p *peer) {
						p.start()
						p.send(protocol.NeedGroups{GIDs: []uint32{0, otherGID, directoryGID, nobodys}})
						got := request[protocol.Groups](p)
						if !slices.Contains(got.GIDs, 0) || slices.Contains(got.GIDs, directoryGID) != c.member {
							t.Errorf("groups %v", got.GIDs)
						}
						if !slices.Equal(got.Unknown, c.unknown) {
							t.Errorf("unknown are %v, want %v", got.Unknown, c.unknown)
						}
						p.result(protocol.Accepted)
						p.hungUp()
					})
					l.run("user=root", "auth").wantCode("auth", pamSuccess)
				})
			})
		}
	}
}
