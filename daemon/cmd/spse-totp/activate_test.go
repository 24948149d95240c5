package main

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spse-totp/daemon/internal/control"
	"spse-totp/daemon/internal/qr"
	"spse-totp/daemon/internal/text"
)

const (
	rightCode = "123456"
	issued    = "ABCD-EFGH-JKMNP"
	once      = "0000-0000-00000" // a code for one login
	keyURI    = "otpauth://totp/LPSE%20Kudus:budi?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=LPSE%20Kudus"
	grouped   = "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"

	askedOffer = `POST /v1/account/offer?name=budi {}`
)

var (
	texts   = text.New(text.Indonesian, "LPSE Kudus", "0291-0000")
	prompt  = texts.ConfirmPrompt(6)
	askedIn = []string{"GET /v1/host", "GET /v1/account?name=budi"}
)

// office is what a daemon of these tests knows.
type office struct {
	active   bool // and says so
	becomes  bool // active, between the look at it and the offer
	reset    bool // so that it wants an issued code
	keyURI   string
	refusal  *control.Problem // of every confirmation, in place of refused
	language string

	// before is called with each request, where it is not nil.
	before func(request string)
}

// daemon starts one that takes rightCode for a code of any phone.
func (o office) daemon(t *testing.T) *fakeDaemon {
	t.Helper()
	return daemonThat(t, o.answer)
}

