// Package host is what the machine says of itself.
package host

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
)

// maxName is the longest user name there can be, in bytes: Linux's
// LOGIN_NAME_MAX.
const maxName = 256

// Users are the machine's users, by NSS. An error means that NSS could not
// tell. It never quotes the name, which may be a password typed at the wrong
// prompt.
type Users struct{}

// UID returns the uid of the user whose name is exactly name, byte for byte.
// A name that reads as a number is never found: getent would take it for a
// uid.
func (Users) UID(ctx context.Context, name string) (uid uint32, found bool, err error) {
	if !possibleName(name) {
		return 0, false, nil
	}
	user, found, err := lookUp(ctx, name)
	if err != nil || !found || user.Name != name {
		return 0, false, err
	}
	return user.UID, true, nil
}

// FullName returns the name that people call the user by, as getent shows it;
// empty where there is none.
func (Users) FullName(ctx context.Context, name string) (string, error) {
	if !possibleName(name) {
		return "", nil
	}
	user, found, err := lookUp(ctx, name)
	if err != nil || !found {
		return "", err
	}
	full, _, _ := strings.Cut(user.GECOS, ",")
	return full, nil
}

// NameOf returns the name of the user who has the uid; the first, where several
// share it.
func (Users) NameOf(ctx context.Context, uid uint32) (name string, found bool, err error) {
	user, found, err := lookUp(ctx, strconv.FormatUint(uint64(uid), 10))
	if err != nil || !found || user.UID != uid {
		return "", false, err
	}
	return user.Name, true, nil
}

// LoggedInAs is the name of the user that this process's session was opened
// for, which sudo and su leave as it is (loginuid, pam_loginuid(8)); empty where
// there is none, as in a job of the system's.
func (u Users) LoggedInAs(ctx context.Context) string {
	text, err := os.ReadFile("/proc/self/loginuid")
	if err != nil {
		return ""
	}
	uid, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	if err != nil || uid == math.MaxUint32 { // the kernel's "not set"
		return ""
	}
	name, found, err := u.NameOf(ctx, uint32(uid))
	if err != nil || !found {
		return "uid " + strconv.FormatUint(uid, 10)
	}
	return name
}

// possibleName says whether name can be one of a passwd entry, and one that
// getent looks up as a name.
func possibleName(name string) bool {
	return name != "" && len(name) <= maxName && !strings.ContainsAny(name, "\x00\n:") && !readsAsNumber(name)
}

// readsAsNumber says whether getent would take the key for a uid: whatever
// strtoul(3) reads to the end, white space, sign and all.
func readsAsNumber(key string) bool {
	digits := strings.TrimLeft(key, " \t\n\v\f\r")
	if digits != "" && (digits[0] == '+' || digits[0] == '-') {
		digits = digits[1:]
	}
	return strings.Trim(digits, "0123456789") == ""
}

// User is what is read of a passwd entry.
type User struct {
	Name  string
	UID   uint32
	GID   uint32
	GECOS string // the full name, up to its first comma
	Shell string // empty is /bin/sh
}

func lookUp(ctx context.Context, key string) (User, bool, error) {
	entry, exit, err := ask(ctx, lookUpWait, getent, "passwd", "--", key)
	switch {
	case err != nil:
		return User{}, false, fmt.Errorf("asking NSS for a user: %w", err)
	case exit == notFound:
		return User{}, false, nil
	case exit != 0:
		return User{}, false, fmt.Errorf("asking NSS for a user: getent's exit status %d", exit)
	}
	found, err := parseEntry(entry)
	return found, err == nil, err
}

// parseEntry reads one line of passwd(5).
func parseEntry(entry []byte) (User, error) {
	fields := strings.Split(strings.TrimSuffix(string(entry), "\n"), ":") // name:password:uid:gid:gecos:home:shell
	if len(fields) < 4 || fields[0] == "" {
		return User{}, errors.New("asking NSS for a user: not a passwd entry")
	}
	uid, err := strconv.ParseUint(fields[2], 10, 32)
	if err != nil {
		return User{}, errors.New("asking NSS for a user: not a uid in the passwd entry")
	}
	gid, err := strconv.ParseUint(fields[3], 10, 32)
	if err != nil {
		return User{}, errors.New("asking NSS for a user: not a gid in the passwd entry")
	}
	user := User{Name: fields[0], UID: uint32(uid), GID: uint32(gid), Shell: fields[len(fields)-1]}
	if len(fields) > 4 {
		user.GECOS = fields[4]
	}
	return user, nil
}
