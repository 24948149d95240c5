package host

import (
	"path"
	"slices"
)

// flow is a service's stack as libpam walks it (_pam_dispatch_aux): the lines
// that run a module, and at the head of each substack the line that includes it.
type flow []step

type step struct {
	Line    // of no module: the head of a substack, whose lines are one level below
	control control
	level   int // of substacks that it is in
}

// lines are those that run a module.
func (f flow) lines() []Line {
	var lines []Line
	for _, s := range f {
		if s.Module != "" {
			lines = append(lines, s.Line)
		}
	}
	return lines
}

// moment is where libpam is in a flow.
type moment struct {
	step int
	// failed says that the stack is to fail whatever comes: what is done does
	// not end it any more.
	failed bool
}

// after are the moments that may follow, where the step returns that.
func (f flow) after(now moment, returned string) []moment {
	if f[now.step].Module == "" {
		return []moment{{now.step + 1, now.failed}}
	}
	switch act := f[now.step].control.of(returned); act {
	case actBad:
		return []moment{{now.step + 1, true}}
	case actDie:
		return []moment{{f.outOf(now.step), true}}
	case actDone:
		if !now.failed {
			return []moment{{f.outOf(now.step), false}}
		}
	case actReset: // to how its substack began, which is not kept here
		return []moment{{now.step + 1, false}, {now.step + 1, now.failed}}
	case actOK, actIgnore:
	default:
		return []moment{f.jump(now, int(act))}
	}
	return []moment{{now.step + 1, now.failed}}
}

// outOf is the step behind the stack that this one is in.
func (f flow) outOf(at int) int {
	next := at + 1
	for next < len(f) && f[next].level >= f[at].level {
		next++
	}
	return next
}

// jump skips so many lines, a substack being one. There must be as many.
func (f flow) jump(now moment, lines int) moment {
	next := now.step + 1
	for ; lines > 0 && next < len(f) && f[next].level >= f[now.step].level; lines-- {
		next++
		for next < len(f) && f[next].level > f[now.step].level {
			next++
		}
	}
	return moment{next, now.failed || lines > 0}
}

// asks says whether the step is a line of ours that acts for the service and asks
// the daemon.
func (s Service) asks(o step) bool {
	g := readArguments(o.Arguments)
	return o.is(ourModule) && !g.split && g.actsFor(s.Name, Auth)
}

// mayReturn is what a step may return: of a module that is not known, anything.
func (s Service) mayReturn(o step) []string {
	switch {
	case o.Module == "":
		return []string{""} // the head of a substack returns nothing
	case o.is("pam_permit.so"):
		return []string{returnsSuccess}
	case o.is("pam_deny.so"):
		return []string{"auth_err"}
	case o.is(ourModule) && !s.asks(o) && !readArguments(o.Arguments).split:
		return []string{returnsIgnore}
	default:
		return returns
	}
}

// is says whether the step runs one of these modules.
func (s step) is(modules ...string) bool { return slices.Contains(modules, path.Base(s.Module)) }
