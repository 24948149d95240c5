package pamclient

import (
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"testing"

	"spse-totp/daemon/protocol"
)

const (
	code   = "314159"
	prompt = "Security Code: "

	otherGID = 1 // Debian's group daemon, which root is not in
)

// Verdicts.

var verdictCodes = map[protocol.Verdict]int{
	protocol.Refused:     pamAuthErr,
	protocol.Accepted:    pamSuccess,
	protocol.NotAsked:    ignored,
	protocol.Unavailable: pamUnavail,
}

func TestVerdictIsACode(t *testing.T) {
	for v, want := range verdictCodes {
		for _, phase := range []string{"auth", "acct"} {
			t.Run(v.String()+" "+phase, func(t *testing.T) {
				onEachBuild(t, func(t *testing.T, l *login) {
					l.line("account=sshd")
					l.daemon(verdict(v))
					l.run("user=budi", phase).wantCode(phase, want)
				})
			})
		}
	}
}

func TestALogin(t *testing.T) {
	onEachBuild(t, func(t *testing.T, l *login) {
		l.line("debug")
		l.daemon(func(p *peer) {
			got := p.start()
			want := protocol.Start{Phase: protocol.PhaseAuth, Service: "sshd", User: "root",
				RHost: "192.0.2.137", TTY: "ssh", RUser: "siti"}
			if got.NSS == nil || *got.NSS != (protocol.Identity{Name: "root", UID: 0}) {
				t.Errorf("NSS %+v", got.NSS)
			}
			if got.NSS = nil; got != want {
				t.Errorf("start %+v, want %+v", got, want)
			}
			p.send(protocol.Show{Text: "Halo, 100% s\u00e9h\u00e1t %s%n", Style: protocol.StyleInfo})
			p.prompt(prompt)
			p.answer(code)
			p.send(protocol.Show{Text: "Kode salah", Style: protocol.StyleError})
			p.prompt(strings.Repeat("?", protocol.MaxText))
			p.answer("")
			p.result(protocol.Accepted)
			p.hungUp()
		})
		o := l.run("user=root", "rhost=192.0.2.137", "tty=ssh", "ruser=siti", "answer="+code, "answer=", "auth", "setcred")
		o.wantCode("auth", pamSuccess)
		o.wantCode("setcred", pamSuccess)
		for style, want := range map[int][]string{
			styleTextInfo: {"Halo, 100% s\u00e9h\u00e1t %s%n"},
			styleErrorMsg: {"Kode salah"},
			styleEchoOn:   {prompt, strings.Repeat("?", protocol.MaxText)},
			styleEchoOff:  nil,
		} {
			if got := o.said(style); !slices.Equal(got, want) {
				t.Errorf("style %d: %q, want %q", style, got, want)
			}
		}
		if o.delay() != 0 {
			t.Errorf("a delay of %d us after a success", o.delay())
		}
	})
}

func TestARefusalIsDelayed(t *testing.T) {
	onEachBuild(t, func(t *testing.T, l *login) {
		l.line("")
		l.daemon(verdict(protocol.Refused))
		o := l.run("user=budi", "auth")
		if d := o.delay(); d < refusalDelayUS/2 || d > refusalDelayUS*3/2 {
			t.Errorf("delay of %d us", d)
		}
	})
}

func TestSetcredSucceedsAlone(t *testing.T) {
	onEachBuild(t, func(t *testing.T, l *login) {
		l.line("unheard-of")
		l.neverAsked()
		l.run("user=budi", "setcred").wantCode("setcred", pamSuccess)
	})
}

// Who logs in.

