package control

import (
	"errors"
	"strings"
	"testing"
	"time"

	"spse-totp/daemon/internal/audit"
)

// While the host's clock cannot be right no code is judged, counted or noted,
// and the answer says how to mend it. Recovery codes go on.
func TestAClockThatIsBehindRefusesCodes(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		p := d.activate(budi, "budi")
		codes := d.makeCodes(budi, "budi", p)
		offer := good[Offer](d, budi, postOffer, "budi", OfferRequest{Code: codes[0]})
		time.Sleep(time.Minute)
		d.accounts.mark = time.Now().Add(time.Hour)
		before := d.account("budi").Version
		for _, c := range []struct {
			pattern string
			body    any
		}{
			{postOffer, OfferRequest{Code: p.code(0)}},
			{postOffer, OfferRequest{Code: p.wrong()}},
			{postRecoveryOffer, OfferRequest{Code: p.code(0)}},
			{postActivation, ActivationRequest{offer.Handle, []string{scan(t, offer).code(0)}}},
		} {
			r := d.call(budi, c.pattern, "budi", c.body)
			if r.Code != ProblemUnavailable || !strings.Contains(r.Hint, "spse-totp clock accept") {
				t.Errorf("%s: got %s", c.pattern, r.body)
			}
		}
		if d.account("budi").Version != before {
			t.Error("the record changed")
		}
		if a := good[Account](d, clerk, getAccount, "budi", nil); !strings.Contains(a.Advice[0], "clock accept") {
			t.Errorf("advice %q", a.Advice)
		}
		good[Offer](d, budi, postOffer, "budi", OfferRequest{Code: codes[1]})

		d.accounts.mark = time.Now().Add(2 * time.Minute) // which is not too much
		good[Account](d, budi, postActivation, "budi", ActivationRequest{offer.Handle, []string{scan(t, offer).code(0)}})
	})
}

// Who reads a code out that leads to a new phone is told that none can be activated
// now, which does not concern a code for one login.
func TestTheClerkIsToldThatTheClockIsBehind(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		d.activate(budi, "budi")
		told := func(issued Issued) bool { return strings.Contains(issued.Says[0], "spse-totp clock accept") }
		why := Justification{Reason: "HP hilang"}
		if issued := good[Issued](d, clerk, postReset, "budi", why); told(issued) {
			t.Errorf("told of a clock that is right: %q", issued.Says)
		}
		d.accounts.mark = time.Now().Add(time.Hour)
		if issued := good[Issued](d, clerk, postReset, "budi", why); !told(issued) {
			t.Errorf("after a reset: %q", issued.Says)
		}
		if issued := good[Issued](d, clerk, postIssue, "budi", IssueRequest{Justification: why, ValidSeconds: 60}); !told(issued) {
			t.Errorf("after an issue: %q", issued.Says)
		}
		if issued := good[Issued](d, root, postIssue, "budi", IssueRequest{Justification: why, ValidSeconds: 60, Once: true}); told(issued) {
			t.Errorf("for one login: %q", issued.Says)
		}
	})
}

// Root says that the clock is right, and the journal tells who did.
func TestAcceptingTheClock(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		p := d.activate(budi, "budi")
		if c := good[Clock](d, root, getClock, "", nil); c.Mark != nil || c.Behind || c.Advice == nil {
			t.Errorf("without a mark: %+v", c)
		}
		ahead := time.Now().Add(365 * 24 * time.Hour)
		d.accounts.mark = ahead
		c := good[Clock](d, root, getClock, "", nil)
		if !c.Behind || !c.Mark.Equal(ahead) || !c.Now.Equal(time.Now()) || !strings.Contains(c.Advice[0], "clock accept") {
			t.Errorf("a year ahead: %+v", c)
		}
		events := len(d.diary.events)
		for _, body := range []any{`{"reason":"a\nb"}`, `{"now":"2030-01-01"}`, ""} {
			d.refuse(root, postClock, "", body, ProblemBadRequest)
		}
		if !d.accounts.mark.Equal(ahead) || len(d.diary.events) != events {
			t.Error("it moved, or was told of")
		}
		c = good[Clock](d, root, postClock, "", Justification{By: "admin", Reason: "baterai diganti"})
		if c.Behind || !c.Mark.Equal(time.Now()) || len(c.Advice) > 0 {
			t.Errorf("accepted: %+v", c)
		}
		told := d.diary.events[len(d.diary.events)-1]
		if told.Kind != audit.Clock || told.Caller != root.String() || told.By != "admin" || told.Why != "baterai diganti" ||
			!strings.Contains(told.Message, ahead.UTC().Format("2006-01-02")) {
			t.Errorf("event %+v", told)
		}
		time.Sleep(time.Minute)
		good[Offer](d, budi, postOffer, "budi", OfferRequest{Code: p.code(0)})

		d.accounts.err = errors.New("disk on fire")
		events = len(d.diary.events)
		d.refuse(root, postClock, "", "{}", ProblemUnavailable)
		if len(d.diary.events) != events {
			t.Error("what did not happen was told of")
		}
	})
}
