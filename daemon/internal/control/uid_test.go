package control

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"spse-totp/daemon/internal/account"
)

// recycled is a desk at which budi's name is another uid's by now.
func recycled(d *desk) phone {
	p := d.activate(budi, "budi")
	d.edit("budi", func(a *account.Account) { a.Owners = []account.Owner{{Host: d.service.ThisHost, UID: 1999}} })
	return p
}

// Who has a name that was another's learns nothing of that account, and what to do.
func TestWhoHasANameByNowReadsNothingOfWhoHadIt(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		p := recycled(d)
		time.Sleep(time.Minute)
		before := d.account("budi").Version
		for pattern, body := range map[string]any{
			getAccount: nil, postOffer: OfferRequest{Code: p.code(0)}, postRecoveryOffer: OfferRequest{Code: p.code(0)},
		} {
			r := d.call(budi, pattern, "budi", body)
			if r.status != http.StatusForbidden || r.Code != ProblemNotAllowed || !strings.Contains(r.Problem.Error, "another uid") ||
				!strings.Contains(r.Hint, "the helpdesk: spse-totp reset budi") || strings.Contains(r.body, "1999") {
				t.Errorf("%s: got %s", pattern, r.body)
			}
		}
		if d.account("budi").Version != before {
			t.Error("the record changed")
		}
		for _, caller := range []*Caller{root, clerk} { // who are told before anybody is refused
			a := good[Account](d, caller, getAccount, "budi", nil)
			if a.UID == nil || *a.UID != 1999 || !strings.Contains(strings.Join(a.Advice, "\n"), "another uid's on this host") {
				t.Errorf("uid %v, advice %q", a.UID, a.Advice)
			}
		}
		d.edit("budi", func(a *account.Account) { a.Owners[0].Host = account.HostID{2} })
		if a := good[Account](d, budi, getAccount, "budi", nil); !a.Active || len(a.Advice) > 0 {
			t.Errorf("bound on another host alone: %+v", a)
		}
	})
}

// A code that every login would refuse is not given; a reset gives one that is
// good.
func TestNoCodeIsIssuedForAnotherUID(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		recycled(d)
		before, events := d.account("budi").Version, len(d.diary.events)
		once := issue(time.Hour)
		once.Once = true
		for caller, request := range map[*Caller]IssueRequest{clerk: issue(time.Hour), root: once} {
			r := d.call(caller, postIssue, "budi", request)
			if r.Code != ProblemNotAllowed || !strings.Contains(r.Hint, "spse-totp reset budi") {
				t.Errorf("got %s", r.body)
			}
		}
		if d.account("budi").Version != before || len(d.diary.events) != events {
			t.Error("something changed, or was told of")
		}
		good[Account](d, clerk, postDisable, "budi", Justification{}) // stands for whoever it is
		good[Account](d, root, postEnable, "budi", Justification{})
		issued := good[Issued](d, clerk, postReset, "budi", Justification{Reason: "pegawai baru"})
		good[Issued](d, clerk, postIssue, "budi", issue(time.Hour)) // by now it is nobody's
		d.refuse(budi, postOffer, "budi", OfferRequest{Code: issued.Code}, ProblemRefused)
		issued = good[Issued](d, clerk, postIssue, "budi", issue(time.Hour))
		d.activateBy(budi, "budi", issued.Code)
		if a := good[Account](d, budi, getAccount, "budi", nil); !a.Active || len(a.Advice) > 0 {
			t.Errorf("the new person's: %+v", a)
		}
	})
}
