package control

import (
	"strings"
	"testing"
	"time"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
)

// issue asks for an issued code that is good for so long.
func issue(valid time.Duration) IssueRequest {
	return IssueRequest{Justification: Justification{Reason: "HP hilang", Letter: "027/10"}, ValidSeconds: int64(valid / time.Second)}
}

// An issued code leads to a new phone, and is spent once that has shown a code.
func TestAnIssuedCodeLeadsToActivation(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		old := d.activate(budi, "budi")
		issued := good[Issued](d, clerk, postReset, "budi", Justification{Reason: "HP hilang"})
		d.refuse(budi, postOffer, "budi", OfferRequest{}, ProblemIssuedWanted)
		d.refuse(root, postOffer, "budi", OfferRequest{}, ProblemIssuedWanted)
		for _, typed := range []string{old.code(1), issued.Code[1:], strings.Replace(issued.Code, issued.Code[:1], other(issued.Code[:1]), 1)} {
			d.refuse(budi, postOffer, "budi", OfferRequest{Code: typed}, ProblemRefused)
		}
		first := good[Offer](d, budi, postOffer, "budi", OfferRequest{Code: issued.Code})
		second := good[Offer](d, budi, postOffer, "budi", OfferRequest{Code: strings.ToLower(strings.ReplaceAll(issued.Code, "-", " "))})
		d.refuse(budi, postActivation, "budi", ActivationRequest{first.Handle, []string{"000000"}}, ProblemRefused)
		if a := d.account("budi"); a.Issued.Spent || a.Active() {
			t.Error("it was spent before the phone was right")
		}
		good[Account](d, budi, postActivation, "budi", ActivationRequest{second.Handle, []string{scan(t, second).code(0)}})
		d.refuse(budi, postActivation, "budi", ActivationRequest{first.Handle, []string{scan(t, first).code(0)}}, ProblemVoid)
		d.refuse(budi, postOffer, "budi", OfferRequest{Code: issued.Code}, ProblemRefused)
		a := good[Account](d, clerk, getAccount, "budi", nil)
		if !a.Active || a.IssuedUntil != nil || a.Failures != 0 || a.Happened[0].Change != "activated-by-issued-code" {
			t.Errorf("afterwards %+v", a)
		}
	})
}

// other is a letter that is another one, also as people read it.
func other(letter string) string {
	if letter == "A" {
		return "B"
	}
	return "A"
}

// On an active account an issued code does what a code of the old phone does.
func TestAnIssuedCodeForAnActiveAccount(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		d.activate(budi, "budi")
		issued := good[Issued](d, clerk, postIssue, "budi", issue(24*time.Hour))
		if want := time.Now().Add(24 * time.Hour); !issued.Until.Equal(want) || issued.Account.IssuedUntil == nil || !issued.Account.IssuedUntil.Equal(want) {
			t.Errorf("good until %v, shown as %v, want %v", issued.Until, issued.Account.IssuedUntil, want)
		}
		last := d.diary.events[len(d.diary.events)-1]
		want := audit.Event{
			Kind: audit.Issue, Account: account.Host("budi"), Version: d.account("budi").Version,
			Caller: clerk.String(), Why: "HP hilang", Letter: "027/10",
			Hint: "a code that leads to a new phone, until " + issued.Until.UTC().Format(time.RFC3339),
		}
		if last != want {
			t.Errorf("event %+v, want %+v", last, want)
		}
		d.activateBy(budi, "budi", issued.Code)
	})
}

// A break-glass code is for a login: where a phone is activated it is refused,
// and stays good.
func TestAOnceCodeIsUnspentWhereNobodyLogsIn(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		d.activate(budi, "budi")
		once := issue(time.Hour)
		once.Once = true
		d.refuse(clerk, postIssue, "budi", once, ProblemNotAllowed)
		if a := d.account("budi"); !a.Issued.IsZero() {
			t.Error("the helpdesk gave one")
		}
		issued := good[Issued](d, root, postIssue, "budi", once)
		if !issued.Once || !issued.Account.IssuedOnce {
			t.Errorf("got %+v", issued)
		}
		r := d.call(budi, postOffer, "budi", OfferRequest{Code: issued.Code})
		if r.Code != ProblemBadRequest || !strings.Contains(r.Hint, "unspent") {
			t.Errorf("got %s", r.body)
		}
		d.refuse(budi, postRecoveryOffer, "budi", OfferRequest{Code: issued.Code}, ProblemBadRequest)
		if a := d.account("budi"); a.Issued.Spent || a.Failures.Run != 0 {
			t.Error("it was spent, or counted")
		}
	})
}