func TestUserNames(t *testing.T) {
	for name, user := range map[string]string{
		"plain":        "budi",
		"empty":        "",
		"newline":      "budi\nsiti",
		"slashes":      "../../etc/passwd",
		"10000 bytes":  strings.Repeat("a", 10000),
		"60000 bytes":  strings.Repeat("\xff", 60000),
		"sshd's dummy": "\b\n\r\x7fINCORRECT",
		"format":       "%s%n%m",
		"spaces":       " budi ",
	} {
		t.Run(name, func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.line("debug")
				l.daemon(func(p *peer) {
					if got := p.start(); got.User != user || got.NSS != nil {
						t.Errorf("user of %d bytes, NSS %+v", len(got.User), got.NSS)
					}
					p.send(protocol.NeedGroups{GIDs: []uint32{otherGID}})
					if got := request[protocol.Groups](p); len(got.GIDs) != 0 || !slices.Equal(got.Unknown, []uint32{otherGID}) {
						t.Errorf("groups %v, unknown %v", got.GIDs, got.Unknown)
					}
					p.result(protocol.Refused)
					p.hungUp()
				})
				l.run("user="+user, "auth").wantCode("auth", pamAuthErr)
			})
		})
	}
}

func TestAUserNameTooLongToSendIsRefused(t *testing.T) {
	onEachBuild(t, func(t *testing.T, l *login) {
		l.line("account=sshd")
		l.neverAsked()
		o := l.run("user="+strings.Repeat("a", 65536), "auth", "acct")
		o.wantCode("auth", pamAuthErr)
		o.wantCode("acct", pamAuthErr)
	})
}

func TestTheUserIsAskedForFirst(t *testing.T) {
	onEachBuild(t, func(t *testing.T, l *login) {
		l.line("")
		l.daemon(func(p *peer) {
			if got := p.start(); got.User != "budi" {
				t.Errorf("user %q", got.User)
			}
			p.result(protocol.Accepted)
			p.hungUp()
		})
		l.run("answer=budi", "auth").wantCode("auth", pamSuccess)
	})
	t.Run("and hangs up", func(t *testing.T) {
		onEachBuild(t, func(t *testing.T, l *login) {
			l.line("")
			l.neverAsked()
			l.run("null", "auth").wantCode("auth", pamConvErr)
		})
	})
}

func TestGroupsAreThoseOfTheSystem(t *testing.T) {
	root, err := user.Lookup("root")
	must(t, err)
	want, err := root.GroupIds()
	must(t, err)
	onEachBuild(t, func(t *testing.T, l *login) {
		l.line("")
		l.daemon(func(p *peer) {
			p.start()
			p.send(protocol.NeedGroups{GIDs: []uint32{otherGID}})
			var got []string
			groups := request[protocol.Groups](p)
			if groups.Unknown != nil {
				t.Errorf("unknown are %v", groups.Unknown)
			}
			for _, gid := range groups.GIDs {
				got = append(got, strconv.FormatUint(uint64(gid), 10))
			}
			slices.Sort(got)
			if slices.Sort(want); !slices.Equal(got, want) {
				t.Errorf("groups %v, want %v", got, want)
			}
			p.result(protocol.Accepted)
			p.hungUp()
		})
		l.run("user=root", "auth").wantCode("auth", pamSuccess)
	})
}

// What the person may do.

func TestAbandonedPrompt(t *testing.T) {
	for name, test := range map[string]struct {
		step string
		want int
	}{
		"end of file":         {"null", pamAuthErr},
		"conversation error":  {"fail=19", pamConvErr},
		"abort":               {"fail=26", pamAbort},
		"out of memory":       {"fail=5", pamBufErr},
		"again":               {"fail=30", pamIncomplete},
		"ignore":              {"fail=25", pamConvErr},
		"new password wanted": {"fail=12", pamConvErr},
	} {
		t.Run(name, func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.line("")
				l.daemon(func(p *peer) {
					p.start()
					p.prompt(prompt)
					p.hungUp()
					p.result(protocol.Accepted)
				})
				l.run("user=budi", test.step, "auth").wantCode("auth", test.want)
			})
		})
	}
}

func TestAFailingShowEndsTheConversation(t *testing.T) {
	for failure, want := range map[int]int{pamConvErr: pamConvErr, pamIgnore: pamConvErr, pamConvAgain: pamIncomplete, pamNewAuthtok: pamConvErr} {
		t.Run(strconv.Itoa(failure), func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.line("")
				l.daemon(func(p *peer) {
					p.start()
					p.send(protocol.Show{Text: "Halo", Style: protocol.StyleInfo})
					p.result(protocol.Accepted)
					p.hungUp()
				})
				l.run("user=budi", fmt.Sprintf("shown-fail=%d", failure), "auth").wantCode("auth", want)
			})
		})
	}
}

