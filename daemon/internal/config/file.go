package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// maxFile bounds the file, in bytes.
const maxFile = 1 << 20

// Read reads the file if nobody can have written it but root and this user:
// whoever else can would exempt himself. Links are followed: it is the file at
// their end that counts.
func Read(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // a FIFO must not hold us up
	if err != nil {
		return nil, unread(path, err)
	}
	defer f.Close()
	if err := checkFile(path, f); err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, unread(path, err)
	}
	if len(content) > maxFile { // it grew meanwhile
		return nil, &Error{Path: path, Text: "not a configuration file"}
	}
	return content, nil
}

func unread(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &Error{Path: path, Text: "no such file; an empty one takes all defaults", cause: fs.ErrNotExist}
	}
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	fault := &Error{Path: path, Text: err.Error(), cause: err}
	if errors.Is(err, fs.ErrPermission) { // root, who looks with config check, finds nothing wrong
		fault.Hint = fmt.Sprintf("it holds no secret, and the daemon's user has to read it: chmod go+r %s, and go+x its folder", path)
	}
	return fault
}

// checkFile checks what is open, and not what a name leads to by now.
func checkFile(path string, f *os.File) error {
	var info unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &info); err != nil {
		return unread(path, err)
	}
	hint := fmt.Sprintf("if its content is right: chown root:root %s; chmod go-w %[1]s", path)
	switch {
	case info.Mode&unix.S_IFMT != unix.S_IFREG || info.Size > maxFile:
		return &Error{Path: path, Text: "not a configuration file"}
	case info.Uid != 0 && info.Uid != uint32(os.Geteuid()):
		return &Error{Path: path, Text: fmt.Sprintf("belongs to uid %d, who could exempt himself", info.Uid), Hint: hint}
	case info.Mode&0o022 != 0:
		return &Error{Path: path, Text: fmt.Sprintf("others than its owner may write it (mode %04o), and could exempt themselves", info.Mode&0o7777), Hint: hint}
	}
	return nil
}
