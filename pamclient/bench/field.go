package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"spse-totp/pamclient/hosts/stage"
)

// field is all that is measured, ready.
type field struct {
	disk       string // a folder
	stacks     string // a folder of PAM stacks, one for each contender and size
	journals   *journals
	contenders []contender
	crowds     map[int]crowd // by size
	begun      time.Time
}

// prepare sets the stage: logs, people, stores.
func prepare(disk string) (f *field, err error) {
	f = &field{disk: disk, stacks: filepath.Join(disk, "stacks"), crowds: map[int]crowd{}, begun: time.Now()}
	if f.journals, err = openJournals(); err != nil {
		return nil, err
	}
	f.contenders = contenders(disk, f.journals)
	all, warmer, err := recruit()
	if err != nil {
		return nil, err
	}
	for _, size := range sizes {
		f.crowds[size] = gather(all, warmer, size)
	}
	if err := enrol(all[:people], warmer); err != nil {
		return nil, err
	}
	return f, errors.Join(f.writeStacks(), f.fillStores())
}

// enrol adds those who log in to the stage's /etc/passwd.
func enrol(all []member, warmer member) error {
	var names []string
	for _, m := range all {
		names = append(names, m.name)
	}
	return stage.Users(append(names, warmer.name)...)
}

func (f *field) writeStacks() error {
	if err := os.Mkdir(f.stacks, 0o755); err != nil {
		return err
	}
	// Every host has one, and libpam complains to syslog where it is missing.
	if err := os.WriteFile(filepath.Join(f.stacks, "other"), []byte("# no other service\n"), 0o644); err != nil {
		return err
	}
	for _, c := range f.contenders {
		for _, size := range sizes {
			s := f.stack(c, size, false)
			if err := os.WriteFile(filepath.Join(s.folder, s.service), []byte(c.line(size)+"\n"), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *field) fillStores() error {
	for _, size := range sizes {
		for _, c := range f.contenders {
			f.say("%s: making a store of %s accounts", c.name(), thousands(size))
			if err := c.prepare(f.crowds[size]); err != nil {
				return fmt.Errorf("%s, %d accounts: %w", c.name(), size, err)
			}
		}
	}
	f.say("spse-totpd starts anew for each batch; outside of the stage its pid is: pgrep -nx spse-totpd")
	return nil
}

// close ends what runs.
func (f *field) close() error {
	var err error
	for _, c := range f.contenders {
		err = errors.Join(err, c.stop())
	}
	return err
}

// say prints a line of progress.
func (f *field) say(format string, arguments ...any) {
	fmt.Printf("[%3.0f s] %s\n", time.Since(f.begun).Seconds(), fmt.Sprintf(format, arguments...))
}
