package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// patience is how long a person is not told what takes so long.
	patience = 2 * time.Second
	// progressEvery is how often what is told changes.
	progressEvery = 500 * time.Millisecond
)

// progress tells a person at a terminal what takes so long, on one line, which
// it takes away at the end. The zero value tells nobody.
type progress struct {
	to     io.Writer
	ended  chan struct{}
	silent chan struct{} // closed once nothing more is written

	mu    sync.Mutex // protects doing
	doing string
}

// beginProgress begins one, if stderr is a terminal.
func (a *app) beginProgress() *progress {
	if !isTerminal(a.stderr) {
		return &progress{}
	}
	return startProgress(a.stderr, patience, progressEvery)
}

func startProgress(to io.Writer, patience, every time.Duration) *progress {
	p := &progress{to: to, ended: make(chan struct{}), silent: make(chan struct{})}
	go p.tell(patience, every)
	return p
}

// say notes what is being done.
func (p *progress) say(doing string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doing = doing
}

// end takes the line away.
func (p *progress) end() {
	if p.ended == nil {
		return
	}
	close(p.ended)
	<-p.silent
}

func (p *progress) tell(patience, every time.Duration) {
	defer close(p.silent)
	select {
	case <-p.ended:
		return
	case <-time.After(patience):
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	const eraseLine = "\r\x1b[K"
	for {
		p.mu.Lock()
		fmt.Fprint(p.to, eraseLine, p.doing)
		p.mu.Unlock()
		select {
		case <-p.ended:
			fmt.Fprint(p.to, eraseLine)
			return
		case <-tick.C:
		}
	}
}
