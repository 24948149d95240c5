package hosts

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"spse-totp/pamclient/hosts/people"
	"spse-totp/pamclient/hosts/stage"
)

// coverKeyAndCode lays the stack without a password over sshd's, for one test:
// the key is sshd's own affair, and PAM asks for the code alone.
func coverKeyAndCode(t *testing.T, arguments string) {
	t.Helper()
	cover(t, "/etc/pam.d/sshd", fmt.Sprintf(`auth	required	%[1]s %[2]s
auth	required	pam_permit.so
account	required	pam_unix.so
account	required	%[1]s %[2]s
session	required	pam_permit.so
`, theFleet.module, arguments), 0o644)
}

const ofSSHD = "services=sshd account=sshd"

// onlyTheCode gives the code to the code's prompt, and minds any other but an
// offer.
func onlyTheCode(code string) ssh.AuthMethod {
	return ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
		said := make([]string, len(questions))
		for i, question := range questions {
			switch {
			case people.IsOffer(question):
			case people.IsCodePrompt(question):
				said[i] = code
			default:
				return nil, fmt.Errorf("asked %q", question)
			}
		}
		return said, nil
	})
}

func TestKeyAndCodeWithoutAPassword(t *testing.T) {
	coverKeyAndCode(t, ofSSHD)
	for name, s := range map[string]storm{
		"in sequence":   {logins: 100, parallel: 1},
		"8 in parallel": {logins: 100, parallel: 8},
	} {
		t.Run(name, func(t *testing.T) {
			s.logIn = func(user, code string) error {
				return logIn(portKey, user, ssh.PublicKeys(theFleet.key), onlyTheCode(code))
			}
			s.run(t, "sshd")
		})
	}
}

// Nobody gets in by one of the two, whatever else they have; and what they try
// leaves the right code as good as it was.
func TestNeitherKeyNorCodeAloneGetsIn(t *testing.T) {
	coverKeyAndCode(t, ofSSHD)
	name, code := theFleet.code(t)
	key := ssh.PublicKeys(theFleet.key)
	for what, methods := range map[string][]ssh.AuthMethod{
		"the key alone":                {key},
		"the code alone":               {onlyTheCode(code)},
		"the password alone":           {ssh.Password(stage.Password)},
		"the key and the password":     {key, ssh.Password(stage.Password)},
		"the password and the code":    {ssh.Password(stage.Password), answers(stage.Password, code)},
		"another's key and the code":   {ssh.PublicKeys(must(newKey())), onlyTheCode(code)},
		"the key, password for a code": {key, onlyTheCode(stage.Password)},
		"the key and an empty code":    {key, onlyTheCode("")},
		"the key and a wrong code":     {key, onlyTheCode(people.Spoilt(code))},
	} {
		if err := logIn(portKey, name, methods...); err == nil {
			t.Errorf("%s: in", what)
		}
	}
	if err := logIn(portKey, name, key, onlyTheCode(code)); err != nil {
		t.Errorf("and then both: %v", err)
	}
	before := theFleet.events.count(name)
	if err := logIn(portKey, name, key, onlyTheCode(code)); err == nil {
		t.Error("the same code again: in")
	}
	if last := theFleet.events.await(t, name, before+1)[before]; last["SPSE_TOTP_REASON"] != "replayed" {
		t.Errorf("the event is %v", last)
	}
	if err := logIn(portKey, notActivated, key, onlyTheCode("123456")); err == nil {
		t.Error("somebody who never activated: in")
	}
	mustLeaveNoProcess(t, "sshd")
}

// After a key alone sshd asks PAM for nothing but the account phase: who is in
// account= is refused there, and reads what must be set; others go on.
func TestAKeyAloneIsRefusedWhereAccountSaysSo(t *testing.T) {
	for arguments, refused := range map[string]bool{
		ofSSHD:                        true,
		"account=login,sshd":          true,
		"services=sshd":               false,
		"":                            false,
		"services=sshd account=login": false,
		"services=login account=sshd": false, // config check warns of this one
	} {
		t.Run(arguments, func(t *testing.T) {
			coverKeyAndCode(t, arguments)
			name, _ := theFleet.code(t)
			banner, err := bannerOf(portPassword, name, ssh.PublicKeys(theFleet.key))
			if refused != (err != nil) {
				t.Errorf("refused: %v, want %v", err, refused)
			}
			if refused != strings.Contains(banner, keyThenCode) {
				t.Errorf("the administrator is told %q", banner)
			}
			mustLeaveNoProcess(t, "sshd")
		})
	}
}

// Under Debian's default, prohibit-password, sshd replaces what root types
// before PAM sees it. With PermitRootLogin yes root needs key and code like
// everybody else.
func TestRootByKeyAndCode(t *testing.T) {
	if err := stage.GivePassword("root"); err != nil {
		t.Fatal(err)
	}
	root, err := people.Activate(people.Control(stage.ControlSocket), "root")
	if err != nil {
		t.Fatal(err)
	}
	const portRoot = 2203
	sshd, err := theFleet.sshd(portRoot, keyThenCode, "PermitRootLogin yes")
	if err != nil {
		t.Fatal(err)
	}
	key := ssh.PublicKeys(theFleet.key)
	code, _ := root.Code()

	t.Run("without a password", func(t *testing.T) {
		coverKeyAndCode(t, ofSSHD)
		before := theFleet.events.count("root")
		if err := logIn(portKey, "root", key, onlyTheCode(code)); err == nil {
			t.Error("in under PermitRootLogin prohibit-password: the README says otherwise")
		}
		if last := theFleet.events.await(t, "root", before+1)[before]; last["SPSE_TOTP_REASON"] != "withheld" {
			t.Errorf("what sshd put in the place of the code came to %v", last)
		}
		for what, methods := range map[string][]ssh.AuthMethod{
			"the key alone":            {key},
			"the code alone":           {onlyTheCode(code)},
			"the key and a wrong code": {key, onlyTheCode(people.Spoilt(code))},
		} {
			if err := logIn(portRoot, "root", methods...); err == nil {
				t.Errorf("%s: in", what)
			}
		}
		if err := logIn(portRoot, "root", key, onlyTheCode(code)); err != nil {
			t.Errorf("key and code: %v", err)
		}
		if err := logIn(portRoot, "root", key, onlyTheCode(code)); err == nil {
			t.Error("the same code again: in")
		}
	})

	t.Run("with a password", func(t *testing.T) {
		code, ok := root.Code()
		if !ok {
			t.Fatal("root has no code left")
		}
		for what, methods := range map[string][]ssh.AuthMethod{
			"password and code without the key": {answers(stage.Password, code)},
			"the password method":               {ssh.Password(stage.Password)},
			"key and password":                  {key, ssh.Password(stage.Password)},
		} {
			if err := logIn(portRoot, "root", methods...); err == nil {
				t.Errorf("%s: in", what)
			}
		}
		if err := logIn(portKey, "root", key, answers(stage.Password, code)); err == nil {
			t.Error("in under PermitRootLogin prohibit-password")
		}
		if err := logIn(portRoot, "root", key, answers(stage.Password, code)); err != nil {
			t.Errorf("and then the key, the password and the code: %v", err)
		}
	})

	if err := sshd.Stop(); err != nil {
		t.Fatal(err)
	}
	mustLeaveNoProcess(t, "sshd")
}
