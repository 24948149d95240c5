package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"spse-totp/daemon/internal/policy"
)

const (
	keyRule          = "rule"
	keyRealm         = "realm"
	keyServices      = "services"
	keyAccounts      = "accounts"
	keyGroups        = "groups"
	keyFrom          = "from"
	keyVerdict       = "verdict"
	keyReason        = "reason"
	keyUntil         = "until"
	keyMandatoryFrom = "mandatory_from"
)

// ruleKeys is a rule as it is written; nil where a key is not there.
type ruleKeys struct {
	Realm         *string         `toml:"realm"`
	Services      []string        `toml:"services"`
	Accounts      []string        `toml:"accounts"`
	Groups        []any           `toml:"groups"`
	From          []string        `toml:"from"`
	Verdict       *string         `toml:"verdict"`
	Reason        *string         `toml:"reason"`
	Until         *toml.LocalDate `toml:"until"`
	MandatoryFrom *toml.LocalDate `toml:"mandatory_from"`
}

// readRules checks the rules and resolves what they name.
func readRules(said []ruleKeys, at places, on Host) ([]policy.Rule, *Error) {
	if line := at.top[keyRule]; line != 0 || len(at.rules) != len(said) {
		return nil, &Error{Line: line, Text: "rule wants " + wanted(keyRule)}
	}
	var rules []policy.Rule
	for i, r := range said {
		rule, key, err := r.rule(on)
		if err != nil {
			return nil, &Error{Line: at.rules[i].of(key), Text: key + " " + err.Error()}
		}
		rule.Line = at.rules[i].line
		rules = append(rules, rule)
	}
	if first, second, ok := (policy.Policy{Rules: rules}).Twins(); ok {
		return nil, &Error{Line: second.Line, Text: fmt.Sprintf(
			"this rule is about the same logins as the one of line %d, and would never decide: take one out", first.Line)}
	}
	return rules, nil
}

// rule checks one rule. An error comes with the key that it is about.
func (r ruleKeys) rule(on Host) (rule policy.Rule, key string, err error) {
	for _, step := range []struct {
		key  string
		read func(*policy.Rule) error
	}{
		{keyRealm, r.readRealm},
		{keyServices, r.readServices},
		{keyAccounts, r.readAccounts},
		{keyGroups, func(rule *policy.Rule) error { return r.readGroups(rule, on.Groups) }},
		{keyFrom, r.readFrom},
		{keyVerdict, r.readVerdict},
		{keyReason, r.readReason},
		{keyUntil, func(rule *policy.Rule) error { return r.readUntil(rule, on) }},
		{keyMandatoryFrom, func(rule *policy.Rule) error { return r.readMandatoryFrom(rule, on.Zone) }},
	} {
		if err := step.read(&rule); err != nil {
			return policy.Rule{}, step.key, err
		}
	}
	return rule, "", nil
}

func (r ruleKeys) readRealm(rule *policy.Rule) error {
	if r.Realm == nil {
		return nil
	}
	if *r.Realm != "host" {
		return fmt.Errorf(`%q is unknown: there is "host" alone`, *r.Realm)
	}
	rule.Realm = *r.Realm
	return nil
}

var errEmptyList = errors.New("is empty, and would fit nobody: leave it out, or name one")

// checkNames takes what can be a name at all. That there is such a service or
// user is not asked: they come and go.
func checkNames(names []string) error {
	if names != nil && len(names) == 0 {
		return errEmptyList
	}
	for _, name := range names {
		if name == "" || len(name) > 256 || !printable(name) || strings.ContainsAny(name, " :/") {
			return fmt.Errorf("has %q, which is no name", name)
		}
	}
	return nil
}

func (r ruleKeys) readServices(rule *policy.Rule) error {
	rule.Services = r.Services
	for _, name := range r.Services {
		if name != strings.ToLower(name) {
			return fmt.Errorf("has %q, which fits nobody: PAM knows its services in lower case", name)
		}
	}
	return checkNames(r.Services)
}

func (r ruleKeys) readAccounts(rule *policy.Rule) error {
	rule.Accounts = r.Accounts
	return checkNames(r.Accounts)
}

