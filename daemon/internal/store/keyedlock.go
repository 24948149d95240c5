package store

import (
	"sync"

	"spse-totp/daemon/internal/account"
)

// keyedLock is one mutex for each account in use. The zero value is ready.
type keyedLock struct {
	mu   sync.Mutex // protects held
	held map[account.ID]*heldLock
}

type heldLock struct {
	sync.Mutex
	users int // holders and waiters; protected by keyedLock.mu
}

// lock waits for the account's turn and returns what ends it.
func (k *keyedLock) lock(id account.ID) (unlock func()) {
	k.mu.Lock()
	if k.held == nil {
		k.held = make(map[account.ID]*heldLock)
	}
	l := k.held[id]
	if l == nil {
		l = &heldLock{}
		k.held[id] = l
	}
	l.users++
	k.mu.Unlock()
	l.Lock()
	return func() {
		l.Unlock()
		k.mu.Lock()
		defer k.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(k.held, id)
		}
	}
}
