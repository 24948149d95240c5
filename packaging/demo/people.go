package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
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

var groupsOfFour = regexp.MustCompile(`(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}`)

// activate is the operator at a terminal, as himself. He reads the secret off
// the screen, where a person would scan the picture.
func activate(programs string) (phone, error) {
	t, err := stage.Open(os.Stdout, asOperator(filepath.Join(programs, "spse-totp"), "activate"))
	if err != nil {
		return phone{}, err
	}
	defer t.Close()
	seen, err := t.Wait(groupsOfFour.String())
	if err != nil {
		return phone{}, err
	}
	p := phone{secret: strings.ReplaceAll(groupsOfFour.FindString(seen), " ", "")}
	if _, err := t.Wait(`\): $`); err != nil {
		return phone{}, err
	}
	// What it showed half a minute ago is still good, and leaves the present code
	// for the login.
	code, err := p.code(time.Now().Add(-30 * time.Second))
	if err != nil {
		return phone{}, err
	}
	return p, errors.Join(t.Enter(code), mustEnd(t, 0))
}

func asOperator(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stage.FirstUID, Gid: stage.FirstUID}}
	return cmd
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

// logIn is somebody who knows the password, and types a code. It demands that
// the code lets in, or does not.
func logIn(p *picture, code string, lets bool) error {
	t, err := stage.Open(os.Stdout, ssh())
	if err != nil {
		return err
	}
	defer t.Close()
	for _, step := range [][2]string{{`Password: $`, stage.Password}, {`Security Code \(.*\): $`, code}} {
		if _, err := t.Wait(step[0]); err != nil {
			return err
		}
		if err := t.Enter(step[1]); err != nil {
			return err
		}
	}
	status := 0
	if !lets {
		status = 255 // ssh's own
	}
	if err := mustEnd(t, status); err != nil {
		return err
	}
	p.add(t)
	return nil
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
	say("Activate your own phone as %s: scan the picture with any authenticator app.", operator)
	if err := here(asOperator(filepath.Join(programs, "spse-totp"), "activate")); err != nil {
		return fmt.Errorf("activation: %w", err)
	}
	say("Now log in. Password: %s. A code works once: wait for the next.", stage.Password)
	for range 3 {
		if here(ssh()) == nil {
			say("You are in.")
			return status(programs)
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
