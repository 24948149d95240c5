package host

import (
	"slices"
	"strings"
)

// Override is a line of sshd's configuration that counts in place of ours, for
// some at least.
type Override struct {
	Place
	Keyword string // in lower case
	Values  []string
	Some    bool // it is of a Match block that holds for some alone
}

func (o Override) String() string { return o.Keyword + " " + strings.Join(o.Values, " ") }

// Overrides are the lines on this keyword (in lower case) that count before one of
// SSHDropIn would: what is read before it, and Match blocks wherever they stand.
// Where SSHDropIn is not read all count.
func (s SSHD) Overrides(keyword string) []Override {
	var all []Override
	for i, setting := range s.settings {
		ours := setting.Path == "/"+SSHDropIn
		before := s.dropIn < 0 || i < s.dropIn
		if setting.keyword == keyword && !ours && (before || setting.scope != general) {
			all = append(all, setting.override())
		}
	}
	return all
}

func (s sshdSetting) override() Override {
	return Override{s.Place, s.keyword, s.values, s.scope == forSome}
}

// ReadsDropIn says whether sshd reads SSHDropIn, and for everybody.
func (s SSHD) ReadsDropIn() bool { return s.dropIn >= 0 }

// UsesPAM says whether sshd asks PAM at all; of itself it does not, and Debian's
// configuration says that it shall.
func (s SSHD) UsesPAM() bool {
	value, _ := s.first("usepam")
	return strings.EqualFold(value, "yes")
}

const pamServiceName = "pamservicename" // of OpenSSH 9.8 on

// PAMServices are the lines that have sshd ask PAM by another name than its own.
func (s SSHD) PAMServices() []Override {
	var all []Override
	for _, setting := range s.all(pamServiceName) {
		if !slices.Equal(setting.values, []string{sshdService}) {
			all = append(all, setting.override())
		}
	}
	return all
}

// first is the value outside of Match blocks.
func (s SSHD) first(keyword string) (value string, is bool) {
	for _, setting := range s.settings {
		if setting.keyword == keyword && setting.scope == general && len(setting.values) > 0 {
			return setting.values[0], true
		}
	}
	return "", false
}

// asksNobody says whether a login by these AuthenticationMethods can never come to
// a Security Code: no list of them has the method that can ask for one.
func asksNobody(methods []string) bool {
	return !slices.ContainsFunc(methods, func(list string) bool {
		return list == "any" || slices.ContainsFunc(strings.Split(list, ","), func(method string) bool {
			name, _, _ := strings.Cut(method, ":") // a device
			return name == "keyboard-interactive"
		})
	})
}
