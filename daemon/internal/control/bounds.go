package control

import (
	"sync"
	"time"
)

// inFlight lets each uid have one code checked at a time. The zero value is
// ready.
type inFlight struct {
	mu   sync.Mutex // protects uids
	uids map[uint32]bool
}

func (f *inFlight) enter(uid uint32) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.uids[uid] {
		return false
	}
	if f.uids == nil {
		f.uids = make(map[uint32]bool)
	}
	f.uids[uid] = true
	return true
}

func (f *inFlight) leave(uid uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.uids, uid)
}

// tellEvery is how often one caller's refused requests are told of: anybody can
// make a hundred thousand in a few seconds, and the journal is everyone's.
const tellEvery = time.Minute

// maxTold bounds what is remembered of it.
const maxTold = 1024

// refusalsTold remembers which uids were told of. The zero value is ready.
type refusalsTold struct {
	mu   sync.Mutex // protects last
	last map[uint32]time.Time
}

func (r *refusalsTold) worthTelling(uid uint32, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if told, known := r.last[uid]; known && now.Sub(told).Abs() < tellEvery {
		return false
	}
	if r.last == nil || len(r.last) >= maxTold {
		r.last = make(map[uint32]time.Time)
	}
	r.last[uid] = now
	return true
}
