package host

import (
	"slices"
	"strconv"
	"strings"
)

// What a module may return, as controls name it (pam.conf(5)).
const (
	returnsSuccess = "success"
	returnsReqd    = "new_authtok_reqd" // right, and to be changed
	returnsIgnore  = "ignore"
)

var returns = []string{
	returnsSuccess, "open_err", "symbol_err", "service_err", "system_err", "buf_err", "perm_denied", "auth_err",
	"cred_insufficient", "authinfo_unavail", "user_unknown", "maxtries", returnsReqd, "acct_expired", "session_err",
	"cred_unavail", "cred_expired", "cred_err", "no_module_data", "conv_err", "authtok_err", "authtok_recover_err",
	"authtok_lock_busy", "authtok_disable_aging", "try_again", returnsIgnore, "abort", "authtok_expired",
	"module_unknown", "bad_item", "conv_again", "incomplete",
}

const byDefault = "default"

// action is what libpam does about what a module returned: it jumps over so
// many lines, or does one of these.
type action int

const (
	actBad    action = iota // the stack fails, and goes on: the zero value
	actDie    action = -iota
	actOK            // goes on
	actDone          // ends the stack, where it has not failed
	actIgnore        // goes on
	actReset         // goes on as if nothing of this stack had been
)

var actions = map[string]action{"bad": actBad, "die": actDie, "ok": actOK, "done": actDone, "ignore": actIgnore, "reset": actReset}

// control is what a line says of each return.
type control map[string]action

// of is what the control says of a return. What it does not name is bad.
func (c control) of(returned string) action {
	if act, named := c[returned]; named {
		return act
	}
	return c[byDefault]
}

// parseControl reads the second word of a line. What libpam cannot read it takes
// for bad in all cases.
func parseControl(word string) control {
	switch lower(word) {
	case "required":
		return control{returnsSuccess: actOK, returnsReqd: actOK, returnsIgnore: actIgnore}
	case "requisite":
		return control{returnsSuccess: actOK, returnsReqd: actOK, returnsIgnore: actIgnore, byDefault: actDie}
	case "optional":
		return control{returnsSuccess: actOK, returnsReqd: actOK, byDefault: actIgnore}
	case "sufficient":
		return control{returnsSuccess: actDone, returnsReqd: actDone, byDefault: actIgnore}
	}
	c := control{}
	spaced := strings.Join(strings.Fields(word), " ")
	for pair := range strings.FieldsSeq(strings.NewReplacer(" = ", "=", " =", "=", "= ", "=").Replace(spaced)) {
		name, said, _ := strings.Cut(pair, "=")
		act, known := actions[said]
		if jump, err := strconv.ParseUint(said, 10, 16); err == nil && jump > 0 {
			act, known = action(jump), true
		}
		if !known || name != byDefault && !slices.Contains(returns, name) {
			return nil
		}
		if name == byDefault { // of what was not named before, so the first one counts
			if _, twice := c[name]; twice {
				continue
			}
		}
		c[name] = act
	}
	return c
}
