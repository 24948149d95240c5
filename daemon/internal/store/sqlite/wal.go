package sqlite

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// checkpointAt is how many pages the WAL holds before SQLite brings them into
	// the database and begins the WAL anew, in the same file.
	checkpointAt = 100
	// walPages leaves room for a commit of many callers on top of that.
	walPages = 2 * checkpointAt

	// https://www.sqlite.org/fileformat2.html#walformat; pages are of SQLite's
	// default size.
	pageSize        = 4096
	walHeader       = 32
	walHeaderOfPage = 24
)

// layOut fills the WAL up with zeros, which SQLite takes for no commit, so that
// it does not grow in use: a commit to a file that grows waits for the file
// system's own journal too. What a full disk has no room for is left out.
func layOut(wal string) (err error) {
	f, err := os.OpenFile(wal, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	// Page by page: of a larger piece the kernel would write all back whenever a
	// part of it is changed.
	zeros := make([]byte, pageSize)
	for at := info.Size(); at < walHeader+walPages*(walHeaderOfPage+pageSize); at += pageSize {
		if _, err := f.WriteAt(zeros, at); errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return f.Sync()
}