const canary = "canary-password"

func TestWithheld(t *testing.T) {
	for name, typed := range map[string]string{
		"the password": canary,
		"129 bytes":    canary + strings.Repeat("9", 129-len(canary)),
		"100000 bytes": canary + strings.Repeat("9", 100000),
		"newline":      canary + "\n",
		"escape":       "\x1b" + canary,
		"delete":       canary + "\x7f",
		"tab":          canary + "\t1",
	} {
		t.Run(name, func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.stack("sshd", "auth optional MODULE split=6", "auth required MODULE")
				l.daemon(func(p *peer) { // broken off: withheld is not carried over either
					p.start()
					p.prompt(prompt)
					p.withheld()
				}, func(p *peer) {
					if got := p.start(); got.Typed != nil || got.LastPrompt != "" {
						t.Error("a withheld answer was carried over")
					}
					p.prompt(prompt)
					p.withheld()
					p.result(protocol.Refused)
					p.hungUp()
				})
				o := l.run("user=budi", "answer="+canary, "answer="+typed, "answer="+typed, "auth")
				o.wantCode("auth", pamAuthErr)
				if strings.Contains(string(l.wire.bytes), canary) {
					t.Error("the password crossed the socket")
				}
			})
		})
	}
}

func TestNotWithheld(t *testing.T) {
	for name, typed := range map[string]string{
		"128 bytes":  strings.Repeat("9", 128),
		"empty":      "",
		"high bytes": "\u0663\u0661\u0664\xff",
		"spaces":     " 314 159 ",
	} {
		t.Run(name, func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.line("")
				l.daemon(accepting(prompt, typed))
				l.run("user=budi", "answer="+typed, "auth").wantCode("auth", pamSuccess)
			})
		})
	}
}

// An empty answer is an answer, with an empty PAM_AUTHTOK too.
func TestEmptyPasswordAndEmptyAnswer(t *testing.T) {
	onEachBuild(t, func(t *testing.T, l *login) {
		l.stack("sshd", "auth optional MODULE split=6", "auth required MODULE")
		l.daemon(accepting(prompt, ""))
		l.run("user=budi", "answer=", "answer=", "auth").wantCode("auth", pamSuccess)
	})
}

func TestTheLoginMayNotChangeUnderTheConversation(t *testing.T) {
	for name, steps := range map[string][]string{
		"user at the prompt":    {"become=siti", "answer=" + code},
		"user to empty":         {"become=", "answer=" + code},
		"service at the prompt": {"serve=login", "answer=" + code},
		"user at the show":      {"shown-become=siti", "answer=" + code},
	} {
		t.Run(name, func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.line("")
				l.daemon(func(p *peer) {
					p.start()
					p.send(protocol.Show{Text: "Halo", Style: protocol.StyleInfo})
					p.prompt(prompt)
					p.hungUp()
					p.result(protocol.Accepted)
				})
				l.run(append(append([]string{"user=budi"}, steps...), "auth")...).wantCode("auth", pamAuthErr)
			})
		})
	}
}

func TestTheUserMayNotChangeBeforeTheResult(t *testing.T) {
	onEachBuild(t, func(t *testing.T, l *login) {
		l.line("")
		l.daemon(func(p *peer) {
			p.start()
			p.send(protocol.Show{Text: "Halo", Style: protocol.StyleInfo})
			p.result(protocol.Accepted)
			p.hungUp()
		})
		l.run("user=budi", "shown-become=siti", "auth").wantCode("auth", pamAuthErr)
	})
}

func TestTheServiceMayNotChangeWhileTheUserIsAskedFor(t *testing.T) {
	onEachBuild(t, func(t *testing.T, l *login) {
		l.line("")
		l.neverAsked()
		l.run("serve=login", "answer=budi", "auth").wantCode("auth", pamAuthErr)
	})
}

// Arguments.

