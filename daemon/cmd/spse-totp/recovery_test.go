package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"spse-totp/daemon/internal/control"
)

// recoveryCodes are those that the daemon of these tests offers; it asks for
// number 3.
var recoveryCodes = []string{
	"1AAA-AAAA-AAAA-AAAA-AAAA-AAAA", "2BBB-BBBB-BBBB-BBBB-BBBB-BBBB", "3CCC-CCCC-CCCC-CCCC-CCCC-CCCC", "4DDD-DDDD-DDDD-DDDD-DDDD-DDDD",
	"5EEE-EEEE-EEEE-EEEE-EEEE-EEEE", "6FFF-FFFF-FFFF-FFFF-FFFF-FFFF", "7GGG-GGGG-GGGG-GGGG-GGGG-GGGG", "8HHH-HHHH-HHHH-HHHH-HHHH-HHHH",
}

// codeOffice answers what recovery new asks, and everything else as office does.
func codeOffice(t *testing.T, o office) *fakeDaemon {
	t.Helper()
	return daemonThat(t, func(request string, body []byte) (int, any) {
		refused := control.Problem{Code: control.ProblemRefused, Error: "the code was not accepted"}
		switch request {
		case "POST /v1/account/recovery/offer":
			var offered control.OfferRequest
			switch err := json.Unmarshal(body, &offered); {
			case err != nil:
				return http.StatusBadRequest, nil
			case !o.active:
				return http.StatusConflict, control.Problem{Code: control.ProblemBadRequest, Error: "the account has no phone yet", Hint: "first: spse-totp activate"}
			case offered.Code != rightCode:
				return http.StatusForbidden, refused
			}
			return http.StatusOK, control.RecoveryOffer{Codes: recoveryCodes, Asked: 3, Handle: "a-handle"}
		case "POST /v1/account/recovery":
			var confirmed control.RecoveryRequest
			switch err := json.Unmarshal(body, &confirmed); {
			case err != nil:
				return http.StatusBadRequest, nil
			case o.refusal != nil:
				return http.StatusConflict, *o.refusal
			case confirmed.Code != recoveryCodes[2]:
				return http.StatusForbidden, refused
			}
			return http.StatusOK, control.Account{Name: "budi", Active: true}
		}
		return o.answer(request, body)
	})
}

func makesCodes(t *testing.T, d *fakeDaemon) *person {
	t.Helper()
	return seat(t, 24, 80, "--socket", d.socket, "recovery", "new", "budi")
}

// expectCodesGone fails unless the command ends so, with the codes off the screen.
func expectCodesGone(t *testing.T, p *person, status int, said string) {
	t.Helper()
	got, rest := p.leaves()
	_, after, forgotten := strings.Cut(rest, wipe+leaveAlternate)
	if got != status || !forgotten || strings.TrimSpace(after) != said {
		t.Errorf("exit code %d, it ends with %q, want %d, %q", got, rest, status, said)
	}
	for _, code := range recoveryCodes {
		if strings.Contains(after, code) {
			t.Errorf("a code is in %q", after)
		}
	}
}

func askedProof(code string) string {
	return fmt.Sprintf(`POST /v1/account/recovery?name=budi {"handle":"a-handle","code":%q}`, code)
}

const askedCodes = `POST /v1/account/recovery/offer?name=budi {"code":"` + rightCode + `"}`

func TestRecoveryNew(t *testing.T) {
	d := codeOffice(t, office{language: "id", active: true})
	p := makesCodes(t, d)
	p.sees(texts.CodePrompt(6))
	p.types("000000\n")
	p.sees(texts.Refused())
	p.sees(texts.CodePrompt(6))
	p.types(rightCode + "\n")
	screen := p.sees(texts.RecoveryProve(3))
	if !strings.Contains(screen, enterAlternate+wipe+texts.RecoveryHead()+"\r\n1) 1AAA-") || !strings.Contains(screen, "\r\n8) 8HHH-") {
		t.Errorf("the screen is %q", screen)
	}
	p.types("4ddd-dddd-dddd-dddd-dddd-dddd\n")
	p.sees(texts.RecoveryWrong(3))
	p.sees(texts.RecoveryProve(3))
	p.types(recoveryCodes[2] + "\n")
	expectCodesGone(t, p, exitDone, texts.RecoveryKept())
	d.expectRequests(t, asked(
		`POST /v1/account/recovery/offer?name=budi {"code":"000000"}`, askedCodes,
		askedProof("4ddd-dddd-dddd-dddd-dddd-dddd"), askedProof(recoveryCodes[2]))...)
}

func TestThreeWrongProofsKeepNothing(t *testing.T) {
	d := codeOffice(t, office{language: "id", active: true})
	p := makesCodes(t, d)
	p.sees(texts.CodePrompt(6))
	p.types(rightCode + "\n")
	for range wrongProofs {
		p.sees(texts.RecoveryProve(3))
		p.types("x\n")
	}
	expectCodesGone(t, p, exitFailed, texts.RecoveryLater())
	if n := len(d.requests()); n != len(askedIn)+1+wrongProofs {
		t.Errorf("%d requests", n)
	}
}

// Whoever leaves before the codes were shown has changed nothing; after it, the
// codes that he may have written down are void.
func TestLeavingRecoveryNew(t *testing.T) {
	for what, keys := range map[string]string{"enter": "\n", "^D": "\x04", "Ctrl-C": "\x03"} {
		t.Run(what, func(t *testing.T) {
			d := codeOffice(t, office{language: "id", active: true})
			p := makesCodes(t, d)
			p.sees(texts.CodePrompt(6))
			p.types(keys)
			if status, rest := p.leaves(); status != exitFailed || !strings.HasSuffix(rest, texts.Stopped()+"\r\n") {
				t.Errorf("exit code %d, %q", status, rest)
			}
			d.expectRequests(t, askedIn...)

			d = codeOffice(t, office{language: "id", active: true})
			p = makesCodes(t, d)
			p.sees(texts.CodePrompt(6))
			p.types(rightCode + "\n")
			p.sees(texts.RecoveryProve(3))
			p.types(keys)
			expectCodesGone(t, p, exitFailed, texts.RecoveryLater())
			d.expectRequests(t, asked(askedCodes)...)
		})
	}
}

func TestRecoveryCodesThatAreVoid(t *testing.T) {
	void := &control.Problem{Code: control.ProblemVoid, Error: "these recovery codes are void", Hint: "start again"}
	p := makesCodes(t, codeOffice(t, office{language: "id", active: true, refusal: void}))
	p.sees(texts.CodePrompt(6))
	p.types(rightCode + "\n")
	p.sees(texts.RecoveryProve(3))
	p.types(recoveryCodes[2] + "\n")
	expectCodesGone(t, p, exitFailed, "error: these recovery codes are void\r\nhint: start again")
}

func TestRecoveryNewWithoutAPhone(t *testing.T) {
	d := codeOffice(t, office{language: "id"})
	status, rest := makesCodes(t, d).leaves()
	if status != exitFailed || rest != "error: the account has no phone yet\r\nhint: first: spse-totp activate\r\n" {
		t.Errorf("exit code %d, %q", status, rest)
	}
	if got := d.requests(); !slices.Contains(got, "POST /v1/account/recovery/offer?name=budi {}") {
		t.Errorf("the daemon was asked %q", got)
	}
}
