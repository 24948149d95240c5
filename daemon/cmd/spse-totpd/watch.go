package main

import (
	"errors"
	"fmt"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/internal/seal"
	"spse-totp/daemon/internal/store"
)

// watch turns what the store meets into alarms that say what to do.
type watch struct{ events *audit.Log }

var _ store.Watch = watch{}

func (w watch) Made() {
	w.events.Record(audit.Event{
		Kind: audit.Created, Message: "a new database was made: everybody activates anew",
		Hint: "if there was one before, stop the daemon, put it back from the backup, and find out where it went",
	})
}

func (w watch) Failed(err error) {
	w.events.Record(audit.Event{
		Kind: audit.Alarm, Message: "no login can be judged: " + err.Error(), Hint: hintFor(err),
	})
}

func (w watch) Healed() {
	w.events.Record(audit.Event{Kind: audit.Recovery, Message: "logins are judged again: the store works"})
}

func (w watch) Tampered(id account.ID, err error) {
	hint := "find out who wrote to the database; spse-totp remove lets the owner activate anew"
	if errors.Is(err, account.ErrNewerRecord) {
		hint = "install the newer spse-totp again"
	}
	w.events.Record(audit.Event{
		Kind: audit.Alarm, Account: id, Message: "a record does not open, its owner is refused: " + err.Error(), Hint: hint,
	})
}

func (w watch) ClockBehind(by time.Duration) {
	w.events.Record(audit.Event{
		Kind:    audit.Alarm,
		Message: fmt.Sprintf("codes are refused: the host's clock is %v behind the newest code that was accepted", by.Round(time.Second)),
		Hint:    "set the clock right (timedatectl); if it is right now: spse-totp clock accept. Recovery codes let in meanwhile",
	})
}

func (w watch) ClockRight() {
	w.events.Record(audit.Event{Kind: audit.Recovery, Message: "codes are judged again: the host's clock is right"})
}

// hintFor says what mends the store. It heals by itself once that is done.
func hintFor(err error) string {
	for _, h := range []struct {
		is   error
		hint string
	}{
		{store.ErrFull, "make room on the disk of the state directory"},
		{store.ErrReadOnly, "make the state directory and its files writable for the daemon; if that does not do, restart it: systemctl restart spse-totpd"},
		{store.ErrNewerSchema, "install the newer spse-totp again, or restore the backup made before the upgrade"},
		{store.ErrInUse, "stop the other daemon that uses this database"},
		{store.ErrMoved, "put the database back in its place; what is there now is looked at anew"},
		{store.ErrGone, "put the database back from the backup; to begin anew, with everybody activating again, restart the daemon"},
		{store.ErrEdited, "find out who wrote to the database, and restore it from the backup"},
		{store.ErrNoMark, "someone edited the database: restore it from the backup"},
		{seal.ErrOpen, "the keyset is not the one of this database: restore that keyset, or the database that belongs to it"},
		{store.ErrDamaged, "restore the database from the backup; keep the damaged file"},
	} {
		if errors.Is(err, h.is) {
			return h.hint
		}
	}
	return "look at the state directory: is it there, and the daemon's own?"
}