func TestBadArgumentsRefuseInEachPhase(t *testing.T) {
	for _, argument := range []string{"nullok", "services=", "services=login typo", "split=7", "timeout=0", "socket=/another", "account=sshd,"} {
		t.Run(argument, func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.line(argument)
				l.neverAsked()
				o := l.run("user=budi", "answer="+code, "auth", "acct")
				o.wantCode("auth", pamServiceErr)
				o.wantCode("acct", pamServiceErr)
			})
		})
	}
}

func TestServices(t *testing.T) {
	for name, test := range map[string]struct {
		arguments  string
		auth, acct int
		asked      int
	}{
		"another service":               {"services=login,su account=sshd", ignored, ignored, 0},
		"name that begins so":           {"services=sshd-x account=sshd", ignored, ignored, 0},
		"this service, no account":      {"services=login,sshd", pamSuccess, ignored, 1},
		"this service and its account":  {"services=sshd account=sshd", pamSuccess, pamSuccess, 1},
		"every service, other account":  {"account=login", pamSuccess, ignored, 1},
		"every service and its account": {"account=login,sshd", pamSuccess, pamSuccess, 1},
	} {
		t.Run(name, func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.line(test.arguments)
				l.daemon(slices.Repeat([]func(*peer){verdict(protocol.Accepted)}, test.asked)...)
				o := l.run("user=budi", "auth", "acct")
				o.wantCode("auth", test.auth)
				o.wantCode("acct", test.acct)
			})
		})
	}
}

// The mark.

func TestMark(t *testing.T) {
	start := func(phase protocol.Phase, user string, v protocol.Verdict) func(*peer) {
		return func(p *peer) {
			if got := p.start(); got.Phase != phase || got.User != user {
				p.l.t.Errorf("start of phase %d for %q, want %d for %q", got.Phase, got.User, phase, user)
			}
			p.result(v)
			p.hungUp()
		}
	}
	auth, acct := protocol.PhaseAuth, protocol.PhaseAccount
	for name, test := range map[string]struct {
		conversations []func(*peer)
		steps         []string
		want          int // of the last acct
	}{
		"accepted answers": {[]func(*peer){start(auth, "budi", protocol.Accepted)},
			[]string{"auth", "acct"}, pamSuccess},
		"not asked answers": {[]func(*peer){start(auth, "budi", protocol.NotAsked)},
			[]string{"auth", "acct"}, ignored},
		"answers twice": {[]func(*peer){start(auth, "budi", protocol.Accepted)},
			[]string{"auth", "acct", "acct"}, pamSuccess},
		"refused leaves none": {[]func(*peer){start(auth, "budi", protocol.Refused), start(acct, "budi", protocol.Refused)},
			[]string{"auth", "acct"}, pamAuthErr},
		"unavailable leaves none": {[]func(*peer){start(auth, "budi", protocol.Unavailable), start(acct, "budi", protocol.Refused)},
			[]string{"auth", "acct"}, pamAuthErr},
		"none without auth": {[]func(*peer){start(acct, "budi", protocol.Unavailable)},
			[]string{"acct"}, pamUnavail},
		"of another user": {[]func(*peer){start(auth, "budi", protocol.Accepted), start(acct, "siti", protocol.Refused)},
			[]string{"auth", "user=siti", "acct"}, pamAuthErr},
		"cleared by a refusal": {[]func(*peer){start(auth, "budi", protocol.Accepted), start(auth, "budi", protocol.Refused),
			start(acct, "budi", protocol.Refused)},
			[]string{"auth", "auth", "acct"}, pamAuthErr},
		"cleared by a garbled reply": {[]func(*peer){start(auth, "budi", protocol.Accepted),
			func(p *peer) { p.start(); p.raw([]byte{1, 19}) }, start(acct, "budi", protocol.Refused)},
			[]string{"auth", "auth", "acct"}, pamAuthErr},
		"replaced": {[]func(*peer){start(auth, "budi", protocol.Accepted), start(auth, "budi", protocol.NotAsked)},
			[]string{"auth", "auth", "acct"}, ignored},
	} {
		t.Run(name, func(t *testing.T) {
			onEachBuild(t, func(t *testing.T, l *login) {
				l.line("account=sshd")
				l.daemon(test.conversations...)
				l.run(append([]string{"user=budi"}, test.steps...)...).wantCode("acct", test.want)
			})
		})
	}
}
