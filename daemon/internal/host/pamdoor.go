package host

import "slices"

// Door is a way into services past a line of our module that acts for them.
type Door struct {
	Place
	Services []string // sorted
	// By is the line that lets in without coming to ours; or ours itself, where
	// the stack does not heed its refusal.
	By Line
}

// doors finds them in all services.
func (p PAM) doors() []Door {
	var all []Door
	for _, s := range p.Services {
		d, open := s.door()
		if !open {
			continue
		}
		i := slices.IndexFunc(all, func(o Door) bool { return o.Place == d.Place && o.By.Place == d.By.Place })
		if i < 0 {
			all = append(all, d)
		} else {
			all[i].Services = append(all[i].Services, s.Name)
		}
	}
	return all
}

// way is a moment, and whether the stack succeeds if nothing fails from there on.
// A reset is taken to leave that as it is, so that no door is missed.
type way struct {
	moment
	succeeds bool
}

// door walks the auth stack along all that its modules may return, but that ours
// refuses, and looks for an end at which it succeeds. Root's own way, as in su by
// root, is none.
func (s Service) door() (Door, bool) {
	if !slices.ContainsFunc(s.auth, func(o step) bool { return s.asks(o) }) {
		return Door{}, false
	}
	cameFrom := map[way]way{{}: {}}
	for ahead := []way{{}}; len(ahead) > 0; ahead = ahead[1:] {
		now := ahead[0]
		if now.step >= len(s.auth) {
			if now.succeeds && !now.failed {
				return s.past(now, cameFrom)
			}
			continue
		}
		for _, returned := range s.butOurs(s.auth[now.step]) {
			succeeds := now.succeeds || !now.failed && s.auth[now.step].succeedsBy(returned)
			for _, next := range s.auth.after(now.moment, returned) {
				then := way{next, succeeds}
				if _, known := cameFrom[then]; !known {
					cameFrom[then] = now
					ahead = append(ahead, then)
				}
			}
		}
	}
	return Door{}, false
}

// butOurs is what a step may return where our module refuses.
func (s Service) butOurs(o step) []string {
	switch {
	case s.asks(o):
		return []string{"auth_err", "authinfo_unavail", "conv_err", "service_err"}
	case o.is(rootOK):
		return []string{"auth_err"}
	default:
		return s.mayReturn(o)
	}
}

// succeedsBy says whether what the step returns makes the stack a success so far.
func (s step) succeedsBy(returned string) bool {
	act := s.control.of(returned)
	return s.Module != "" && returned == returnsSuccess && (act == actOK || act == actDone)
}

// past looks on the way to an end for what went past our line.
func (s Service) past(end way, cameFrom map[way]way) (Door, bool) {
	d := Door{Services: []string{s.Name}}
	for at := end; at.step > 0; at = cameFrom[at] {
		before := cameFrom[at].step
		for ours := before; ours < min(at.step, len(s.auth)); ours++ {
			if s.asks(s.auth[ours]) {
				d.Place, d.By = s.auth[ours].Place, s.auth[before].Line
			}
		}
	}
	return d, true
}
