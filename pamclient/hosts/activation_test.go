package hosts

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"spse-totp/pamclient/hosts/people"
	"spse-totp/pamclient/hosts/stage"
)

const (
	confirmPrompt = "Ketik 6 angka dari HP (? = gambar lain): "
	activatedText = "Aktif. Mulai sekarang login meminta Security Code"
)

// --- by terminal: the clients people have

// client is a program that logs a user in, and then says masuk or shows a shell.
type client struct {
	program func(user string) *exec.Cmd
	// mute is a client that does not print what comes after a success.
	mute bool
}

func fingerprint(t *testing.T) string {
	t.Helper()
	public, err := os.ReadFile(stage.HostKey + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return ssh.FingerprintSHA256(key)
}

// byParamiko shows what the server says, and asks.
const byParamiko = `
import sys, socket, paramiko
user = sys.argv[1]
def asked(title, instructions, prompts):
    print(title, instructions)
    answers = []
    for text, echo in prompts:
        sys.stdout.write(text)
        sys.stdout.flush()
        answers.append(sys.stdin.readline().rstrip("\n"))
    return answers
t = paramiko.Transport(socket.create_connection(("127.0.0.1", 2201)))
t.start_client(timeout=15)
t.auth_interactive(user, asked)
s = t.open_session()
s.exec_command("echo masuk")
print(s.makefile().read().decode())
t.close()
`

func clients(t *testing.T) map[string]client {
	all := map[string]client{
		"OpenSSH": {program: func(user string) *exec.Cmd {
			return exec.Command("ssh", "-p", fmt.Sprint(portPassword), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
				"-o", "PreferredAuthentications=keyboard-interactive", user+"@127.0.0.1", "echo masuk")
		}},
		"plink": {mute: true, program: func(user string) *exec.Cmd {
			return exec.Command("plink", "-ssh", "-P", fmt.Sprint(portPassword), "-hostkey", fingerprint(t), "-no-antispoof",
				"-l", user, "127.0.0.1", "echo masuk")
		}},
		"paramiko": {mute: true, program: func(user string) *exec.Cmd { return exec.Command("/usr/bin/python3", "-c", byParamiko, user) }},
		"login":    {program: func(user string) *exec.Cmd { return exec.Command("login", "-p", user) }},
		"su": {program: func(user string) *exec.Cmd {
			cmd := exec.Command("su", user, "-c", "echo masuk")
			cmd.SysProcAttr = credential(stage.FirstUID)
			return cmd
		}},
		"sudo": {program: func(user string) *exec.Cmd {
			cmd := exec.Command("sudo", "-k", "echo", "masuk")
			cmd.SysProcAttr = credential(theFleet.uid(user))
			return cmd
		}},
	}
	return all
}

// Every client leads through activation: the QR is read off what it printed, as
// a phone would, on a dark screen, and turned over on a light one; the code comes
// from oathtool. And the next login is by a code.
func TestActivationByEachClient(t *testing.T) {
	coverSudoers(t)
	for name, c := range clients(t) {
		for _, screen := range []people.Screen{people.DarkScreen, people.LightScreen} {
			what := name + ", dark"
			if screen == people.LightScreen {
				what = name + ", light"
			}
			t.Run(what, func(t *testing.T) {
				user := theFleet.newcomer(t)
				uri, err := activateAtTerminal(c, user, screen)
				if err != nil {
					t.Fatal(err)
				}
				mustBeActive(t, user, true)
				if !strings.HasPrefix(uri, "otpauth://totp/LPSE%20Kudus:"+user+"?") {
					t.Errorf("the phone has %.60q", uri)
				}
				next, err := people.PhoneCode(uri, 30)
				if err != nil {
					t.Fatal(err)
				}
				if err := logIn(portPassword, user, answers(stage.Password, next)); err != nil {
					t.Errorf("the login after it: %v", err)
				}
			})
		}
	}
	for _, program := range []string{"sshd", "login", "su", "sudo"} {
		mustLeaveNoProcess(t, program)
	}
}

func activateAtTerminal(c client, user string, screen people.Screen) (uri string, err error) {
	cmd := c.program(user)
	cmd.Env = []string{"LANG=C.UTF-8", "TERM=xterm", "PATH=" + os.Getenv("PATH"), "HOME=/"}
	cmd.Dir = "/"
	terminal, err := stage.Open(io.Discard, cmd)
	if err != nil {
		return "", err
	}
	defer terminal.Close()
	for _, step := range []func() error{
		func() error { return reply(terminal, `[Pp]assword[^\n]*: $`, stage.Password) },
		func() error {
			if screen == people.DarkScreen {
				return nil
			}
			return reply(terminal, `gambar lain\): $`, "?")
		},
		func() error {
			if _, err := terminal.Wait(`gambar lain\): $`); err != nil {
				return err
			}
			if uri, err = people.Scan(terminal.Shown(), screen); err != nil {
				return err
			}
			code, err := people.PhoneCode(uri, 0)
			if err != nil {
				return err
			}
			return terminal.Enter(code)
		},
	} {
		if err := step(); err != nil {
			return "", fmt.Errorf("%w, after %q", err, last(terminal.Shown(), 300))
		}
	}
	return uri, arrive(terminal, c.mute)
}

func reply(terminal *stage.Terminal, pattern, line string) error {
	if _, err := terminal.Wait(pattern); err != nil {
		return err
	}
	return terminal.Enter(line)
}

// arrive waits till the login is in, and leaves.
func arrive(terminal *stage.Terminal, mute bool) error {
	if !mute {
		if _, err := terminal.Wait(activatedText); err != nil {
			return fmt.Errorf("%w, after %q", err, last(terminal.Shown(), 300))
		}
	}
	seen, err := terminal.Wait(`masuk\r?\n|\$ $`)
	if err != nil {
		return fmt.Errorf("%w, after %q", err, last(terminal.Shown(), 300))
	}
	if strings.HasSuffix(seen, "$ ") {
		if err := terminal.Enter("exit"); err != nil {
			return err
		}
	}
	status, err := terminal.Ended()
	if err != nil || status != 0 {
		return fmt.Errorf("ended with status %d, %w", status, err)
	}
	return nil
}

func last(s string, n int) string { return s[max(0, len(s)-n):] }

// mustBeActive asks the daemon, as root.
func mustBeActive(t *testing.T, user string, want bool) {
	t.Helper()
	out, err := exec.Command(filepath.Join("..", "..", "build", "spse-totp"), "status", user, "--json").Output()
	if err != nil {
		t.Fatalf("status: %v", err)
	}
	if active := strings.Contains(string(out), `"active": true`) || strings.Contains(string(out), `"active":true`); active != want {
		t.Errorf("%s is active: %v, want %v", user, active, want)
	}
}

// --- by golang.org/x/crypto/ssh: storms and cuts

// beginner answers as somebody who never was active. at is called at each prompt
// of the activation with what the screen shows, and returns what is typed.
func beginner(at func(screen string) (string, error)) ssh.AuthMethod {
	return typing(stage.Password, at)
}

// typing is beginner with another password.
func typing(password string, at func(screen string) (string, error)) ssh.AuthMethod {
	return ssh.KeyboardInteractive(func(_, instruction string, questions []string, _ []bool) ([]string, error) {
		var said []string
		for _, question := range questions {
			typed := password
			switch {
			case people.IsOffer(question):
				typed = ""
			case strings.HasSuffix(question, confirmPrompt):
				var err error
				if typed, err = at(instruction + question); err != nil {
					return nil, err
				}
			}
			said = append(said, typed)
		}
		return said, nil
	})
}

func byPhone(screen string) (string, error) {
	uri, err := people.Scan(screen, people.DarkScreen)
	if err != nil {
		return "", err
	}
	return people.PhoneCode(uri, 0)
}

func TestActivationStorms(t *testing.T) {
	for name, c := range map[string]struct{ logins, parallel int }{"in sequence": {20, 1}, "8 in parallel": {8, 8}} {
		t.Run(name, func(t *testing.T) {
			var workers sync.WaitGroup
			names := make(chan string, c.logins)
			for range c.logins {
				names <- theFleet.newcomer(t)
			}
			close(names)
			for range c.parallel {
				workers.Go(func() {
					for user := range names {
						if err := logIn(portPassword, user, beginner(byPhone)); err != nil {
							t.Errorf("%s: %v", user, err)
							continue
						}
						mustBeActive(t, user, true)
					}
				})
			}
			workers.Wait()
			mustLeaveNoProcess(t, "sshd")
		})
	}
}

// cutRounds are for each way of being cut off: 100 rounds in all in the long form.
func cutRounds() int {
	if os.Getenv("SPSE_TOTP_LONG") == "1" {
		return 25
	}
	return 5
}

var errCut = errors.New("the client goes away")

// Activation that is cut off, at its first prompt or after a wrong code or a
// turned picture, by whatever: never half, and the next login activates.
func TestActivationCutOff(t *testing.T) {
	const portShort = 2204
	sshd, err := theFleet.sshd(portShort, "LoginGraceTime 1")
	if err != nil {
		t.Fatal(err)
	}
	cuts := map[string]func(t *testing.T, user, before string){
		"the client goes": func(t *testing.T, user, before string) {
			cutAt(portPassword, user, before, func(string) (string, error) { return "", errCut })
		},
		"empty": func(t *testing.T, user, before string) {
			cutAt(portPassword, user, before, func(string) (string, error) { return "", nil })
		},
		"LoginGraceTime": func(t *testing.T, user, before string) {
			cutAt(portShort, user, before, func(screen string) (string, error) {
				time.Sleep(1500 * time.Millisecond) // it is the time that passes which is tested
				return byPhone(screen)
			})
		},
		"the daemon is killed": func(t *testing.T, user, before string) {
			// The code typed then is of a secret that died with the daemon.
			cutAt(portPassword, user, before, func(screen string) (string, error) {
				code, err := byPhone(screen)
				return code, errors.Join(err, theFleet.restart(syscall.SIGKILL))
			})
		},
	}
	for name, cut := range cuts {
		t.Run(name, func(t *testing.T) {
			user := theFleet.newcomer(t)
			for round := range cutRounds() {
				cut(t, user, []string{"", "?", "000000"}[round%3])
				mustBeActive(t, user, false)
			}
			if err := logIn(portPassword, user, beginner(byPhone)); err != nil {
				t.Errorf("the login after them: %v", err)
			}
			mustBeActive(t, user, true)
		})
	}
	if err := sshd.Stop(); err != nil {
		t.Fatal(err)
	}
	mustLeaveNoProcess(t, "sshd")
}

// Ctrl-C and ^D at the activation's prompt: nobody is in, and nothing is half.
func TestActivationLeftByAKey(t *testing.T) {
	coverSudoers(t)
	all := clients(t)
	user := theFleet.newcomer(t)
	for _, name := range []string{"OpenSSH", "login", "su", "sudo"} {
		for key, what := range map[byte]string{'\x03': "Ctrl-C", '\x04': "^D"} {
			t.Run(name+", "+what, func(t *testing.T) {
				cmd := all[name].program(user)
				cmd.Dir = "/"
				terminal, err := stage.Open(io.Discard, cmd)
				if err != nil {
					t.Fatal(err)
				}
				defer terminal.Close()
				if err := reply(terminal, `[Pp]assword[^\n]*: $`, stage.Password); err != nil {
					t.Fatal(err)
				}
				if _, err := terminal.Wait(`gambar lain\): $`); err != nil {
					t.Fatal(err)
				}
				if err := terminal.Press(key); err != nil {
					t.Fatal(err)
				}
				// It ends, or asks for another name, or for the password again.
				seen, err := terminal.Wait(`masuk\r?\n|\$ $|ogin: $|assword[^\n]*: $`)
				if in := strings.Contains(seen, "masuk") || strings.HasSuffix(seen, "$ "); err == nil && in {
					t.Errorf("in: %q", last(seen, 200))
				}
				if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
					t.Fatal(err)
				}
				mustBeActive(t, user, false)
			})
		}
	}
	for _, program := range []string{"sshd", "login", "su", "sudo"} {
		mustLeaveNoProcess(t, program)
	}
}

