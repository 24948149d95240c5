package main

import (
	"fmt"

	"spse-totp/daemon/internal/control"
	"spse-totp/daemon/internal/policy"
)

// state is what matters of an account to a login.
type state string

const (
	stateUnknown    state = "unknown" // the daemon could not say
	stateActive     state = "active"
	stateNever      state = "never-activated"
	stateNeverYet   state = "never-activated-needs-code" // first_activation = "issued-code"
	stateNeverHas   state = "never-activated-has-code"   // and an issued code is open
	stateReset      state = "reset"
	stateResetHas   state = "reset-has-code"
	stateLocked     state = "locked"
	stateForeign    state = "another-uid" // the name was another's
	stateDisabled   state = "disabled"
	stateUnreadable state = "unreadable" // the record was changed from outside
)

// stateOf says how the account stands. passwordActivates says that the password
// alone leads to the first phone; uid is the name's now.
func stateOf(a control.Account, uid uint32, passwordActivates bool) state {
	has := a.IssuedUntil != nil && !a.IssuedOnce
	switch {
	case a.Fault != "":
		return stateUnreadable
	case a.Disabled != nil && *a.Disabled:
		return stateDisabled
	case a.UID != nil && *a.UID != uid:
		return stateForeign
	case a.Locked && !has:
		return stateLocked
	case a.Active:
		return stateActive
	case a.WasActive && has:
		return stateResetHas
	case a.WasActive:
		return stateReset
	case passwordActivates:
		return stateNever
	case has:
		return stateNeverHas
	default:
		return stateNeverYet
	}
}

func (s state) String() string {
	switch s {
	case stateActive:
		return "active"
	case stateNever:
		return "never activated"
	case stateNeverYet:
		return "never activated, and has no activation code"
	case stateNeverHas:
		return "never activated, and has an activation code"
	case stateReset:
		return "was reset, and has no activation code"
	case stateResetHas:
		return "was reset, and has an activation code"
	case stateLocked:
		return "locked by too many wrong codes"
	case stateForeign:
		return "the name had another uid when its codes were accepted"
	case stateDisabled:
		return "disabled by an administrator"
	case stateUnreadable:
		return "its record cannot be read"
	default:
		return "not known"
	}
}

// ending is how a login ends, password and all else being right.
type ending string

// The endings, in the order in which an administrator wants to read of them.
const (
	endRefused  ending = "refused"  // whatever is typed
	endActivate ending = "activate" // led through activation
	endWithout  ending = "without"  // may go without a code, and is offered activation
	endExempt   ending = "exempt"   // asked for nothing
	endAsked    ending = "asked"    // for a code
	endUnknown  ending = "unknown"  // it depends on the account's state
)

// endOf says how a login ends of which the rules say this, by an account in this
// state. It is what daemon/internal/login does: a test compares them.
func endOf(d policy.Decision, s state) ending {
	switch {
	case d.Verdict == policy.Exempt:
		return endExempt
	case d.Verdict != policy.Require && d.Verdict != policy.Allow:
		return endRefused
	}
	switch s {
	case stateActive:
		return endAsked
	case stateUnknown:
		return endUnknown
	case stateNever, stateNeverHas, stateNeverYet:
		switch {
		case d.Verdict == policy.Allow:
			return endWithout
		case s == stateNeverYet:
			return endRefused
		}
		return endActivate
	case stateResetHas:
		return endActivate
	default:
		return endRefused
	}
}

// why says what of is behind the ending; empty where the ending says all.
func (a *app) why(name string, d policy.Decision, s state) string {
	switch endOf(d, s) {
	case endWithout:
		return "until " + lastDay(d.Rule)
	case endExempt:
		return fmt.Sprintf("until %s: %s", lastDay(d.Rule), d.Rule.Reason)
	case endRefused:
		return a.whyRefused(name, d, s)
	default:
		return ""
	}
}

func (a *app) whyRefused(name string, d policy.Decision, s state) string {
	switch {
	case d.Verdict == policy.Refuse && d.Rule != nil:
		return "refused by the rule " + a.place(d.Rule.Line)
	case s == stateDisabled:
		return "disabled: spse-totp enable " + name
	case s == stateForeign:
		return s.String() + ": spse-totp reset " + name
	case s == stateReset, s == stateNeverYet, s == stateLocked:
		return s.String() + ": spse-totp issue " + name
	default:
		return "the record cannot be read: spse-totp status " + name
	}
}
