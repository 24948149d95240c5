package pamclient

import (
	"slices"
	"strings"
	"testing"

	"spse-totp/daemon/protocol"
)

// Prompts that may be left out, which the daemon sends to who is in already.

const offered = "Nanti? "

// Whoever cannot be asked has answered an offer with nothing, and goes on.
func TestAnOfferMayBeLeftOut(t *testing.T) {
	for name, step := range map[string]string{"end of file": "null", "conversation error": "fail=19", "Enter": "answer="} {
		t.Run(name, func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.line("account=sshd")
				l.daemon(func(p *peer) {
					p.start()
					p.prompt(prompt)
					p.answer(code)
					p.offer(offered)
					p.answer("")
					p.send(protocol.Show{Text: "Halo", Style: protocol.StyleInfo})
					p.offer(offered)
					p.answer("y")
					p.result(protocol.Accepted)
					p.hungUp()
				})
				o := l.run("user=budi", "answer="+code, step, "answer=y", "auth", "acct")
				o.wantCode("auth", pamSuccess)
				o.wantCode("acct", pamSuccess)
				if asked := o.said(styleEchoOn); !slices.Equal(asked, []string{prompt, offered, offered}) {
					t.Errorf("asked visibly: %q", asked)
				}
			})
		})
	}
}

// An offer that was left out makes nothing of the prompts around it milder, nor
// of what the daemon says at last.
func TestAPromptMayNotBeLeftOut(t *testing.T) {
	for name, test := range map[string]struct {
		step string
		want int
	}{
		"end of file":        {"null", pamAuthErr},
		"conversation error": {"fail=19", pamConvErr},
	} {
		t.Run(name, func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.line("")
				l.daemon(func(p *peer) {
					p.start()
					p.offer(offered)
					p.answer("")
					p.prompt(prompt)
					p.hungUp()
					p.result(protocol.Accepted)
				})
				l.run("user=budi", test.step, test.step, "auth").wantCode("auth", test.want)
			})
		})
	}
	t.Run("refused", func(t *testing.T) {
		onEachBuild(t, func(t *testing.T, l *login) {
			l.line("")
			l.daemon(func(p *peer) {
				p.start()
				p.offer(offered)
				p.answer("")
				p.result(protocol.Refused)
				p.hungUp()
			})
			l.run("user=budi", "null", "auth").wantCode("auth", pamAuthErr)
		})
	})
}

// Any other failure at an offer ends the login as at a prompt.
func TestAFailureAtAnOffer(t *testing.T) {
	for step, want := range map[string]int{"fail=26": pamAbort, "fail=5": pamBufErr, "fail=30": pamIncomplete, "fail=25": pamConvErr, "fail=12": pamConvErr} {
		t.Run(step, func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.line("")
				l.daemon(func(p *peer) {
					p.start()
					p.offer(offered)
					p.hungUp()
					p.result(protocol.Accepted)
				})
				l.run("user=budi", step, "auth").wantCode("auth", want)
			})
		})
	}
}

func TestAnOfferInTheAccountPhaseIsOutOfTurn(t *testing.T) {
	onEachBuild(t, func(t *testing.T, l *login) {
		l.line("account=sshd")
		l.daemon(func(p *peer) {
			p.start()
			p.offer(offered)
			p.hungUp()
			p.result(protocol.Accepted)
		})
		o := l.run("user=budi", "answer=", "acct")
		o.wantCode("acct", pamAuthErr)
		if asked := o.said(styleEchoOn); asked != nil {
			t.Errorf("the person was asked %q", asked)
		}
	})
}

// The user may not change at an offer either, even one that is left out.
func TestTheUserMayNotChangeAtAnOffer(t *testing.T) {
	for _, step := range []string{"answer=", "null", "fail=19"} {
		t.Run(step, func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.line("")
				l.daemon(func(p *peer) {
					p.start()
					p.offer(offered)
					p.hungUp()
					p.result(protocol.Accepted)
				})
				l.run("user=budi", "become=siti", step, "auth").wantCode("auth", pamAuthErr)
			})
		})
	}
}

// A program that gives every prompt the password, or what the one prompt for
// both takes, gives it to no offer.
func TestThePasswordIsNoAnswerToAnOffer(t *testing.T) {
	for name, typed := range map[string]string{"the password": canary, "with 6 digits": canary + code, "with 8 digits": canary + "31415926"} {
		t.Run(name, func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.onePrompt()
				l.daemon(func(p *peer) {
					p.carries("", code)
					p.offer(offered)
					p.withheld()
					p.result(protocol.Accepted)
					p.hungUp()
				})
				l.run("user=budi", "answer="+canary+code, "answer="+typed, "auth").wantCode("auth", pamSuccess)
				if strings.Contains(string(l.wire.bytes), canary) {
					t.Error("the password crossed the socket")
				}
			})
		})
	}
}

// A short password that a code happens to begin with withholds no code.
func TestACodeThatBeginsLikeThePassword(t *testing.T) {
	onEachBuild(t, func(t *testing.T, l *login) {
		l.stack("sshd", "auth optional MODULE split=6", "auth required MODULE")
		l.daemon(func(p *peer) {
			p.carriesNothing()
			p.prompt(prompt)
			p.answer(code)
			p.result(protocol.Accepted)
			p.hungUp()
		})
		l.run("user=budi", "answer="+code[:2], "answer="+code, "auth").wantCode("auth", pamSuccess)
	})
}

// What was typed to an offer is carried with the offer's own text, so that it is
// never the answer to a prompt.
func TestAnAnswerToAnOfferIsCarriedAsThat(t *testing.T) {
	for name, test := range map[string]struct{ step, typed string }{
		"typed":    {"answer=y", "y"},
		"left out": {"null", ""},
	} {
		t.Run(name, func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.onePrompt()
				l.daemon(func(p *peer) {
					p.carries("", code)
					p.offer(offered)
					p.answer(test.typed)
				}, func(p *peer) {
					p.carries(offered, test.typed)
					p.prompt(prompt)
					p.answer("271828")
					p.result(protocol.Refused)
					p.hungUp()
				})
				l.run("user=budi", "answer=rahasia"+code, test.step, "answer=271828", "auth").wantCode("auth", pamAuthErr)
			})
		})
	}
}
