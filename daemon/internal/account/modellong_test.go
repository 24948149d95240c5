package account

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"spse-totp/totp"
)

// longModel knows what the long codes, the uids and the clock may do.
type longModel struct {
	drawn  int
	active bool // a phone
	was    bool // ever a phone

	recovery map[string]bool // of the present set: spent?
	offer    *RecoveryOffer

	issued   *totp.LongCode
	at       time.Time
	once     bool
	spent    bool // the issued one
	salt     Salt
	lapsed   []string // codes that were good once
	owners   []Owner
	happened []Change
}

// draw is a code that is the same in each run.
func (m *machine) draw(t *rapid.T, kind totp.Kind) totp.LongCode {
	m.long.drawn++
	text := rapid.StringOfN(rapid.RuneFrom([]rune("0123456789ABCDEFGHJKMNPQRSTVWXYZ")), 24, 24, 24).Draw(t, "letters")
	code, err := totp.ParseLongCode(totp.NewTyped(text[:map[totp.Kind]int{totp.Recovery: 24, totp.Issued: 13}[kind]]))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// owner is whose the name is where somebody tries: nearly always the same.
func (m *machine) owner(t *rapid.T) Owner {
	return Owner{
		Host: HostID{1 + rapid.SampledFrom([]byte{0, 0, 0, 0, 1, 2}).Draw(t, "host")},
		UID:  rapid.SampledFrom([]uint32{1000, 1000, 1000, 1000, 1000, 1000, 1000, 1001}).Draw(t, "uid"),
	}
}

func (l *longModel) foreign(owner Owner) bool {
	return slices.ContainsFunc(l.owners, func(o Owner) bool { return o.Host == owner.Host && o.UID != owner.UID })
}

func (l *longModel) entitles(offer Offer) bool {
	switch offer.By {
	case ByPassword:
		return !l.was
	case ByCode:
		return l.active
	case ByIssued:
		return l.issued != nil && !l.spent && offer.Issued == l.salt
	}
	return false
}

func (l *longModel) activated(t *rapid.T, before, after Account, offer Offer, owner Owner) {
	spends := offer.By == ByIssued
	if after.Issued.Spent != (before.Issued.Spent || spends) {
		t.Fatal("an issued code is spent without an activation by it, or the other way round")
	}
	l.active, l.was, l.spent = true, true, after.Issued.Spent
	l.accepted(owner)
	l.happen(map[bool]Change{true: ActivatedByIssued, false: Activated}[spends])
}

// happen keeps what the owner has not been told, as long as there is room: of
// issued codes the last.
func (l *longModel) happen(change Change) {
	if change.isIssue() {
		l.happened = slices.DeleteFunc(l.happened, Change.isIssue)
	}
	l.happened = append(l.happened, change)
	l.happened = l.happened[max(0, len(l.happened)-maxHappened):]
}

func (l *longModel) accepted(owner Owner) {
	if !slices.Contains(l.owners, owner) {
		l.owners = append(l.owners, owner)
	}
}

func (l *longModel) wasReset() {
	l.lapsed = append(l.lapsed, slices.Sorted(maps.Keys(l.recovery))...)
	if l.issued != nil {
		l.lapsed = append(l.lapsed, l.issued.Reveal())
	}
	l.was = true // the password alone no longer leads to a phone
	l.active, l.recovery, l.issued, l.owners, l.spent, l.salt = false, nil, nil, nil, false, Salt{}
	l.happen(WasReset)
}

// checkTry holds for every attempt, by whatever code.
func (l *longModel) checkTry(t *rapid.T, before, after Account, try Try, limits Limits, outcome Outcome) {
	byPhone := outcome.Reason == Accepted || outcome.Reason == AcceptedPair
	switch {
	case outcome.Accepted && l.foreign(try.Owner):
		t.Fatal("let in a name that is another's here")
	case byPhone && try.ClockBehind:
		t.Fatal("a code was accepted under a clock that cannot be right")
	case byPhone && limits.LockAfter > 0 && before.Failures.Run >= limits.LockAfter:
		t.Fatal("a code of the phone let in to a locked account")
	}
	if try.ClockBehind && !outcome.Accepted {
		mustEqual(t, before, after, "something was noted, counted or forgotten while the clock was wrong")
	}
	if outcome.Accepted {
		l.accepted(try.Owner)
	}
}

// Issue is the helpdesk's.
func (m *machine) Issue(t *rapid.T) {
	code := m.draw(t, totp.Issued)
	l := &m.long
	if l.issued != nil {
		l.lapsed = append(l.lapsed, l.issued.Reveal())
	}
	copy(l.salt[:], rapid.SliceOfN(rapid.Byte(), 15, 15).Draw(t, "salt"))
	l.salt[15] = byte(l.drawn) | 1
	l.issued, l.at, l.spent = &code, m.now, false
	l.once = rapid.Bool().Draw(t, "once")
	m.a = Issue(m.a, code, l.salt, 24*time.Hour, l.once, root, m.now)
	l.happen(map[bool]Change{true: OnceIssued, false: CodeIssued}[l.once])
}

// TypeLong types a code that is good, spent, void or nobody's.
func (m *machine) TypeLong(t *rapid.T) {
	l := &m.long
	typed := []string{m.draw(t, totp.Recovery).Reveal(), m.draw(t, totp.Issued).Reveal()}
	typed = append(typed, slices.Sorted(maps.Keys(l.recovery))...)
	if l.issued != nil {
		typed = append(typed, l.issued.Reveal(), l.issued.Reveal(), l.issued.Reveal())
	}
	typed = append(typed, l.lapsed[max(0, len(l.lapsed)-2):]...)
	text := rapid.SampledFrom(typed).Draw(t, "long code")
	try := Try{
		Typed: totp.NewTyped(text), Source: rapid.SampledFrom(sources).Draw(t, "source"), Now: m.now, Owner: m.owner(t),
		ClockBehind: rapid.Bool().Draw(t, "clock behind"), Login: rapid.SampledFrom([]bool{true, true, false}).Draw(t, "login"),
	}
	before := m.a
	spent, isRecovery := l.recovery[text]
	isIssued := l.issued != nil && l.issued.Reveal() == text
	wanted := false
	switch {
	case before.Disabled, l.foreign(try.Owner):
	case isRecovery:
		wanted = !spent
	case isIssued:
		wanted = l.once && try.Login && !l.spent && within(m.now, l.at, 24*time.Hour)
	}
	after, outcome := Attempt(before, try, Limits{LockAfter: 1})
	l.checkTry(t, before, after, try, Limits{LockAfter: 1}, outcome)
	m.a = after
	m.judged(try, outcome)
	switch {
	case outcome.Accepted != wanted:
		t.Fatalf("a long code: accepted %v (%v), want %v", outcome.Accepted, outcome.Reason, wanted)
	case after.Failures != before.Failures && !outcome.Accepted:
		t.Fatalf("a long code was counted (%v)", outcome.Reason)
	case outcome.Reason == Entitled && (!isIssued || l.once || l.spent || try.ClockBehind):
		t.Fatal("entitled by no issued code")
	case !outcome.Accepted:
		return
	}
	m.run, m.noted = 0, nil
	if isRecovery {
		l.recovery[text] = true
		l.happen(RecoveryUsed)
		return
	}
	l.spent = true
	l.happen(OnceUsed)
}

// OfferRecovery shows new recovery codes.
func (m *machine) OfferRecovery(t *rapid.T) {
	offer := RecoveryOffer{Generation: m.a.Generation, Replaces: m.a.Recovery.Salt, Asked: rapid.IntRange(1, RecoveryCodes).Draw(t, "asked")}
	copy(offer.Salt[:], rapid.SliceOfN(rapid.Byte(), 15, 15).Draw(t, "salt"))
	for range RecoveryCodes {
		offer.Codes = append(offer.Codes, m.draw(t, totp.Recovery))
	}
	offer.Salt[15] = byte(m.long.drawn) | 1
	m.long.offer = &offer
}

// ConfirmRecovery types one of them.
func (m *machine) ConfirmRecovery(t *rapid.T) {
	l := &m.long
	if l.offer == nil {
		return
	}
	n := rapid.SampledFrom([]int{l.offer.Asked, l.offer.Asked, 1, 8}).Draw(t, "typed")
	before := m.a
	after, outcome := ConfirmRecovery(before, *l.offer, Try{Typed: totp.NewTyped(l.offer.Codes[n-1].Grouped()), Source: sources[0], Now: m.now})
	wanted := !before.Disabled && before.Active() && before.Generation == l.offer.Generation &&
		before.Recovery.Salt == l.offer.Replaces && n == l.offer.Asked
	switch {
	case outcome.Accepted != wanted:
		t.Fatalf("recovery codes: confirmed %v (%v), want %v", outcome.Accepted, outcome.Reason, wanted)
	case !wanted:
		mustEqual(t, before, after, "a refused confirmation changed the account")
		return
	}
	m.a = after
	l.lapsed = append(l.lapsed, slices.Sorted(maps.Keys(l.recovery))...)
	l.recovery = map[string]bool{}
	for _, code := range l.offer.Codes {
		l.recovery[code.Reveal()] = false
	}
	l.happen(RecoveryMade)
}

// Tell tells the owner what happened: each thing once, and nothing is lost by it.
func (m *machine) Tell(t *rapid.T) {
	before := m.a
	after, news := Tell(before, sources[0])
	m.a = after
	untold := m.long.happened
	var told []Change
	for _, h := range news.Happened {
		told = append(told, h.Change)
	}
	if !slices.Equal(told, untold) {
		t.Fatalf("told of %v, want %v", told, untold)
	}
	m.long.happened = nil
	if _, again := Tell(after, sources[0]); !again.IsZero() {
		t.Fatal("told twice")
	}
	for i, row := range after.Refusals {
		if row.Count != before.Refusals[i].Count {
			t.Fatal("telling forgot a refusal")
		}
	}
}

// check holds after every step.
func (l *longModel) check(t *rapid.T, a Account) {
	left := 0
	for _, spent := range l.recovery {
		if !spent {
			left++
		}
	}
	if a.Recovery.Left() != left {
		t.Fatalf("%d recovery codes left, want %d", a.Recovery.Left(), left)
	}
	if len(a.Happened) > maxHappened || len(a.Owners) > maxOwners {
		t.Fatal("a list has grown beyond its bound")
	}
}

func TestOwnersAreBounded(t *testing.T) {
	var owners []Owner
	for i := range byte(40) {
		owners = bind(owners, Owner{Host: HostID{1, i}, UID: 1000})
	}
	if len(owners) != maxOwners || owners[0].Host != (HostID{1, 24}) {
		t.Errorf("%d owners, the oldest %v", len(owners), owners[0].Host)
	}
	if got := bind(owners, Owner{UID: 7}); len(got) != maxOwners {
		t.Error("bound on no host")
	}
}
