package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"spse-totp/pamclient/hosts/stage"
)

// phone is the authenticator app, which knows the secret since the scan.
type phone struct{ secret string }

// code is what the phone shows at that time, as oathtool computes it.
func (p phone) code(at time.Time) (string, error) {
	cmd := exec.Command("oathtool", "--totp", "--base32", "--now", at.UTC().Format("2006-01-02 15:04:05 UTC"), "-")
	cmd.Stdin = strings.NewReader(p.secret)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("oathtool: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// knownHosts has the private sshd's key, as after a first login.
const knownHosts = stage.Dir + "/known_hosts"

// ssh is Debian's client, with nothing of the machine's own configuration.
func ssh() *exec.Cmd {
	cmd := exec.Command("ssh", "-F", "none", "-p", fmt.Sprint(port), "-o", "UserKnownHostsFile="+knownHosts,
		"-o", "PubkeyAuthentication=no",
		"-o", "PreferredAuthentications=keyboard-interactive", "-o", "NumberOfPasswordPrompts=1",
		operator+"@127.0.0.1", "echo Selamat datang, $(id -un).")
	cmd.Env = append(os.Environ(), "HOME="+stage.Dir, "LC_ALL=C.UTF-8")
	return cmd
}

// What ssh shows where something is to be typed, as patterns.
const (
	passwordPrompt = `Password: $`
	codePrompt     = `Security Code \(.*\): $`
	confirmPrompt  = `Ketik 6 angka dari HP \(.*\): $`
	recoveryOffer  = `Buat kode cadangan sekarang.*: $`
	provePrompt    = `Ketik kode cadangan nomor \d .*: $`
)

var groupsOfFour = regexp.MustCompile(`(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}`)

// firstLogin is the operator, who never was active. He reads the secret off the
// screen, where a person would scan the picture.
func firstLogin() (phone, session, error) {
	t, err := stage.Open(os.Stdout, ssh())
	if err != nil {
		return phone{}, "", err
	}
	defer t.Close()
	if err := enterAt(t, passwordPrompt, stage.Password); err != nil {
		return phone{}, "", err
	}
	seen, err := t.Wait(confirmPrompt)
	if err != nil {
		return phone{}, "", err
	}
	p := phone{secret: strings.ReplaceAll(groupsOfFour.FindString(seen), " ", "")}
	// What it showed half a minute ago is still good, and leaves the present code
	// for the next login.
	awaitFreshCode()
	code, err := p.code(time.Now().Add(-period))
	if err != nil {
		return phone{}, "", err
	}
	if err := errors.Join(t.Enter(code), mustEnd(t, 0)); err != nil {
		return phone{}, "", err
	}
	return p, sessionOf(t), nil
}

// period is how long a code is on the phone.
const period = 30 * time.Second

// awaitFreshCode waits, where the code on the phone is about to change, till it
// has, as people do.
func awaitFreshCode() {
	now := time.Now()
	if next := now.Truncate(period).Add(period); next.Sub(now) < period/6 {
		time.Sleep(next.Sub(now))
	}
}

var (
	codeLine = regexp.MustCompile(`(?m)^\d\) ([0-9A-Z-]+)\r?$`)
	askedFor = regexp.MustCompile(`nomor (\d)`)
)

// writeDown is the operator in his second login, who takes the offer of recovery
// codes, and types the one that he is asked for off his paper.
func writeDown(code string) (session, error) {
	t, err := stage.Open(os.Stdout, ssh())
	if err != nil {
		return "", err
	}
	defer t.Close()
	for _, step := range [][2]string{{passwordPrompt, stage.Password}, {codePrompt, code}, {recoveryOffer, "y"}} {
		if err := enterAt(t, step[0], step[1]); err != nil {
			return "", err
		}
	}
	seen, err := t.Wait(provePrompt)
	if err != nil {
		return "", err
	}
	paper := codeLine.FindAllStringSubmatch(seen, -1)
	number, err := strconv.Atoi(askedFor.FindStringSubmatch(seen[strings.LastIndexByte(seen, '\n')+1:])[1])
	if err != nil || number < 1 || number > len(paper) {
		return "", fmt.Errorf("asked for code %d, of %d on the screen", number, len(paper))
	}
	if err := errors.Join(t.Enter(paper[number-1][1]), mustEnd(t, 0)); err != nil {
		return "", err
	}
	return sessionOf(t), nil
}

// logIn is somebody who knows the password, and types a code. It demands that
// the code lets in, or does not.
func logIn(code string, lets bool) (session, error) {
	t, err := stage.Open(os.Stdout, ssh())
	if err != nil {
		return "", err
	}
	defer t.Close()
	status := 0
	if !lets {
		status = 255 // ssh's own
	}
	err = enterAt(t, passwordPrompt, stage.Password)
	if err == nil {
		err = enterAt(t, codePrompt, code)
	}
	if err == nil {
		err = mustEnd(t, status)
	}
	return sessionOf(t), err
}

func enterAt(t *stage.Terminal, prompt, line string) error {
	if _, err := t.Wait(prompt); err != nil {
		return err
	}
	return t.Enter(line)
}

// mustEnd demands that the program ends with that status.
func mustEnd(t *stage.Terminal, want int) error {
	got, err := t.Ended()
	if err == nil && got != want {
		err = fmt.Errorf("ended with status %d, want %d", got, want)
	}
	return err
}

func status(programs string) error {
	cmd := exec.Command(filepath.Join(programs, "spse-totp"), "status", operator)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// interactive is you, with your own phone.
func interactive(programs string) error {
	say("Log in as %s, password %s, and follow what you read: scan the picture with any authenticator app.", operator, stage.Password)
	if err := logInHere(); err != nil {
		return err
	}
	say("You are in, and activated. Now as every day: the same password, and a code. One works once: wait for the next.")
	if err := logInHere(); err != nil {
		return err
	}
	say("You are in.")
	return status(programs)
}

func logInHere() error {
	for range 3 {
		if here(ssh()) == nil {
			return nil
		}
	}
	return errors.New("three logins were refused")
}

// here runs a program at this terminal. Ctrl-C is the program's to answer.
func here(cmd *exec.Cmd) error {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}