// There is one issued code at a time; what was begun by the last ends with it.
func TestANewIssuedCodeVoidsTheLast(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		d.activate(budi, "budi")
		first := good[Issued](d, root, postIssue, "budi", issue(time.Hour))
		begun := good[Offer](d, budi, postOffer, "budi", OfferRequest{Code: first.Code})
		second := good[Issued](d, clerk, postIssue, "budi", issue(time.Hour))
		if first.Code == second.Code {
			t.Error("both are the same")
		}
		d.refuse(budi, postOffer, "budi", OfferRequest{Code: first.Code}, ProblemRefused)
		d.refuse(budi, postActivation, "budi", ActivationRequest{begun.Handle, []string{scan(t, begun).code(0)}}, ProblemVoid)
		good[Issued](d, clerk, postReset, "budi", Justification{Reason: "HP hilang"}) // as does a reset
		d.refuse(budi, postOffer, "budi", OfferRequest{Code: second.Code}, ProblemRefused)
	})
}

// An issued code is good for as long as was said, seven days at most.
func TestIssuedCodesEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		d.activate(budi, "budi")
		issued := good[Issued](d, root, postIssue, "budi", issue(account.MaxIssuedValid))
		time.Sleep(account.MaxIssuedValid - time.Second)
		good[Offer](d, budi, postOffer, "budi", OfferRequest{Code: issued.Code})
		time.Sleep(time.Second)
		d.refuse(budi, postOffer, "budi", OfferRequest{Code: issued.Code}, ProblemRefused)
		a := good[Account](d, clerk, getAccount, "budi", nil)
		if a.IssuedUntil != nil || a.Refusals[0].Reason != "expired" || !strings.Contains(strings.Join(a.Advice, "\n"), "spse-totp issue budi") {
			t.Errorf("status %+v", a)
		}
		before := d.account("budi").Version
		for _, seconds := range []int64{0, -1, int64(account.MaxIssuedValid/time.Second) + 1, 1 << 62, -1 << 63} {
			body := issue(0)
			body.ValidSeconds = seconds
			d.refuse(root, postIssue, "budi", body, ProblemBadRequest)
		}
		d.refuse(root, postIssue, "budi", Justification{Reason: "HP hilang"}, ProblemBadRequest)
		if d.account("budi").Version != before {
			t.Error("the record changed")
		}
	})
}

// Who typed it in time has the ten minutes that every offer has, and no more: the
// end is of the typing, and a person who is scanning is not cut off by it. What
// takes the code back takes that too.
func TestAnIssuedCodeThatWasTypedInTime(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		d.activate(budi, "budi")
		begin := func() Offer {
			issued := good[Issued](d, clerk, postIssue, "budi", issue(time.Hour))
			time.Sleep(time.Hour - time.Second)
			offer := good[Offer](d, budi, postOffer, "budi", OfferRequest{Code: issued.Code})
			time.Sleep(time.Second)
			d.refuse(budi, postOffer, "budi", OfferRequest{Code: issued.Code}, ProblemRefused)
			return offer
		}
		confirm := func(offer Offer) ActivationRequest {
			return ActivationRequest{offer.Handle, []string{scan(t, offer).code(0)}}
		}
		late := begin()
		time.Sleep(offerGood)
		d.refuse(budi, postActivation, "budi", confirm(late), ProblemVoid)
		voided := begin()
		good[Issued](d, clerk, postIssue, "budi", issue(time.Hour))
		d.refuse(budi, postActivation, "budi", confirm(voided), ProblemVoid)
		inTime := begin()
		time.Sleep(offerGood - time.Minute)
		good[Account](d, budi, postActivation, "budi", confirm(inTime))
		if a := d.account("budi"); !a.Issued.Spent {
			t.Error("it is unspent")
		}
	})
}

// Where the office wants it, nobody begins without a code of the helpdesk.
func TestFirstActivationByIssuedCode(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		d.issuedOnly = true
		for _, caller := range []*Caller{budi, root} {
			d.refuse(caller, postOffer, "budi", OfferRequest{}, ProblemIssuedWanted)
			d.refuse(caller, postOffer, "budi", OfferRequest{Code: "123456"}, ProblemRefused)
		}
		if len(d.accounts.accounts) > 0 {
			t.Error("a record was made")
		}
		if a := good[Account](d, clerk, getAccount, "budi", nil); !strings.Contains(strings.Join(a.Advice, "\n"), "takes a code of the helpdesk: spse-totp issue budi") {
			t.Errorf("advice %q", a.Advice)
		}
		for _, name := range []string{"nobody", "", "bu\ndi"} {
			d.refuse(root, postIssue, name, issue(time.Hour), ProblemNoAccount)
		}
		issued := good[Issued](d, clerk, postIssue, "budi", issue(time.Hour))
		d.refuse(budi, postOffer, "budi", OfferRequest{}, ProblemIssuedWanted)
		d.activateBy(budi, "budi", issued.Code)

		// An offer that was begun while the password did is over once it does not:
		// what counts is the rule at the answer.
		d.issuedOnly = false
		begun := good[Offer](d, siti, postOffer, "siti", OfferRequest{})
		d.issuedOnly = true
		d.refuse(siti, postActivation, "siti", ActivationRequest{begun.Handle, []string{scan(t, begun).code(0)}}, ProblemVoid)
	})
}

