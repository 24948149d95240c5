package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"spse-totp/daemon/internal/config"
	"spse-totp/daemon/internal/seal"
)

func (a *app) keyInitCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "init",
		Short: "Make the keyset, before the daemon's first start (root)",
		Long: `Make the keyset that seals all records, before the daemon's first start. It is never
made where a keyset or a database is: records sealed under one keyset do not open
under another. Keep a copy of it in a safe place, apart from backups of the
database.`,
		Example: `  sudo spse-totp key init
  sudo spse-totp key init --keyset /root/keyset.json`,
		Args: wanted(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error { return a.keyInit(path) },
	}
	c.Flags().StringVar(&path, "keyset", "", "the `FILE` to make (default as in the configuration)")
	a.configFlag(c)
	a.jsonFlag(c)
	return c
}

func (a *app) keyInit(path string) error {
	if a.euid != 0 {
		return failed("only root makes a keyset", "as root: sudo spse-totp key init")
	}
	c, err := loadConfig(a.configPath)
	if err != nil {
		return err
	}
	if path == "" {
		path = c.Keyset
	}
	if err := refuseDatabase(c.StateDirectory); err != nil {
		return err
	}
	keyset, err := seal.NewKeyset()
	if err != nil {
		return err
	}
	if err := writeNew(path, keyset); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]string{"keyset": path})
	}
	_, err = fmt.Fprintf(a.stdout, "keyset made: %s\nnext: keep a copy in a safe place; without it no record opens\n", escaped(path))
	return err
}

// refuseDatabase fails where there is a database, or may be one: its records do
// not open under a new keyset.
func refuseDatabase(stateDirectory string) error {
	for _, name := range []string{config.DatabaseFile, config.DatabaseFile + "-wal"} {
		path := filepath.Join(stateDirectory, name)
		_, err := os.Lstat(path)
		if err == nil {
			return failed("there is a database already, which a new keyset does not open: "+path,
				"restore its keyset from where the copy is kept")
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("looking for a database: %w", err)
		}
	}
	return nil
}

// writeNew makes a file for its owner alone, on the disk when it returns. What
// exists is never touched, be it a dangling link.
func writeNew(path string, content []byte) error {
	folder := filepath.Dir(path)
	if err := makeFolder(folder); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return failed(path+" exists already", "it is never overwritten: keep it, or name another file by --keyset")
	}
	if err != nil {
		return fmt.Errorf("making the keyset: %w", err)
	}
	_, err = file.Write(content)
	err = errors.Join(err, file.Sync(), file.Close(), syncFolder(folder))
	if err != nil {
		return fmt.Errorf("writing the keyset: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

// makeFolder makes the folder if it is missing, but not the folder it is in.
func makeFolder(path string) error {
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("making the keyset's folder: %w", err)
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes the names in a folder last.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
