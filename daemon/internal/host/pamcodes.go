package host

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// Codes is where a machine's stacks ask for Security Codes, and where not.
type Codes struct {
	Lines   []CodeLine // of our module, by place
	LeftOut []string   // services, sorted: a line of ours is in their auth stack, and they are asked for no code
	Void    []Void
	Early   []Early // by place
	Doors   []Door
}

// CodeLine is a line of our module. It may be in the stacks of many services.
type CodeLine struct {
	Place
	Kind    Kind     // Auth: asks for a code; Account: refuses who gave none
	Split   bool     // asks for password and code in one, for a later line to judge
	Refused string   // the argument for which the module refuses every login of all services below
	ActsFor []string // services, sorted: it asks them, or with Refused refuses them
	LeftOut []string // services, sorted, whose stack has the line, which lets them pass

	given given
}

// Void is a name in an argument that comes to nothing.
type Void struct {
	Argument string // services or account
	Name     string
	Why      Why
	Near     string // the service that may be meant by NoService; may be empty
	At       []Place
}

// Why is the reason for which a name comes to nothing.
type Why int

// The reasons. The zero value is the worst: a typing error.
const (
	NoService Why = iota // this host has no service of that name
	NoLine               // the service's stack has no line of that kind that acts for it
	Uncovered            // services= of the same line leaves out what account= names
)

// Codes says what the lines of our module do.
func (p PAM) Codes() Codes {
	lines := p.codeLines()
	return Codes{Lines: lines, LeftOut: p.leftOut(), Void: p.void(lines), Early: p.early(), Doors: p.doors()}
}

// codeLines finds the lines of our module, each once.
func (p PAM) codeLines() []CodeLine {
	found := make(map[Place]*CodeLine)
	for _, s := range p.Services {
		for _, kind := range []Kind{Auth, Account} {
			for _, l := range ours(s.lines(kind)) {
				if found[l.Place] == nil {
					g := readArguments(l.Arguments)
					found[l.Place] = &CodeLine{Place: l.Place, Kind: kind, Split: g.split, Refused: g.bad, given: g}
				}
				found[l.Place].reach(s.Name)
			}
		}
	}
	var lines []CodeLine
	for _, l := range found {
		lines = append(lines, *l)
	}
	slices.SortFunc(lines, func(a, b CodeLine) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line))
	})
	return lines
}

// ours are the lines of our module.
func ours(stack []Line) []Line {
	return slices.DeleteFunc(slices.Clone(stack), func(l Line) bool { return path.Base(l.Module) != ourModule })
}

// reach notes that the line is in the service's stack, be it twice.
func (l *CodeLine) reach(service string) {
	into := &l.LeftOut
	if l.given.actsFor(service, l.Kind) {
		into = &l.ActsFor
	}
	if !slices.Contains(*into, service) {
		*into = append(*into, service)
	}
}

// asks says whether a line of ours asks the service for a code, or in the
// account phase for one given before.
func (p PAM) asks(service string, kind Kind) bool {
	return slices.ContainsFunc(ours(p.stack(service, kind)), func(l Line) bool {
		g := readArguments(l.Arguments)
		return !g.split && g.actsFor(service, kind)
	})
}

// leftOut are the services that pass all lines of ours unasked.
func (p PAM) leftOut() []string {
	var names []string
	for _, s := range p.Services {
		if len(ours(s.Auth)) > 0 && !p.asks(s.Name, Auth) {
			names = append(names, s.Name)
		}
	}
	return names
}

// void are the names in services= and account= that come to nothing.
func (p PAM) void(lines []CodeLine) []Void {
	var all []Void
	for _, l := range lines {
		for _, name := range l.given.services {
			if v := (Void{Argument: "services", Name: name, Why: NoLine}); p.comesToNothing(&v, Auth) {
				all = add(all, v, l.Place)
			}
		}
		for _, name := range l.given.account {
			v := Void{Argument: "account", Name: name, Why: NoLine}
			if !l.given.covers(name) {
				v.Why = Uncovered
			}
			if p.comesToNothing(&v, Account) {
				all = add(all, v, l.Place)
			}
		}
	}
	return all
}

// comesToNothing says whether the name does, and sees whether there is such a
// service at all.
func (p PAM) comesToNothing(v *Void, kind Kind) bool {
	if !p.has(v.Name) {
		v.Why, v.Near = NoService, Near(v.Name, p.names())
		return true
	}
	return !p.asks(v.Name, kind)
}

// add adds a name that comes to nothing, or one more place of it.
func add(all []Void, v Void, at Place) []Void {
	i := slices.IndexFunc(all, func(o Void) bool { return o.Argument == v.Argument && o.Name == v.Name && o.Why == v.Why })
	if i < 0 {
		i, all = len(all), append(all, v)
	}
	if !slices.Contains(all[i].At, at) {
		all[i].At = append(all[i].At, at)
	}
	return all
}

// Lacks says whether there is no such service, and which one may be meant; near is
// empty where none is.
func (p PAM) Lacks(service string) (near string, lacks bool) {
	if p.has(service) {
		return "", false
	}
	return Near(service, p.names()), true
}

func (p PAM) names() []string {
	var names []string
	for _, s := range p.Services {
		names = append(names, s.Name)
	}
	return names
}

func (p PAM) has(service string) bool {
	return slices.ContainsFunc(p.Services, func(s Service) bool { return s.Name == service })
}

// Near is the name that a mistyped one is nearest to; empty where each is more
// than one letter in five away, and one more.
func Near(mistyped string, names []string) string {
	best, least := "", 2+len(mistyped)/5
	for _, name := range names {
		if d := distance(mistyped, name); d < least && d < len(mistyped) {
			best, least = name, d
		}
	}
	return best
}

// distance is how many letters must be put in, taken out, changed or swapped
// with their neighbour to make b of a (optimal string alignment).
func distance(a, b string) int {
	before, last, row := []int(nil), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, make([]int, len(b)+1)
	}
	return last[len(b)]
}
