package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// rounds is how often each scenario is measured: an odd number, so that a median
// is one of them.
const rounds = 7

// limit is how long the batches of a round last at most: pam_oath needs a tenth of
// a second for each login of 100,000 accounts.
const limit = 1500 * time.Millisecond

// scenario is one thing that is measured, of each contender in turn.
type scenario struct {
	kind    kind
	forked  bool // a process for each login
	clients int  // at once
	size    int  // accounts in the store
}

func (s scenario) String() string {
	return fmt.Sprintf("%s codes, %s, %s, %s accounts", s.kind, how(s.forked), plural(s.clients, "client"), thousands(s.size))
}

// middle is the size at which all is measured but the flatness.
const middle = 1_000

// clientCounts are how many log in at once.
var clientCounts = []int{1, 4, 16, 64}

// scenarios in the order of the tables.
func scenarios() []scenario {
	var all []scenario
	for _, forked := range []bool{false, true} {
		for _, size := range sizes {
			all = append(all, scenario{right, forked, 1, size})
		}
	}
	for _, forked := range []bool{false, true} {
		for _, clients := range clientCounts[1:] { // one client is above
			all = append(all, scenario{right, forked, clients, middle})
		}
	}
	for _, kind := range []kind{wrong, replayed} {
		all = append(all, scenario{kind, false, 1, middle}, scenario{kind, true, 16, middle})
	}
	return all
}

// batches is how many make up a round, and how many people log in during each.
// With one client they are alike for all sizes, also the one that has few people.
func (s scenario) batches() (n, size int) {
	if s.clients == 1 {
		return 5, slices.Min(sizes)
	}
	return 1, people
}

// measure runs all scenarios, round by round and in an order drawn by lot, the
// contenders of each taking turns, so that whatever else the machine does meets
// them all.
func (f *field) measure() (results, error) {
	all := results{}
	for round := range rounds {
		order := scenarios()
		rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, s := range order {
			if err := f.round(s, round, all); err != nil {
				return nil, err
			}
			f.say("round %d of %d: %s: p50 %s", round+1, rounds, s, all.last(s))
		}
	}
	return all, f.checkJournal(all)
}

// round measures a scenario once of each contender. Who begins changes.
func (f *field) round(s scenario, round int, all results) error {
	for i := range f.contenders {
		c := f.contenders[(round+i)%len(f.contenders)]
		if c.name() == permit && s.kind != right {
			continue // it lets everybody in
		}
		sample, err := f.sample(c, s)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", c.name(), s, err)
		}
		all.add(s, c.name(), sample)
	}
	return nil
}

// checkJournal makes sure that what we log went where it does on a real host.
func (f *field) checkJournal(all results) error {
	logins := 0
	for _, k := range []kind{right, wrong, replayed} {
		logins += all.count(ours, k, series.logins)
	}
	if events := f.journals.journal.read.Load(); events < int64(logins) {
		return fmt.Errorf("only %d events of %d logins reached the journal", events, logins)
	}
	return nil
}

// sample is one round of one contender.
func (f *field) sample(c contender, s scenario) (sample, error) {
	var all sample
	n, _ := s.batches()
	for range n {
		batch, err := f.batch(c, s)
		if err != nil {
			return sample{}, err
		}
		all.add(batch)
	}
	return all, nil
}

// batch lets people log in, with a store that nobody used.
func (f *field) batch(c contender, s scenario) (sample, error) {
	crowd := f.crowds[s.size]
	if err := f.refresh(c, crowd); err != nil {
		return sample{}, err
	}
	planned := time.Now()
	warmer, err := crowd.warmer.code(planned)
	if err != nil {
		return sample{}, err
	}
	logins, err := f.plan(c, s, warmer, planned)
	if err != nil {
		return sample{}, err
	}
	n, _ := s.batches()
	used := usage{daemon: c.daemon()}
	efforts, err := drive(f.stack(c, s.size, s.forked), deal(logins, s.clients), warmer, limit/time.Duration(n), &used)
	if err == nil && time.Since(planned) > planLasts {
		err = errors.New("it took so long that right codes became wrong")
	}
	return newSample(s.kind, efforts, used), err
}

func (f *field) refresh(c contender, crowd crowd) error {
	if err := c.refresh(crowd); err != nil {
		return fmt.Errorf("putting the store back: %w", err)
	}
	folder, err := os.Open(f.disk)
	if err != nil {
		return err
	}
	// Else the first login that flushes waits for what was written just now.
	return errors.Join(unix.Syncfs(int(folder.Fd())), folder.Close())
}

// plan is what is typed. Codes to be replayed are let in first, by one client.
func (f *field) plan(c contender, s scenario, warmer login, now time.Time) ([]login, error) {
	_, size := s.batches()
	some := spread(f.crowds[s.size].people, size)
	if s.kind == wrong {
		return wrongCodes(some, now)
	}
	logins, err := rightCodes(some, now)
	if err != nil || s.kind == right {
		return logins, err
	}
	first := logins[:len(logins)/2]
	efforts, err := drive(f.stack(c, s.size, false), [][]login{first}, warmer, limit, &usage{})
	if err != nil {
		return nil, err
	}
	var spent []login
	for i, o := range efforts[0].outcomes {
		if o.accepted {
			spent = append(spent, first[i])
		}
	}
	if len(spent) == 0 {
		return nil, errors.New("no code was let in that could be replayed")
	}
	return twice(spent), nil
}

func (f *field) stack(c contender, size int, forked bool) stack {
	return stack{folder: f.stacks, service: fmt.Sprintf("%s-%d", c.name(), size), forked: forked}
}
