package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// All returns the host's users in the order of NSS, each name once, as the
// first entry has it. A directory server may be set not to list its own, which
// nothing tells.
func (Users) All(ctx context.Context) ([]User, error) {
	entries, exit, err := ask(ctx, listWait, getent, "passwd")
	switch {
	case err != nil:
		return nil, fmt.Errorf("asking NSS for all users: %w", err)
	case exit != 0:
		return nil, fmt.Errorf("asking NSS for all users: getent's exit status %d", exit)
	}
	return parseEntries(entries), nil
}

// parseEntries reads passwd(5). A line that is no entry is nobody's, such as the
// + that stands for users of NIS.
func parseEntries(entries []byte) []User {
	var all []User
	known := make(map[string]bool)
	for line := range bytes.Lines(entries) {
		user, err := parseEntry(line)
		if err != nil || known[user.Name] {
			continue
		}
		known[user.Name] = true
		all = append(all, user)
	}
	return all
}

// LogsIn says whether somebody can log in as this user: root, and who has a
// shell.
func (u User) LogsIn() bool {
	switch path.Base(u.Shell) {
	case "nologin", "false", "sync": // sync flushes the disks, and is Debian's user of that name
		return u.UID == 0
	}
	return true
}

// GIDs returns the numbers of all groups of a user, the nested ones and those of
// a directory server among them, as a login has them (getgrouplist(3)): without
// those of one that is down. found is
// false where NSS knows no such user, or cannot tell his groups: id does not say
// which.
func (Users) GIDs(ctx context.Context, name string) (gids []uint32, found bool, err error) {
	if !possibleName(name) {
		return nil, false, nil
	}
	said, exit, err := ask(ctx, lookUpWait, id, "-G", "--", name)
	switch {
	case err != nil:
		return nil, false, fmt.Errorf("asking NSS for a user's groups: %w", err)
	case exit != 0:
		return nil, false, nil
	}
	gids, err = parseGIDs(string(said))
	return gids, err == nil, err
}

// UnknownGroups returns those of the gids of which NSS cannot tell that the user is
// not in them, where GIDs did not have them: it finds no such group, as when a
// directory server is down, or the group has him for a member. No name asks for
// those alone that are not found.
func (Users) UnknownGroups(ctx context.Context, name string, gids []uint32) ([]uint32, error) {
	if len(gids) == 0 {
		return nil, nil
	}
	args := []string{"group", "--"}
	for _, gid := range gids {
		args = append(args, strconv.FormatUint(uint64(gid), 10))
	}
	said, exit, err := ask(ctx, lookUpWait, getent, args...)
	switch {
	case err != nil:
		return nil, fmt.Errorf("asking NSS for groups: %w", err)
	case exit != 0 && exit != notFound: // not found: some were not
		return nil, fmt.Errorf("asking NSS for groups: getent's exit status %d", exit)
	}
	return unknownGroups(said, name, gids), nil
}

// unknownGroups reads group(5) as getent prints it.
func unknownGroups(said []byte, name string, gids []uint32) []uint32 {
	outside := make(map[string]bool) // by gid
	for line := range strings.Lines(string(said)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), ":") // name:password:gid:members
		if len(fields) == 4 {
			outside[fields[2]] = name == "" || !slices.Contains(strings.Split(fields[3], ","), name)
		}
	}
	return slices.DeleteFunc(slices.Clone(gids), func(gid uint32) bool { return outside[strconv.FormatUint(uint64(gid), 10)] })
}

// parseGIDs reads what id -G prints: numbers, at least one.
func parseGIDs(said string) ([]uint32, error) {
	var gids []uint32
	for _, field := range strings.Fields(said) {
		gid, err := strconv.ParseUint(field, 10, 32)
		if err != nil {
			return nil, errors.New("asking NSS for a user's groups: id prints no gids")
		}
		gids = append(gids, uint32(gid))
	}
	if len(gids) == 0 {
		return nil, errors.New("asking NSS for a user's groups: id prints none")
	}
	return gids, nil
}
