package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"spse-totp/daemon/internal/qr"
)

// pictureFile is a new file for the picture of a secret. It is held by its
// folder and name in it, so that nothing is led elsewhere when root writes into
// a folder that is somebody else's.
type pictureFile struct {
	path    string
	folder  *os.File
	file    *os.File
	written bool
}

// newPictureFile makes the file, 0600. It fails where the path leads through a
// symbolic link or the file exists, be it a dangling link.
func newPictureFile(path string) (*pictureFile, error) {
	dir, name := filepath.Split(path)
	if name == "" || name == "." || name == ".." {
		return nil, usage(fmt.Errorf("--png %s names no file", path))
	}
	if dir == "" {
		dir = "." // and not Clean, which would read link/.. otherwise than the kernel
	}
	folder, err := openFolder(dir)
	if errors.Is(err, unix.ELOOP) {
		return nil, failed(path+" leads through a symbolic link", "give the path without symbolic links: realpath shows it")
	}
	if err != nil {
		return nil, failed(fmt.Sprintf("the folder of %s cannot be opened: %v", path, err), "")
	}
	fd, err := unix.Openat(int(folder.Fd()), name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		_ = folder.Close()
	}
	if errors.Is(err, unix.EEXIST) {
		return nil, failed(path+" exists already", "name a file that does not exist")
	}
	if err != nil {
		return nil, failed(fmt.Sprintf("%s cannot be made: %v", path, err), "")
	}
	return &pictureFile{path: path, folder: folder, file: os.NewFile(uintptr(fd), path)}, nil
}

func openFolder(path string) (*os.File, error) {
	fd, err := unix.Openat2(unix.AT_FDCWD, path, &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// write puts the picture into the file.
func (p *pictureFile) write(code qr.Code) error {
	if err := errors.Join(code.PNG(p.file), p.file.Close()); err != nil {
		return fmt.Errorf("writing the picture: %w", err)
	}
	p.written = true
	return nil
}

// close takes the file away if no picture came into it.
func (p *pictureFile) close() {
	if !p.written {
		_ = unix.Unlinkat(int(p.folder.Fd()), filepath.Base(p.path), 0)
	}
	_ = p.folder.Close()
}
