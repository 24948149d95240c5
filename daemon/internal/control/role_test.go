package control

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
)

// mayAs says as what each row may be asked; what is not here may nobody.
var mayAs = map[string][]role{
	getHost:           {asRoot, asOwner, asHelpdesk, asStranger},
	getWhoAmI:         {asRoot, asOwner, asHelpdesk, asStranger},
	getAccounts:       {asRoot},
	getAccount:        {asRoot, asOwner, asHelpdesk},
	postOffer:         {asRoot, asOwner},
	postActivation:    {asRoot, asOwner},
	postRecoveryOffer: {asRoot, asOwner},
	postRecovery:      {asRoot, asOwner},
	postReset:         {asRoot, asHelpdesk},
	postIssue:         {asRoot, asHelpdesk},
	postDisable:       {asRoot, asHelpdesk},
	postEnable:        {asRoot},
	deleteAccount:     {asRoot},
	getClock:          {asRoot},
	postClock:         {asRoot},
}

// kinds of accounts, and as what each caller asks about one: as a stranger, if
// nothing else is said.
var kinds = map[string]struct {
	name  string
	setUp func(*desk)
	as    map[*Caller]role
}{
	"a user's":                  {name: "budi", as: map[*Caller]role{budi: asOwner, clerk: asHelpdesk}},
	"the helpdesk's own":        {name: "clerk", as: map[*Caller]role{clerk: asOwner}},
	"root's":                    {name: "root"},
	"uid 0 by another name":     {name: "toor"},
	"an administrator's":        {name: "admin", as: map[*Caller]role{admin: asOwner}},
	"nobody's":                  {name: "buddi", as: map[*Caller]role{clerk: asHelpdesk}}, // a typing error is called one
	"none":                      {name: ""},
	"where there is no group":   {name: "budi", as: map[*Caller]role{budi: asOwner}, setUp: func(d *desk) { d.noHelpdesk = true }},
	"without /etc/group":        {name: "budi", as: map[*Caller]role{budi: asOwner}, setUp: func(d *desk) { d.nss.groupsErr = errors.New("permission denied") }},
	"without NSS":               {name: "budi", setUp: func(d *desk) { d.nss.err = errors.New("directory server away") }},
	"without NSS, an admin's":   {name: "admin", setUp: func(d *desk) { d.nss.err = errors.New("directory server away") }},
	"without group, an admin's": {name: "admin", as: map[*Caller]role{admin: asOwner}, setUp: func(d *desk) { d.nss.groupsErr = errors.New("permission denied") }},
}

var callers = map[string]*Caller{
	"root": root, "budi": budi, "siti": siti, "admin": admin, "the helpdesk": clerk, "a stranger": stranger, "no credentials": nobodyAt,
}

// Every row, as every caller, of every kind of account. Who may not changes
// nothing, and the journal is told. What a row lets through may still fail.
func TestWhoMayWhat(t *testing.T) {
	for _, r := range table() {
		if len(mayAs[r.pattern]) == 0 {
			t.Errorf("%s: who may?", r.pattern)
		}
	}
	if len(table()) != len(mayAs) {
		t.Errorf("the table has %d rows, this test knows %d", len(table()), len(mayAs))
	}
	for kind, k := range kinds {
		for who, caller := range callers {
			as := k.as[caller]
			if caller == root {
				as = asRoot
			}
			t.Run("of "+kind+" as "+who, func(t *testing.T) {
				inBubble(t, func(t *testing.T, d *desk) {
					for _, name := range []string{"budi", "admin", "clerk"} {
						d.activate(root, name)
					}
					if k.setUp != nil {
						k.setUp(d)
					}
					for _, r := range table() {
						d.expectMay(caller, r.pattern, k.name, caller != nobodyAt && slices.Contains(mayAs[r.pattern], as))
					}
				})
			})
		}
	}
}

// expectMay makes an empty request, and compares whether it was let through.
func (d *desk) expectMay(caller *Caller, pattern, name string, may bool) {
	d.t.Helper()
	time.Sleep(tellEvery) // so that each refusal is told
	before, mark, events := maps.Clone(d.accounts.accounts), d.accounts.mark, len(d.diary.events)
	got := d.call(caller, pattern, name, "{}")
	if mayNot := got.Code == ProblemNotAllowed; mayNot == may {
		d.t.Fatalf("%s: got %d %s", pattern, got.status, got.body)
	}
	if may {
		return
	}
	if got.status != http.StatusForbidden || got.Hint == "" {
		d.t.Errorf("%s: got %d %s", pattern, got.status, got.body)
	}
	if !maps.EqualFunc(d.accounts.accounts, before, sameVersion) || !d.accounts.mark.Equal(mark) {
		d.t.Errorf("%s: something changed", pattern)
	}
	if told := d.diary.events[events:]; len(told) != 1 || told[0].Kind != audit.Refused || !strings.Contains(told[0].Message, pattern) {
		d.t.Errorf("%s: events %+v", pattern, told)
	}
}

func sameVersion(a, b account.Account) bool { return a.Version == b.Version }

// Whoever is told what he may finds it so.
func TestWhoAmI(t *testing.T) {
	own := []string{"status", "activate", "recovery new"}
	for who, want := range map[*Caller]WhoAmI{
		root:     {UID: 0, Root: true, Own: own, Others: []string{"list", "status", "activate", "recovery new", "reset", "issue", "disable", "enable", "remove", "clock", "clock accept"}},
		clerk:    {UID: 1003, Helpdesk: true, Own: own, Others: []string{"status", "reset", "issue", "disable"}},
		budi:     {UID: 1000, Own: own, Others: []string{}},
		stranger: {UID: 65534, Own: own, Others: []string{}},
	} {
		inBubbleNow(t, func(t *testing.T, d *desk) {
			got := good[WhoAmI](d, who, getWhoAmI, "", nil)
			if got.UID != want.UID || got.Root != want.Root || got.Helpdesk != want.Helpdesk ||
				!slices.Equal(got.Own, want.Own) || !slices.Equal(got.Others, want.Others) {
				t.Errorf("%v is told %+v, want %+v", who, got, want)
			}
			if body := d.call(who, getWhoAmI, "", nil).body; strings.Contains(body, "null") {
				t.Errorf("%v is told %s", who, body)
			}
			if who == clerk {
				d.noHelpdesk = true
				if got := good[WhoAmI](d, who, getWhoAmI, "", nil); got.Helpdesk || len(got.Others) > 0 {
					t.Errorf("without a helpdesk %+v", got)
				}
			}
		})
	}
}
