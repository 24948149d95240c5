package host

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
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

func findGID(groups io.Reader, name string) (gid uint32, found bool, err error) {
	lines := bufio.NewScanner(groups)
	lines.Buffer(nil, 1<<20) // a group may have many members
	for lines.Scan() {
		fields := strings.SplitN(lines.Text(), ":", 4) // name:password:gid:members
		if len(fields) < 4 || fields[0] != name {
			continue
		}
		n, err := strconv.ParseUint(fields[2], 10, 32)
		if err != nil {
			return 0, false, fmt.Errorf("%s: the gid of %q is no number", groupFile, name)
		}
		return uint32(n), true, nil
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return 0, false, fmt.Errorf("%s has a line of over 1 MiB", groupFile)
	}
	return 0, false, lines.Err()
}
