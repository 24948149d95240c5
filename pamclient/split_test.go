package pamclient

import (
	"slices"
	"strings"
	"testing"

	"spse-totp/daemon/protocol"
)

// One prompt for password and code.

// onePrompt is a stack of the two lines, with the probe between them where
// pam_unix would stand.
func (l *login) onePrompt() {
	l.t.Helper()
	l.stack("sshd",
		"auth optional MODULE split=6",
		"auth optional PROBE",
		"auth required MODULE",
		"auth required pam_permit.so",
		"account required MODULE account=sshd")
}

func TestSplit(t *testing.T) {
	for name, test := range map[string]struct{ typed, password, code string }{
		"password and code": {"rahasia" + code, "rahasia", code},
		"password alone":    {"rahasia", "rahasia", ""},
		"code alone":        {code, code, ""},
		"nothing":           {"", "", ""},
		"long":              {strings.Repeat("r", 400) + code, strings.Repeat("r", 400), code},
	} {
		t.Run(name, func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.onePrompt()
				l.daemon(func(p *peer) {
					if test.code == "" {
						p.carriesNothing()
					} else {
						p.carries("", test.code)
					}
					p.result(protocol.Accepted)
					p.hungUp()
				})
				o := l.run("user=budi", "answer="+test.typed, "auth", "acct")
				o.wantCode("auth", pamSuccess)
				o.wantCode("acct", pamSuccess)
				if got := o.said(styleEchoOff); !slices.Equal(got, []string{"Password + Security Code: "}) {
					t.Errorf("hidden prompts: %q", got)
				}
				if got := o.said(styleTextInfo); !slices.Equal(got, []string{"authtok=" + test.password}) {
					t.Errorf("the next line takes %q, want %q", got, test.password)
				}
				if strings.Contains(string(l.wire.bytes), "rahasia") {
					t.Error("the password crossed the socket")
				}
			})
		})
	}
}

func TestSplitJudgesNothing(t *testing.T) {
	for name, test := range map[string]struct {
		step string
		want int
	}{
		"text":        {"answer=rahasia" + code, ignored},
		"end of file": {"null", pamAuthErr},
		"error":       {"fail=19", pamConvErr},
		"ignore":      {"fail=25", pamConvErr},
		"again":       {"fail=30", pamIncomplete},
	} {
		t.Run(name, func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.line("split=6")
				l.neverAsked()
				l.run("user=budi", test.step, "auth").wantCode("auth", test.want)
			})
		})
	}
}

func TestHeldCodeIsCarriedOver(t *testing.T) {
	onEachBuild(t, func(t *testing.T, l *login) {
		l.onePrompt()
		l.daemon(func(p *peer) { p.carries("", code) }, func(p *peer) {
			p.carries("", code)
			p.result(protocol.Accepted)
			p.hungUp()
		})
		l.run("user=budi", "answer=rahasia"+code, "auth").wantCode("auth", pamSuccess)
	})
}

func TestHeldCodeGivesWayToAnAnswer(t *testing.T) {
	onEachBuild(t, func(t *testing.T, l *login) {
		l.onePrompt()
		l.daemon(func(p *peer) {
			p.carries("", code)
			p.prompt(prompt)
			p.answer("271828")
		}, func(p *peer) {
			p.carries(prompt, "271828")
			p.result(protocol.Accepted)
			p.hungUp()
		})
		l.run("user=budi", "answer=rahasia"+code, "answer=271828", "auth").wantCode("auth", pamSuccess)
	})
}

func TestHeldCodeIsSentOnce(t *testing.T) {
	onEachBuild(t, func(t *testing.T, l *login) {
		l.stack("sshd", "auth optional MODULE split=6", "auth optional MODULE", "auth required MODULE")
		l.daemon(func(p *peer) {
			p.carries("", code)
			p.result(protocol.Accepted)
			p.hungUp()
		}, func(p *peer) {
			p.carriesNothing()
			p.result(protocol.Accepted)
			p.hungUp()
		})
		l.run("user=budi", "answer=rahasia"+code, "auth").wantCode("auth", pamSuccess)
	})
}

// A code that no auth line took is not the account phase's.
func TestHeldCodeIsNotForTheAccountPhase(t *testing.T) {
	onEachBuild(t, func(t *testing.T, l *login) {
		l.stack("sshd", "auth required MODULE split=6", "account required MODULE account=sshd")
		l.daemon(func(p *peer) {
			p.carriesNothing()
			p.result(protocol.Refused)
			p.hungUp()
		})
		l.run("user=budi", "answer=rahasia"+code, "auth", "acct").wantCode("acct", pamAuthErr)
	})
}

// A code held in one try, which never came to the second line, is cleared by
// the next.
func TestHeldCodeIsClearedByTheNextTry(t *testing.T) {
	for name, second := range map[string]string{"password alone": "answer=rahasia", "nothing typed": "null"} {
		t.Run(name, func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.stack("sshd", "auth optional MODULE split=6",
					"auth [success=ignore default=die] pam_succeed_if.so quiet user = siti",
					"auth required MODULE")
				l.daemon(func(p *peer) {
					p.carriesNothing()
					p.result(protocol.Refused)
					p.hungUp()
				})
				o := l.run("user=budi", "answer=rahasia"+code, "auth", "user=siti", second, "auth")
				o.wantCode("auth", pamAuthErr)
			})
		})
	}
}
