package account

import (
	"slices"
	"time"
)

// maxHappened bounds what is kept of what happened.
const maxHappened = 8

// Change is a kind of change to the way in.
//
// The numbers are written into records: never change or reuse one.
type Change uint8

// The zero value is none.
const (
	// Activated: a phone was activated.
	Activated Change = 1
	// ActivatedByIssued: the same, by an issued code.
	ActivatedByIssued Change = 2
	// WasReset: the phone was taken away.
	WasReset Change = 3
	// CodeIssued: the helpdesk gave a code.
	CodeIssued Change = 4
	// OnceUsed: an issued code let in by itself.
	OnceUsed Change = 5
	// RecoveryMade: there are new recovery codes.
	RecoveryMade Change = 6
	// RecoveryUsed: one of them let in.
	RecoveryUsed Change = 7
	// OnceIssued: root gave a code that lets in by itself.
	OnceIssued Change = 8
)

func (c Change) isIssue() bool { return c == CodeIssued || c == OnceIssued }

var changeNames = map[Change]string{
	Activated:         "activated",
	ActivatedByIssued: "activated-by-issued-code",
	WasReset:          "reset",
	CodeIssued:        "code-issued",
	OnceUsed:          "once-used",
	RecoveryMade:      "recovery-made",
	RecoveryUsed:      "recovery-used",
	OnceIssued:        "once-issued",
}

// String is the word used in JSON.
func (c Change) String() string {
	if name, ok := changeNames[c]; ok {
		return name
	}
	return "unknown"
}

// Happening is one change, when, and from where.
type Happening struct {
	Change Change
	At     time.Time
	Source Source
	Told   bool // to the owner
}

// happen adds a change. A new issued code voids the last one and takes its place
// here, so that whoever gives codes pushes nothing else out.
func (a Account) happen(change Change, try Try) Account {
	a.Happened = slices.Clone(a.Happened)
	if change.isIssue() {
		a.Happened = slices.DeleteFunc(a.Happened, func(h Happening) bool { return h.Change.isIssue() })
	}
	a.Happened = append(a.Happened, Happening{Change: change, At: try.Now, Source: try.Source})
	a.Happened = a.Happened[max(0, len(a.Happened)-maxHappened):]
	return a
}

// News is what the owner was not told of yet.
type News struct {
	// Refusals are attempts that failed, Count being those not told of.
	Refusals []Refusal
	// Wrong is how many wrong codes there were since a code was last accepted,
	// from wherever: of a guesser with many addresses the rows keep a part.
	Wrong    uint32
	Happened []Happening
}

// IsZero says whether there is nothing to tell.
func (n News) IsZero() bool { return len(n.Refusals) == 0 && len(n.Happened) == 0 }

// Tell returns what the owner, who just logged in from there, has not been told,
// and the account in which it is told. Nothing is forgotten by it. Of what was
// refused at the owner's own place only wrong codes are told: the rest is the
// owner's own waiting for the next code.
func Tell(a Account, here Source) (Account, News) {
	news := News{Wrong: a.Failures.Run}
	a.Refusals, a.Happened = slices.Clone(a.Refusals), slices.Clone(a.Happened)
	for i := range a.Refusals {
		row := &a.Refusals[i]
		untold := *row
		untold.Count -= row.Told
		row.Told = row.Count
		if untold.Count > 0 && (row.Reason == Wrong || row.Source != here) {
			news.Refusals = append(news.Refusals, untold)
		}
	}
	for i := range a.Happened {
		if !a.Happened[i].Told {
			news.Happened = append(news.Happened, a.Happened[i])
			a.Happened[i].Told = true
		}
	}
	slices.SortFunc(news.Refusals, func(a, b Refusal) int { return a.Last.Compare(b.Last) })
	return a, news
}