// cutAt logs in, types before to the first prompt where it is not empty, and is
// cut at the next. The one who is asked again after a cut gives up.
func cutAt(port int, user, before string, cut func(screen string) (string, error)) {
	picture := ""
	asked := 0
	_ = logIn(port, user, beginner(func(screen string) (string, error) {
		if asked++; strings.Contains(screen, "▀") {
			picture = screen
		}
		switch {
		case asked == 1 && before != "":
			return before, nil
		case asked <= 2 && (before != "") == (asked == 2):
			return cut(picture)
		default:
			return "", errCut
		}
	})) // whether it got in is asked of the daemon
}

// Two at once for one account: the first confirmed wins, the other is told.
func TestTwoActivateAtOnce(t *testing.T) {
	user := theFleet.newcomer(t)
	told := ""
	err := logIn(portPassword, user, ssh.KeyboardInteractive(func(_, instruction string, questions []string, _ []bool) ([]string, error) {
		told += instruction
		if len(questions) == 0 {
			return nil, nil
		}
		if !strings.HasSuffix(questions[0], confirmPrompt) {
			return []string{stage.Password}, nil
		}
		if err := logIn(portPassword, user, beginner(byPhone)); err != nil {
			t.Errorf("the first: %v", err)
		}
		code, err := byPhone(instruction + questions[0])
		return []string{code}, err
	}))
	if err == nil || !strings.Contains(told, "baru saja diaktifkan dari tempat lain") {
		t.Errorf("the second: %v, told %q", err, told)
	}
	mustBeActive(t, user, true)
	mustLeaveNoProcess(t, "sshd")
}
