package host

import (
	"bytes"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// firstPerson is the least uid of people: those below are of programs (Debian's
// UID_MIN).
const firstPerson = 1000

// Person is somebody of /etc/passwd who can log in.
type Person struct {
	Name string
	GIDs []uint32 // by /etc/passwd and /etc/group
}

// People are those of the machine with that root folder, in the file's order. Of
// a directory server it shows nobody, nor its groups.
func People(root fs.FS) ([]Person, error) {
	entries, err := wholeFile(root, "etc/passwd")
	if err != nil {
		return nil, err
	}
	groups, err := wholeFile(root, "etc/group")
	if err != nil {
		return nil, err
	}
	in := memberships(groups)
	var people []Person
	for line := range bytes.Lines(entries) {
		user, err := parseEntry(line)
		if err != nil || user.UID < firstPerson || !user.LogsIn() || slices.ContainsFunc(people, func(p Person) bool { return p.Name == user.Name }) {
			continue
		}
		gids := in[user.Name]
		if fields := strings.Split(string(line), ":"); len(fields) > 3 { // name:password:uid:gid:...
			if gid, err := strconv.ParseUint(fields[3], 10, 32); err == nil {
				gids = append([]uint32{uint32(gid)}, gids...)
			}
		}
		people = append(people, Person{user.Name, gids})
	}
	return people, nil
}

// memberships reads group(5): the groups of each member that it names.
func memberships(groups []byte) map[string][]uint32 {
	in := make(map[string][]uint32)
	for line := range bytes.Lines(groups) {
		fields := strings.Split(strings.TrimSpace(string(line)), ":") // name:password:gid:members
		if len(fields) != 4 {
			continue
		}
		gid, err := strconv.ParseUint(fields[2], 10, 32)
		if err != nil {
			continue
		}
		for member := range strings.SplitSeq(fields[3], ",") {
			in[member] = append(in[member], uint32(gid))
		}
	}
	return in
}

// wholeFile reads a file below the root; one that is not there is empty.
func wholeFile(root fs.FS, name string) ([]byte, error) {
	is, err := isFile(root, name)
	if err != nil || !is {
		return nil, err
	}
	content, err := fs.ReadFile(root, name)
	if err != nil {
		return nil, rooted(name, err)
	}
	return content, nil
}