// A reset takes the phone away and nothing else: who is disabled stays so, also
// with the code that the reset gave.
func TestAResetLeavesDisabled(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		d.activate(budi, "budi")
		good[Account](d, clerk, postDisable, "budi", Justification{})
		issued := good[Issued](d, clerk, postReset, "budi", Justification{Reason: "HP hilang"})
		if !*issued.Account.Disabled || issued.Account.Active || !strings.Contains(issued.Says[0], "spse-totp enable budi") {
			t.Errorf("got %+v", issued)
		}
		d.refuse(budi, postOffer, "budi", OfferRequest{Code: issued.Code}, ProblemRefused)
		d.refuse(clerk, postEnable, "budi", Justification{}, ProblemNotAllowed)
		good[Account](d, root, postEnable, "budi", Justification{})
		d.activateBy(budi, "budi", issued.Code)
	})
}

// Where somebody was guessing, the clerk is told before he reads the code out;
// the reset clears the run, and not what the month counted.
func TestAResetTellsOfAGuesser(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		d.activate(budi, "budi")
		issued := good[Issued](d, clerk, postReset, "budi", Justification{Reason: "HP hilang"})
		if len(issued.Says) != 1 {
			t.Errorf("nobody was guessing: %q", issued.Says)
		}
		d.activateBy(budi, "budi", issued.Code)
		d.edit("budi", func(a *account.Account) {
			refusedFor(account.Wrong, 12)(a)
			a.Failures = account.Failures{Run: 12, Month: 12, MonthStart: time.Now()}
		})
		issued = good[Issued](d, clerk, postReset, "budi", Justification{Reason: "HP hilang"})
		if len(issued.Says) != 2 || !strings.Contains(issued.Says[0], "203.0.113.9") || !strings.Contains(issued.Says[0], "password") {
			t.Errorf("the clerk reads %q", issued.Says)
		}
		if issued.Account.Failures != 0 || issued.Account.FailuresMonth != 12 {
			t.Errorf("failures %+v", issued.Account)
		}
	})
}

// Break-glass is told of in the journal when it is given, and is root's.
func TestTheJournalTellsOfBreakGlass(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		request := issue(time.Hour)
		request.Once = true
		good[Issued](d, root, postIssue, "budi", request)
		last := d.diary.events[len(d.diary.events)-1]
		if !last.BreakGlass || !strings.HasPrefix(last.Hint, "break-glass: ") {
			t.Errorf("event %+v", last)
		}
		a := good[Account](d, root, getAccount, "budi", nil)
		if a.Happened[0].Change != "once-issued" || !strings.Contains(strings.Join(a.Advice, "\n"), "one-time code") {
			t.Errorf("status says %v, %q", a.Happened, a.Advice)
		}
	})
}

// Who else than root says that he logged in as somebody is not believed.
func TestAClerkIsWhomTheKernelNames(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		request := issue(time.Hour)
		request.By = "admin"
		good[Issued](d, clerk, postIssue, "budi", request)
		if last := d.diary.events[len(d.diary.events)-1]; last.By != "" || last.Caller != clerk.String() {
			t.Errorf("event %+v", last)
		}
		good[Issued](d, root, postIssue, "budi", request)
		if last := d.diary.events[len(d.diary.events)-1]; last.By != "admin" {
			t.Errorf("root's event %+v", last)
		}
	})
}

// An administrator whom a directory server does not return is one all the same.
func TestAnAdministratorWhomNSSDoesNotReturn(t *testing.T) {
	inBubble(t, func(t *testing.T, d *desk) {
		d.activate(root, "admin")
		d.nss.lost = "admin"
		d.refuse(clerk, postReset, "admin", Justification{Reason: "HP hilang"}, ProblemNotAllowed)
		d.refuse(clerk, getAccount, "admin", nil, ProblemNotAllowed)
		d.refuse(clerk, getAccount, "nobody-of-that-name", nil, ProblemNoAccount)
	})
}
