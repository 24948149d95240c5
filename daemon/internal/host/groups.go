package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// groupFile is where the machine's own groups stand. Those of a directory server
// do not, and are named by their numbers.
const groupFile = "/etc/group"

// GID returns the number of a group of /etc/group, whose name is exactly name.
func GID(name string) (gid uint32, found bool, err error) {
	file, err := os.Open(groupFile)
	if err != nil {
		return 0, false, err
	}
	defer file.Close()
	return findGID(file, name)
}

// InAny says whether the user is in one of the groups of /etc/group: by its list
// of members, or as the user's own. A group that is not there has nobody in it.
func (Users) InAny(ctx context.Context, name string, groups []string) (bool, error) {
	user, found, err := lookUp(ctx, name)
	if err != nil {
		return false, err
	}
	file, err := os.Open(groupFile)
	if err != nil {
		return false, err
	}
	defer file.Close()
	return inAny(file, name, found, user.GID, groups)
}

func inAny(groups io.Reader, name string, isUser bool, own uint32, names []string) (bool, error) {
	member := false
	err := eachGroup(groups, func(g group) error {
		if !slices.Contains(names, g.name) {
			return nil
		}
		gid, err := g.gid()
		member = member || slices.Contains(g.members, name) || isUser && gid == own
		return err
	})
	return member && err == nil, err
}

func findGID(groups io.Reader, name string) (gid uint32, found bool, err error) {
	err = eachGroup(groups, func(g group) error {
		if found || g.name != name {
			return nil
		}
		found = true
		var err error
		gid, err = g.gid()
		return err
	})
	return gid, found && err == nil, err
}

// group is one line of group(5).
type group struct {
	name, number string
	members      []string
}

func (g group) gid() (uint32, error) {
	n, err := strconv.ParseUint(g.number, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%s: the gid of %q is no number", groupFile, g.name)
	}
	return uint32(n), nil
}

func eachGroup(groups io.Reader, visit func(group) error) error {
	lines := bufio.NewScanner(groups)
	lines.Buffer(nil, 1<<20) // a group may have many members
	for lines.Scan() {
		fields := strings.SplitN(lines.Text(), ":", 4) // name:password:gid:members
		if len(fields) < 4 {
			continue
		}
		if err := visit(group{fields[0], fields[2], strings.Split(fields[3], ",")}); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("%s has a line of over 1 MiB", groupFile)
	}
	return lines.Err()
}