// daemonThat starts one that answers so.
func daemonThat(t *testing.T, answer func(request string, body []byte) (int, any)) *fakeDaemon {
	t.Helper()
	folder, err := os.MkdirTemp("", "spse") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	d, err := startDaemon(filepath.Join(folder, "s"), t.Cleanup, answer)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (o office) answer(request string, body []byte) (int, any) {
	var offered control.OfferRequest
	var confirmed control.ActivationRequest
	if o.before != nil {
		o.before(request)
	}
	refused := control.Problem{Code: control.ProblemRefused, Error: "the code was not accepted"}
	switch request {
	case "GET /v1/host":
		return http.StatusOK, control.Host{Language: o.language, Issuer: "LPSE Kudus", Contact: "0291-0000"}
	case "GET /v1/account":
		return http.StatusOK, control.Account{Name: "budi", Active: o.active, Digits: 6}
	case "POST /v1/account/offer":
		if err := json.Unmarshal(body, &offered); err != nil {
			break
		}
		if (o.active || o.becomes) && offered.Code == "" {
			return http.StatusConflict, control.Problem{Code: control.ProblemCodeWanted, Error: "active already"}
		}
		if o.reset && offered.Code == "" {
			return http.StatusConflict, control.Problem{Code: control.ProblemIssuedWanted, Error: "activation takes a code of the helpdesk"}
		}
		if offered.Code == once {
			return http.StatusConflict, control.Problem{Code: control.ProblemBadRequest, Error: "that code is for one login", Hint: "it is unspent"}
		}
		if o.active && offered.Code != rightCode && offered.Code != recoveryCodes[0] || o.reset && offered.Code != issued {
			return http.StatusForbidden, refused
		}
		if o.keyURI != "" {
			return http.StatusOK, control.Offer{KeyURI: o.keyURI, Handle: "a-handle"}
		}
		return http.StatusOK, control.Offer{KeyURI: keyURI, Handle: "a-handle"}
	case "POST /v1/account/activation":
		if err := json.Unmarshal(body, &confirmed); err != nil {
			break
		}
		if o.refusal != nil {
			return http.StatusConflict, *o.refusal
		}
		if len(confirmed.Codes) > 0 && confirmed.Codes[len(confirmed.Codes)-1] == rightCode {
			return http.StatusOK, control.Account{Name: "budi", Active: true}
		}
		return http.StatusForbidden, refused
	}
	return http.StatusBadRequest, control.Problem{Code: control.ProblemBadRequest, Error: "unexpected " + request}
}

// askedConfirm is the confirmation by these codes.
func askedConfirm(codes ...string) string {
	return `POST /v1/account/activation?name=budi {"handle":"a-handle","codes":["` + strings.Join(codes, `","`) + `"]}`
}

func asked(more ...string) []string { return append(slices.Clone(askedIn), more...) }

// activates seats a person at 80x24 who activates budi.
func activates(t *testing.T, d *fakeDaemon, args ...string) *person {
	t.Helper()
	return seat(t, 24, 80, append([]string{"--socket", d.socket, "activate", "budi"}, args...)...)
}

// picture is the QR as it comes from a terminal.
func picture(t *testing.T, keyURI string, style qr.Style) string {
	t.Helper()
	code, err := qr.Encode(keyURI)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(code.Lines(style), "\r\n") + "\r\n"
}

// expectEnd fails unless the command ends so, with the secret off the screen
// and nowhere in what comes after.
func expectEnd(t *testing.T, p *person, status int, said string) {
	t.Helper()
	got, rest := p.leaves()
	if got != status {
		t.Errorf("exit code %d, want %d", got, status)
	}
	_, after, forgotten := strings.Cut(rest, wipe+leaveAlternate)
	if strings.Contains(p.seen, enterAlternate) && !forgotten {
		t.Errorf("the secret stays on the screen: %q", rest)
	}
	if !forgotten {
		after = rest
	}
	if strings.TrimSpace(after) != said {
		t.Errorf("it ends with %q, want %q", after, said)
	}
	if looksLikeASecret.MatchString(after) {
		t.Errorf("a secret is in %q", after)
	}
}

func TestActivate(t *testing.T) {
	d := office{language: "id"}.daemon(t)
	p := activates(t, d)
	screen := p.sees(prompt)
	if want := enterAlternate + wipe + texts.ScanQR() + "\r\n" + picture(t, keyURI, qr.Dark) +
		texts.SecretByHand(grouped) + "\r\n" + prompt; screen != want {
		t.Errorf("the screen is\n%q, want\n%q", screen, want)
	}
	p.types(rightCode + "\n")
	expectEnd(t, p, exitDone, texts.Activated())
	d.expectRequests(t, asked(askedOffer, askedConfirm(rightCode))...)
}

func TestActivateInEnglish(t *testing.T) {
	english := text.New(text.English, "LPSE Kudus", "0291-0000")
	p := activates(t, office{language: "en"}.daemon(t))
	if screen := p.sees(english.ConfirmPrompt(6)); !strings.Contains(screen, english.ScanQR()) {
		t.Errorf("the screen is %q", screen)
	}
	p.types(rightCode + "\n")
	expectEnd(t, p, exitDone, english.Activated())
}

func TestALanguageThatIsNotSpokenIsIndonesian(t *testing.T) {
	p := activates(t, office{language: "xx"}.daemon(t))
	p.sees(prompt)
}

// The longest key URI that is to fit: 134 bytes.
func TestEveryScreenFits80x24(t *testing.T) {
	longest := "otpauth://totp/LPSE%20Kabupaten%20Kudus:" + strings.Repeat("b", 14) +
		"?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=LPSE%20Kabupaten%20Kudus"
	longest = strings.Replace(longest, "bbb", strings.Repeat("b", 3+134-len(longest)), 1)
	if len(longest) != 134 {
		t.Fatalf("the URI has %d bytes", len(longest))
	}
	for _, uri := range []string{longest, keyURI} {
		p := activates(t, office{language: "id", keyURI: uri}.daemon(t))
		for _, side := range []string{picture(t, uri, qr.Dark), picture(t, uri, qr.Light), texts.NoPicture(), picture(t, uri, qr.Dark)} {
			screen := p.sees(prompt)
			if !strings.Contains(screen, side) || !strings.Contains(screen, grouped) {
				t.Errorf("%d bytes: a screen without\n%s\nor the secret:\n%s", len(uri), side, screen)
			}
			expectFits(t, screen)
			p.types(" ? \n")
		}
		p.sees(prompt)
		p.types(rightCode + "\n")
		expectEnd(t, p, exitDone, texts.Activated())
	}
}

func TestAPictureThatDoesNotFitIsNotShownFirst(t *testing.T) {
	for what, size := range map[string]struct{ rows, columns uint16 }{
		"too low":    {21, 80},
		"too narrow": {24, 38},
	} {
		p := seat(t, size.rows, size.columns, "--socket", office{language: "id"}.daemon(t).socket, "activate", "budi")
		if screen := p.sees(prompt); !strings.Contains(screen, texts.NoPicture()) || strings.ContainsAny(screen, "▀▄█") {
			t.Errorf("%s: the screen is\n%s", what, screen)
		}
		p.types("?\n") // the person may enlarge the window
		if screen := p.sees(prompt); !strings.Contains(screen, picture(t, keyURI, qr.Dark)) {
			t.Errorf("%s: turned over, the screen is\n%s", what, screen)
		}
	}
}

func TestATerminalWithoutASizeIsTakenFor80x24(t *testing.T) {
	p := seat(t, 0, 0, "--socket", office{language: "id"}.daemon(t).socket, "activate", "budi")
	if screen := p.sees(prompt); !strings.Contains(screen, picture(t, keyURI, qr.Dark)) {
		t.Errorf("the screen is\n%s", screen)
	}
}

func TestWrongConfirmationsAreAskedAgain(t *testing.T) {
	d := office{language: "id"}.daemon(t)
	p := activates(t, d)
	p.sees(prompt)
	p.types("111111\n")
	p.sees(texts.NotConfirmed())
	p.sees(prompt)
	p.types("?\n") // is no code, and does not come between two
	p.sees(prompt)
	p.types("222 222\n")
	p.sees(texts.NotConfirmed())
	p.sees(prompt)
	p.types(rightCode + "\n")
	expectEnd(t, p, exitDone, texts.Activated())
	d.expectRequests(t, asked(askedOffer, askedConfirm("111111"), askedConfirm("111111", "222 222"), askedConfirm("222 222", rightCode))...)
}

func TestFiveWrongConfirmationsEndIt(t *testing.T) {
	d := office{language: "id"}.daemon(t)
	p := activates(t, d)
	for range wrongConfirmations {
		p.sees(prompt)
		p.types("000000\n")
	}
	expectEnd(t, p, exitFailed, texts.StillNot())
	if n := len(d.requests()); n != len(askedIn)+1+5 {
		t.Errorf("%d requests", n)
	}
}

func TestEveryWayOutChangesNothing(t *testing.T) {
	for what, keys := range map[string]string{
		"^D": "\x04", "enter": "\n", "blanks": "  \n", "^D in a line": "123456\x04\x04", "Ctrl-C": "\x03", "Ctrl-\\": "\x1c",
	} {
		t.Run(what, func(t *testing.T) {
			d := office{language: "id"}.daemon(t)
			p := activates(t, d)
			p.sees(prompt)
			p.types(keys)
			expectEnd(t, p, exitFailed, texts.Abandoned())
			d.expectRequests(t, asked(askedOffer)...)
		})
		t.Run(what+" at the old phone's prompt", func(t *testing.T) {
			d := office{language: "id", active: true}.daemon(t)
			p := activates(t, d)
			p.sees(texts.CurrentOr())
			p.types(keys)
			status, rest := p.leaves()
			if status != exitFailed || !strings.HasSuffix(rest, texts.Abandoned()+"\r\n") {
				t.Errorf("exit code %d, %q", status, rest)
			}
			d.expectRequests(t, askedIn...)
		})
	}
}

// A recovery code that led to an activation is used, whatever comes of that; a code
// of the old phone is over in a moment all the same.
func TestLeavingAnActivationTellsOfTheRecoveryCode(t *testing.T) {
	wrong := strings.Repeat("000000\n", wrongConfirmations)
	for what, c := range map[string]struct{ code, keys, said string }{
		"recovery code, ^D":        {recoveryCodes[0], "\x04", texts.RecoverySpent()},
		"recovery code, enter":     {recoveryCodes[0], "\n", texts.RecoverySpent()},
		"recovery code, Ctrl-C":    {recoveryCodes[0], "\x03", texts.RecoverySpent()},
		"recovery code, all wrong": {recoveryCodes[0], wrong, texts.RecoverySpent()},
		"old phone, enter":         {rightCode, "\n", texts.Abandoned()},
		"old phone, all wrong":     {rightCode, wrong, texts.StillNot()},
	} {
		t.Run(what, func(t *testing.T) {
			p := activates(t, office{language: "id", active: true}.daemon(t))
			p.sees(texts.CurrentOr())
			p.types(c.code + "\n")
			p.sees(prompt)
			for key := range strings.Lines(c.keys) {
				p.types(key)
				if c.keys == wrong {
					p.sees("000000\r\n")
				}
			}
			expectEnd(t, p, exitFailed, c.said)
		})
	}
	t.Run("a recovery code that is no good", func(t *testing.T) {
		p := activates(t, office{language: "id", active: true}.daemon(t))
		p.sees(texts.CurrentOr())
		p.types(recoveryCodes[1] + "\n")
		p.sees(texts.CurrentOr())
		p.types("\n")
		if status, rest := p.leaves(); status != exitFailed || !strings.HasSuffix(rest, texts.Abandoned()+"\r\n") {
			t.Errorf("exit code %d, %q", status, rest)
		}
	})
	t.Run("Ctrl-C while it is being checked", func(t *testing.T) {
		received, release := make(chan struct{}), make(chan struct{})
		p := activates(t, office{language: "id", active: true, before: func(request string) {
			if request == "POST /v1/account/offer" {
				close(received)
				<-release
			}
		}}.daemon(t))
		p.sees(texts.CurrentOr())
		p.types(recoveryCodes[0] + "\n")
		<-received
		p.types("\x03")
		p.sees("^C")
		close(release)
		if status, rest := p.leaves(); status != exitFailed || !strings.HasSuffix(rest, texts.RecoverySpent()+"\r\n") {
			t.Errorf("exit code %d, %q", status, rest)
		}
	})
}

func TestCtrlCDuringAConfirmationTellsWhatIsTrue(t *testing.T) {
	received, release := make(chan struct{}), make(chan struct{})
	p := activates(t, office{language: "id", before: func(request string) {
		if request == "POST /v1/account/activation" {
			close(received)
			<-release
		}
	}}.daemon(t))
	p.sees(prompt)
	p.types(rightCode + "\n")
	<-received
	p.types("\x03")
	p.sees("^C")
	close(release)
	expectEnd(t, p, exitDone, texts.Activated())
}

func TestAnActiveAccountWantsACodeOfTheOldPhone(t *testing.T) {
	d := office{language: "id", active: true}.daemon(t)
	p := activates(t, d)
	p.sees(texts.CurrentOr())
	p.types("000000\n")
	p.sees(texts.Refused())
	p.sees(texts.CurrentOr())
	p.types(rightCode + "\n")
	p.sees(prompt)
	p.types(rightCode + "\n")
	expectEnd(t, p, exitDone, texts.Activated())
	d.expectRequests(t, asked(
		`POST /v1/account/offer?name=budi {"code":"000000"}`,
		`POST /v1/account/offer?name=budi {"code":"`+rightCode+`"}`,
		askedConfirm(rightCode))...)
}

func TestThreeWrongCodesOfTheOldPhoneEndIt(t *testing.T) {
	d := office{language: "id", active: true}.daemon(t)
	p := activates(t, d)
	for range maxWrongCodes {
		p.sees(texts.CurrentOr())
		p.types("000000\n")
	}
	p.sees("000000\r\n")
	expectEnd(t, p, exitFailed, texts.Refused())
	if looksLikeASecret.MatchString(p.seen) {
		t.Errorf("a secret was shown: %q", p.seen)
	}
}

func TestAnAccountThatBecameActiveMeanwhile(t *testing.T) {
	d := office{language: "id", becomes: true}.daemon(t)
	p := activates(t, d)
	p.sees(texts.CurrentOr())
	p.types(rightCode + "\n")
	p.sees(prompt)
	d.expectRequests(t, asked(askedOffer, `POST /v1/account/offer?name=budi {"code":"`+rightCode+`"}`)...)
}

// After a reset the password does not do: the helpdesk's code does.
func TestAResetAccountWantsAnIssuedCode(t *testing.T) {
	d := office{language: "id", reset: true}.daemon(t)
	p := activates(t, d)
	p.sees(texts.IssuedPrompt())
	p.types("ABCD-EFGH-JKMNQ\n")
	p.sees(texts.IssuedRefused())
	p.sees(texts.IssuedPrompt())
	p.types(issued + "\n")
	p.sees(prompt)
	p.types(rightCode + "\n")
	expectEnd(t, p, exitDone, texts.Activated())
	d.expectRequests(t, asked(askedOffer,
		`POST /v1/account/offer?name=budi {"code":"ABCD-EFGH-JKMNQ"}`,
		`POST /v1/account/offer?name=budi {"code":"`+issued+`"}`,
		askedConfirm(rightCode))...)
}

func TestThreeWrongIssuedCodesEndIt(t *testing.T) {
	d := office{language: "id", reset: true}.daemon(t)
	p := activates(t, d)
	for range maxWrongCodes {
		p.sees(texts.IssuedPrompt())
		p.types("ABCD-EFGH-JKMNQ\n")
	}
	p.sees("JKMNQ\r\n")
	expectEnd(t, p, exitFailed, texts.IssuedRefused())
	if n := len(d.requests()); n != len(askedIn)+1+maxWrongCodes {
		t.Errorf("%d requests", n)
	}
}

// A code for one login is not taken for a wrong one.
func TestAOnceCodeActivatesNothing(t *testing.T) {
	p := activates(t, office{language: "id", reset: true}.daemon(t))
	p.sees(texts.IssuedPrompt())
	p.types(once + "\n")
	p.sees("\n")
	expectEnd(t, p, exitFailed, "error: that code is for one login\r\nhint: it is unspent")
}

func TestAVoidOfferIsToldOf(t *testing.T) {
	void := &control.Problem{Code: control.ProblemVoid, Error: "this activation is void", Hint: "start again"}
	p := activates(t, office{language: "id", refusal: void}.daemon(t))
	p.sees(prompt)
	p.types(rightCode + "\n")
	expectEnd(t, p, exitFailed, "error: this activation is void\r\nhint: start again")
}

func TestWhatIsNoKeyURIIsNotShown(t *testing.T) {
	p := activates(t, office{language: "id", keyURI: "https://lpse.example/GEZDGNBV"}.daemon(t))
	status, rest := p.leaves()
	if status != exitFailed || !strings.HasPrefix(rest, "error: key URI: ") || strings.Contains(rest, "lpse.example") {
		t.Errorf("exit code %d, %q", status, rest)
	}
}

func TestYourOwnNameComesFromNSS(t *testing.T) {
	own, err := exec.Command("id", "-un").Output()
	if err != nil {
		t.Fatal(err)
	}
	d := office{language: "id"}.daemon(t)
	seat(t, 24, 80, "--socket", d.socket, "activate").sees(prompt)
	want := "GET /v1/account?name=" + strings.TrimSpace(string(own))
	if got := d.requests(); !slices.Contains(got, want) {
		t.Errorf("the daemon was asked %q, want %q", got, want)
	}
}

func TestAnOutputThatIsNoTerminalGetsNothing(t *testing.T) {
	d := office{language: "id"}.daemon(t)
	for what, line := range map[string]string{
		"output to a file":  `exec spse-totp --socket "$0" activate budi >"$1"/out`,
		"output to a pipe":  `spse-totp --socket "$0" activate budi | cat >"$1"/out; exit 1`,
		"input from a pipe": `echo 123456 | spse-totp --socket "$0" activate budi`,
		"a picture as well": `exec spse-totp --socket "$0" activate budi --png "$1"/qr.png >"$1"/out`,
	} {
		folder := t.TempDir()
		p := seatShell(t, line, d.socket, folder)
		status, rest := p.leaves()
		if status != exitFailed || !strings.HasPrefix(rest, "error: an activation shows a secret") {
			t.Errorf("%s: exit code %d, %q", what, status, rest)
		}
		if out, err := os.ReadFile(filepath.Join(folder, "out")); err == nil && len(out) > 0 {
			t.Errorf("%s: it holds %q", what, out)
		}
		if mode(filepath.Join(folder, "qr.png")) != "" {
			t.Errorf("%s: a picture was made", what)
		}
	}
	d.expectRequests(t)
}

// seatShell seats a person in front of a line of shell.
func seatShell(t *testing.T, line string, args ...string) *person {
	t.Helper()
	return start(t, 24, 80, append([]string{"sh", "-c", line}, args...)...)
}

// scan is what zbarimg reads in a file.
func scan(t *testing.T, file string) string {
	t.Helper()
	zbarimg, err := exec.LookPath("zbarimg")
	if err != nil {
		if os.Getenv("SPSE_TOTP_REQUIRE_TOOLS") == "1" {
			t.Fatal("zbarimg is missing: install zbar-tools")
		}
		t.Skip("NOT TESTED that scanners read the QR: zbarimg is missing, install zbar-tools")
	}
	out, err := exec.Command(zbarimg, "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", file).Output()
	if err != nil {
		t.Fatalf("zbarimg: %v", err)
	}
	return strings.TrimSuffix(string(out), "\n")
}
