// The demo: an operator logs in over SSH, activates his phone in that first
// login, writes recovery codes down in the next and gives codes from then on, with
// the real daemon, module, CLI, sshd and ssh, on a stage that leaves nothing behind.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"spse-totp/pamclient/hosts/stage"
)

const (
	operator = "budi"
	port     = 2201
)

func main() {
	if os.Getenv("SPSE_TOTP_STAGE") != "" {
		os.Exit(stage.Main(perform))
	}
	if os.Getenv("INTERACTIVE") == "1" && !terminal(os.Stdin) {
		fmt.Fprintln(os.Stderr, "error: INTERACTIVE=1 wants a terminal")
		os.Exit(1)
	}
	before := look()
	if err := os.Setenv(demoVariable, fmt.Sprint(os.Getpid())); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	code := stage.Main(perform)
	if left := before.differences(look()); len(left) > 0 {
		fmt.Fprintln(os.Stderr, "error: the demo left something behind:", strings.Join(left, ", "))
		code = 1
	} else if code == 0 {
		fmt.Println("Left behind: nothing. Processes, mounts, users and files are as before.")
	}
	os.Exit(code)
}

// perform is the demo, on the stage.
func perform() int {
	var logs bytes.Buffer
	if err := play(&logs); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		fmt.Fprintln(os.Stderr, "hint: the logs of the daemon and of sshd follow")
		fmt.Fprintln(os.Stderr, logs.String())
		return 1
	}
	return 0
}

func play(logs *bytes.Buffer) error {
	say("Setting the stage: a daemon that holds the secrets, and a private sshd on loopback.")
	programs, err := setUp(logs)
	if err != nil {
		return err
	}
	if os.Getenv("INTERACTIVE") == "1" {
		return interactive(programs)
	}
	say("Codes are a must from today. %s logs in with the password, and is led through activation, once.", operator)
	phone, first, err := firstLogin()
	if err != nil {
		return err
	}
	say("The phone shows a code. In the next login %s is offered recovery codes for a lost phone, and writes them down.", operator)
	code, err := phone.code(time.Now())
	if err != nil {
		return err
	}
	made, err := writeDown(code)
	if err != nil {
		return err
	}
	say("From then on %s logs in with password and Security Code, and is told what happened since the last login.", operator)
	if code, err = phone.code(time.Now().Add(period)); err != nil { // which is good already
		return err
	}
	daily, err := logIn(code, true)
	if err != nil {
		return err
	}
	say("Somebody saw that code and tries it again, at once: refused, a code works once.")
	replayed, err := logIn(code, false)
	if err != nil {
		return err
	}
	say("Somebody has the password, and guesses a code: refused, with the same words.")
	guessed, err := logIn("000000", false)
	if err != nil {
		return err
	}
	say("An administrator asks: spse-totp status %s", operator)
	if err := status(programs); err != nil {
		return err
	}
	if folder := os.Getenv("PICTURES"); folder != "" {
		return writePictures(folder, map[string][]session{
			"login.svg":         {daily, replayed, guessed},
			"masuk-pertama.svg": {first},
			"kode-cadangan.svg": {made},
			"masuk-harian.svg":  {daily},
			"kode-salah.svg":    {guessed},
		})
	}
	return nil
}

// setUp readies the account, the daemon and sshd, and returns the folder of
// the programs.
func setUp(logs *bytes.Buffer) (string, error) {
	if err := stage.Users(operator); err != nil {
		return "", err
	}
	programs, err := copyPrograms()
	if err != nil {
		return "", err
	}
	module := filepath.Join(programs, "pam_spse_totp.so")
	if err := stage.PAM("sshd", module, "socket="+stage.PAMSocket+" services=sshd account=sshd"); err != nil {
		return "", err
	}
	if _, err := stage.Daemon(logs, programs); err != nil {
		return "", err
	}
	if _, err := stage.SSHD(logs, port); err != nil {
		return "", err
	}
	key, err := os.ReadFile(stage.HostKey + ".pub")
	if err != nil {
		return "", err
	}
	return programs, os.WriteFile(knownHosts, fmt.Appendf(nil, "[127.0.0.1]:%d %s", port, key), 0o644)
}

// copyPrograms puts what `make build` made where the operator can run it too.
func copyPrograms() (string, error) {
	to := filepath.Join(stage.Dir, "bin")
	if err := os.Mkdir(to, 0o755); err != nil {
		return "", err
	}
	for _, name := range []string{"spse-totpd", "spse-totp", "pam_spse_totp.so"} {
		b, err := os.ReadFile(filepath.Join("build", name))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(to, name), b, 0o755); err != nil {
			return "", err
		}
	}
	return to, nil
}

func terminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

var begun = time.Now()

// say prints one step of the demo.
func say(format string, args ...any) {
	fmt.Printf("\n\033[1m[%4.1f s] %s\033[0m\n\n", time.Since(begun).Seconds(), fmt.Sprintf(format, args...))
}