func (r ruleKeys) readGroups(rule *policy.Rule, groups Groups) error {
	if r.Groups != nil && len(r.Groups) == 0 {
		return errEmptyList
	}
	for _, group := range r.Groups {
		gid, err := readGroup(group, groups)
		if errors.Is(err, ErrGroupGone) {
			rule.LostGroup = true
			continue
		}
		if err != nil {
			return err
		}
		rule.Groups = append(rule.Groups, gid)
	}
	return nil
}

func readGroup(group any, groups Groups) (uint32, error) {
	switch g := group.(type) {
	case int64:
		if g < 0 || g >= math.MaxUint32 {
			return 0, fmt.Errorf("has %d, which is no gid", g)
		}
		return uint32(g), nil
	case string:
		gid, found, err := groups(g)
		if err != nil {
			return 0, fmt.Errorf("cannot be looked up: %w", err)
		}
		if !found {
			return 0, fmt.Errorf("has %q, which /etc/group does not: a group of a directory server is given by its number (getent group)", g)
		}
		return gid, nil
	default:
		return 0, errors.New("wants " + wanted(keyGroups))
	}
}

func (r ruleKeys) readFrom(rule *policy.Rule) error {
	if r.From != nil && len(r.From) == 0 {
		return errEmptyList
	}
	for _, text := range r.From {
		network, err := readNetwork(text)
		if err != nil {
			return err
		}
		rule.From = append(rule.From, network)
	}
	return nil
}

func readNetwork(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" {
		text = netip.PrefixFrom(ip, ip.BitLen()).String()
	}
	network, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("has %q, which is no network: give it as 203.0.113.0/24 or 2001:db8::/32", text)
	case network.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("has %s: give an IPv4 network as such", text)
	case network != network.Masked():
		return netip.Prefix{}, fmt.Errorf("has %s, which is an address in a network: did you mean %s?", text, network.Masked())
	}
	return network, nil
}

func (r ruleKeys) readVerdict(rule *policy.Rule) error {
	if r.Verdict == nil {
		return errors.New(`is missing: "require", "allow", "exempt" or "refuse"`)
	}
	for _, v := range []policy.Verdict{policy.Refuse, policy.Require, policy.Allow, policy.Exempt} {
		if v.String() == *r.Verdict {
			rule.Verdict = v
			return nil
		}
	}
	return errors.New(`is "require", "allow", "exempt" or "refuse"`)
}

const maxReason = 200

func (r ruleKeys) readReason(rule *policy.Rule) error {
	switch {
	case rule.Verdict != policy.Exempt && r.Reason != nil:
		return errors.New("belongs to exempt alone; write others as a comment, after #")
	case rule.Verdict != policy.Exempt:
		return nil
	case r.Reason == nil || strings.TrimSpace(*r.Reason) == "":
		return errors.New("is missing: say why nobody there has to give a code")
	case len(*r.Reason) > maxReason || !printable(*r.Reason):
		return fmt.Errorf("is one line of at most %d plain letters", maxReason)
	}
	rule.Reason = *r.Reason
	return nil
}

func (r ruleKeys) readUntil(rule *policy.Rule, on Host) error {
	switch {
	case rule.Verdict != policy.Exempt && r.Until != nil:
		return errors.New("belongs to exempt alone")
	case rule.Verdict != policy.Exempt:
		return nil
	case r.Until == nil:
		return errors.New("is missing: the last day of the exemption, such as 2027-01-31")
	}
	rule.Ends = time.Date(r.Until.Year, time.Month(r.Until.Month), r.Until.Day+1, 0, 0, 0, 0, on.Zone) // the day counts
	if !on.New.IsZero() && rule.Over(on.New) {
		return fmt.Errorf("is over, %v was the last day: take the rule out, or give it a new date", *r.Until)
	}
	return nil
}

func (r ruleKeys) readMandatoryFrom(rule *policy.Rule, zone *time.Location) error {
	switch {
	case rule.Verdict != policy.Allow && r.MandatoryFrom != nil:
		return errors.New("belongs to allow alone")
	case rule.Verdict != policy.Allow:
		return nil
	case r.MandatoryFrom == nil:
		return errors.New("is missing: the first day on which a code is a must, such as 2027-01-31")
	}
	rule.Ends = r.MandatoryFrom.AsTime(zone)
	return nil
}
