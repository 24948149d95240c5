package config

import (
	"errors"
	"fmt"
)

// What lock_after can be beside 0. Below ten, people's own typing errors would
// lock them out; above a hundred it would not be what NIST SP 800-63B-4 §3.2.2
// asks for.
const (
	leastLock = 10
	mostLock  = 100
)

// readDesk reads who helps whom, and when an account is locked.
func readDesk(said keys, at places, on Host, into *Config) *Error {
	if said.Helpdesk != nil && *said.Helpdesk != "" {
		into.HelpdeskName = *said.Helpdesk
		gid, found, err := on.Groups(*said.Helpdesk)
		switch {
		case errors.Is(err, ErrGroupGone): // there is no helpdesk, as long as the group is gone
		case err != nil:
			return &Error{Line: at.top["helpdesk"], Text: "helpdesk: " + err.Error(), cause: err}
		case !found:
			return &Error{Line: at.top["helpdesk"], Text: fmt.Sprintf("helpdesk: /etc/group has no group %q", *said.Helpdesk), Hint: "groupadd makes one, adduser USER GROUP puts people into it"}
		default:
			into.Helpdesk = &gid
		}
	}
	if said.Administrators != nil {
		into.Administrators = said.Administrators
	}
	if said.LockAfter != nil {
		if n := *said.LockAfter; n != 0 && (n < leastLock || n > mostLock) {
			return &Error{Line: at.top["lock_after"], Text: fmt.Sprintf("lock_after is %s", wanted("lock_after"))}
		}
		into.LockAfter = uint32(*said.LockAfter)
	}
	return nil
}
