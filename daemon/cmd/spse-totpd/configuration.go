package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/internal/config"
	"spse-totp/daemon/internal/host"
)

// files are the configuration, and the copy of it that was taken last: a file
// that got a fault since keeps the daemon from no start, and so nobody out.
type files struct {
	path string
	// copy is in the state directory that systemd gives; whoever can write there
	// can write the database too. A daemon run by hand has none: where its state
	// is says the file, and somebody is there to read what is wrong with it.
	copy string
}

func configurationFiles(path string) files {
	f := files{path: path}
	if state := os.Getenv("STATE_DIRECTORY"); state != "" {
		f.copy = filepath.Join(state, config.CopyFile)
	}
	return f
}

// configuration is one that was read.
type configuration struct {
	config.Config
	path    string // of the file it came from
	content []byte
	// fault is what is wrong with the file, where this is its copy.
	fault error
}

func read(path string, on config.Host) (configuration, error) {
	content, err := config.Read(path)
	if err != nil {
		return configuration{}, err
	}
	c, err := config.Parse(path, content, on)
	return configuration{Config: c, path: path, content: content}, err
}

// atStart reads the file, or else its copy. A group that was taken away since the
// file was written is a fault only as long as there is something without one: at
// last the file is taken as it is, and the rule fits perhaps.
func (f files) atStart() (configuration, error) {
	var fault, faultOfCopy error
	for _, groups := range []config.Groups{host.GID, knownOrGone} {
		on := config.Host{Groups: groups, Zone: host.Zone()}
		var c configuration
		if c, fault = read(f.path, on); fault == nil {
			return c, nil
		}
		if f.copy == "" {
			continue
		}
		if c, faultOfCopy = read(f.copy, on); faultOfCopy == nil {
			c.fault = fault
			return c, nil
		}
	}
	hint := config.HintFor(fault)
	if faultOfCopy != nil && !errors.Is(faultOfCopy, fs.ErrNotExist) {
		fault = fmt.Errorf("%w; and the copy of the one taken last does not help: %w", fault, faultOfCopy)
	}
	return configuration{}, hinted{fault, hint}
}

// knownOrGone looks groups up; one that there is not is gone.
func knownOrGone(name string) (gid uint32, found bool, err error) {
	gid, found, err = host.GID(name)
	if err == nil && !found {
		err = config.ErrGroupGone
	}
	return gid, found, err
}

// atReload reads the file. One that is new has no excuse.
func (f files) atReload() (configuration, error) {
	return read(f.path, config.Host{Groups: host.GID, Zone: host.Zone(), New: time.Now()})
}

// check says whether a reload would take the file. The unit asks before it sends
// SIGHUP, whose sender cannot be told, so that systemctl reload fails.
func (f files) check() error {
	if _, err := f.atReload(); err != nil {
		return hinted{fmt.Errorf("the file is not taken, what is in force stays: %w", err), config.HintFor(err)}
	}
	return nil
}

// taken tells what there is to tell of a configuration that is in force now, and
// keeps its copy.
func (f files) taken(events *audit.Log, c configuration) {
	switch {
	case c.fault != nil:
		events.Record(audit.Event{
			Kind:    audit.Fallback,
			Message: fmt.Sprintf("the configuration cannot be taken, and its copy of the last time it could, %s, is in force: %v", c.path, c.fault),
			Hint:    andReload(c.fault),
		})
	case f.copy != "":
		if err := config.Keep(f.copy, c.content); err != nil {
			events.Record(audit.Event{
				Kind:    audit.Alarm,
				Message: "the configuration is in force, but a start at which it has a fault would fail, for no copy of it could be kept: " + err.Error(),
				Hint:    "is the disk of the state directory full, or read-only? then: systemctl reload spse-totpd",
			})
		}
	}
}

// review tells what an administrator should look at in the rules, by line: they
// are in force all the same, and nobody waits for it, which takes seconds where
// there are a thousand exemptions.
func (c configuration) review(events *audit.Log) {
	for _, finding := range c.Policy.Review(time.Now()) {
		events.Record(audit.Event{Kind: audit.Service, Message: fmt.Sprintf("%s:%d: %s", c.path, finding.Line, finding.Text), Hint: finding.Hint})
	}
}

func andReload(fault error) string {
	return config.HintFor(fault) + "; then: systemctl reload spse-totpd"
}

// status is what systemctl status shows beside the daemon's name; nothing, where
// all is well.
func (c configuration) status() string {
	if c.fault == nil {
		return "STATUS="
	}
	return "STATUS=started by the copy of its last configuration: " + c.fault.Error()
}

// reloadOnHangup reads the configuration again at each SIGHUP. One that cannot be
// taken changes nothing, and is told of.
func reloadOnHangup(ctx context.Context, hangup <-chan os.Signal, f files, events *audit.Log, current *atomic.Pointer[office]) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangup:
		}
		notify(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec())
		c, err := f.atReload()
		if err != nil {
			events.Record(audit.Event{
				Kind: audit.Alarm, Message: "configuration not reloaded, the old one stays in force: " + err.Error(), Hint: andReload(err),
			})
			notify(daemon.SdNotifyReady)
			continue
		}
		current.Store(officeOf(c.Config))
		f.taken(events, c)
		events.Record(audit.Event{Kind: audit.Service, Message: "configuration reloaded", Hint: "a changed folder or keyset is taken at the next start"})
		notify(daemon.SdNotifyReady + "\n" + c.status())
		c.review(events)
	}
}
