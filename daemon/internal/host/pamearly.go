package host

import (
	"cmp"
	"slices"
	"strings"
)

// Early is a line of our module that asks before anybody has proved who he is.
// Whoever never was activated is led through activation there, so a stranger
// could put his own phone on such an account.
type Early struct {
	Place
	Services []string // sorted
	Why      Because
	By       Line // zero where Why is NothingProves
}

// Because is how a line comes to be early.
type Because int

// The ways there are.
const (
	NothingProves Because = iota // no line on the way to it checks a password
	GoesOn                       // By checks one, and the stack goes on where it is wrong
	EndsSubstack                 // By checks one, and a wrong one ends no more than its substack
	JumpsOver                    // By goes past the line that does
)

// provers are the modules whose success says that somebody is who he says: by
// his password, by what stands in its place, or because the caller is root. Those
// that also let in who has set nothing up, such as pam_u2f with nouserok, are
// none.
var provers = []string{
	"pam_unix.so", "pam_sss.so", "pam_ldap.so", "pam_winbind.so", "pam_krb5.so", "pam_radius_auth.so",
	"pam_systemd_home.so", "pam_pwdfile.so", "pam_userdb.so",
	"pam_fprintd.so", "pam_pkcs11.so", "pam_ssh_agent_auth.so", rootOK,
}

// rootOK asks for nothing: it looks at who runs the program.
const rootOK = "pam_rootok.so"

// early finds such lines in all services.
func (p PAM) early() []Early {
	var all []Early
	for _, s := range p.Services {
		for _, e := range s.early() {
			i := slices.IndexFunc(all, func(o Early) bool { return o.Place == e.Place && o.Why == e.Why && o.By.Place == e.By.Place })
			if i < 0 {
				all = append(all, e)
			} else if !slices.Contains(all[i].Services, s.Name) { // its stack may have the line twice
				all[i].Services = append(all[i].Services, s.Name)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Early) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line))
	})
	return all
}

// early walks the auth stack along all that its modules may return, while nobody
// has proved who he is; from there on the stack is of no interest here.
func (s Service) early() []Early {
	var found []Early
	cameFrom := map[moment]moment{{}: {}}
	for ahead := []moment{{}}; len(ahead) > 0; ahead = ahead[1:] {
		now := ahead[0]
		if now.step >= len(s.auth) {
			continue
		}
		if s.asks(s.auth[now.step]) {
			found = append(found, s.explain(now, cameFrom))
			continue
		}
		for _, returned := range s.unproved(now.step) {
			for _, next := range s.auth.after(now, returned) {
				if _, known := cameFrom[next]; !known {
					cameFrom[next] = now
					ahead = append(ahead, next)
				}
			}
		}
	}
	return found
}

// unproved is what a step may return that leaves it open who somebody is.
func (s Service) unproved(at int) []string {
	if !s.auth[at].is(provers...) {
		return s.mayReturn(s.auth[at])
	}
	return slices.DeleteFunc(slices.Clone(returns), func(returned string) bool {
		// They ignore nobody, unless they are told to.
		return returned == returnsSuccess || returned == returnsReqd || returned == returnsIgnore && !s.auth[at].mayIgnore()
	})
}

// mayIgnore says whether an argument, such as ignore_unknown_user, makes the
// module keep out of it.
func (s step) mayIgnore() bool {
	return slices.ContainsFunc(s.Arguments, func(argument string) bool { return strings.HasPrefix(argument, "ignore") })
}

// explain looks on the way to a line of ours for the last that lets go on.
func (s Service) explain(at moment, cameFrom map[moment]moment) Early {
	ours := at.step
	e := Early{Place: s.auth[ours].Place, Services: []string{s.Name}}
	for at.step > 0 {
		before := cameFrom[at]
		last := s.auth[before.step]
		switch {
		case checksPassword(last):
			e.Why, e.By = GoesOn, last.Line
			if last.level > s.auth[ours].level {
				e.Why = EndsSubstack
			}
			return e
		case e.Why == NothingProves && slices.ContainsFunc(s.auth[before.step+1:at.step], checksPassword):
			e.Why, e.By = JumpsOver, last.Line
		}
		at = before
	}
	return e
}

func checksPassword(s step) bool { return s.is(provers...) && !s.is(rootOK) }
