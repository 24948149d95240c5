package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// CopyFile is the name, in the state directory, of the copy of the file that was
// taken last.
const CopyFile = "last-good.toml"

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

// Keep keeps what was taken in its copy, on the disk when it returns. Where that
// fails there is no copy any more, as far as it can be taken away: what is in
// the old one is not in force, and may be milder.
func Keep(path string, content []byte) error {
	if kept, err := Read(path); err == nil && bytes.Equal(kept, content) {
		return nil
	}
	if err := replace(path, content); err != nil {
		_ = os.Remove(path) // what fails is told of
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// replace writes the file as a whole, or not at all.
func replace(path string, content []byte) error {
	whole := path + ".new"
	if err := os.Remove(whole); err != nil && !errors.Is(err, fs.ErrNotExist) { // left by a crash
		return err
	}
	f, err := os.OpenFile(whole, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(whole) // it is of no use
		return err
	}
	if err := os.Rename(whole, path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path)) // its names are to last too
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
