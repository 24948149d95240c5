package main

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestTheDaemonGetsTheSlackOfItsUnit(t *testing.T) {
	slack, err := unitSlack("../../systemd/spse-totpd.service")
	if err != nil || slack != time.Millisecond {
		t.Fatalf("slack %v, %v", slack, err)
	}
	if _, err := unitSlack("../../systemd/spse-totp-pam.socket"); err == nil {
		t.Error("a slack was found in a unit that has none")
	}
	// A shell reads its own; none but root reads that of others.
	var said []byte
	var failed error
	err = withSlack(slack, func() error {
		said, failed = exec.CommandContext(t.Context(), "/bin/sh", "-c", "read slack < /proc/$$/timerslack_ns && echo $slack").Output()
		return nil
	})
	if err := errors.Join(err, failed); err != nil || strings.TrimSpace(string(said)) != "1000000" {
		t.Errorf("the program had a slack of %q ns: %v", said, err)
	}
}
