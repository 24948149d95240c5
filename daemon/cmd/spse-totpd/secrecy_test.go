package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/internal/control"
	"spse-totp/daemon/protocol"
)

// canary stands for a password typed at the wrong place.
const canary = "Rahasia-77"

// forms are the ways in which a person's secret could be written.
func (p person) forms() []string {
	raw := p.secret.Bytes()
	return []string{
		p.secret.Base32(), p.secret.Grouped(), string(raw), hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)),
		base64.StdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw), fmt.Sprint(raw),
	}
}

// No code, secret or password comes out of the daemon, other than the secret
// that an offer shows.
func TestNothingSecretComesOut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	budi := b.people("budi")[0]
	keyset, err := os.ReadFile(b.path("keyset.json"))
	if err != nil {
		t.Fatal(err)
	}
	d := b.start()
	said := map[string]string{} // by where it came out
	tell := func(where, what string) { said[where] += what + "\n" }

	// At pam.sock: right, wrong, no code at all, a password for a name.
	right, wrong := budi.code(0), budi.wrong()
	for _, typed := range []string{right, right, wrong, canary} {
		c, err := b.talk(budi.start())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.prompt(); err != nil {
			t.Fatal(err)
		}
		if err := c.send(answer(typed)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.result(); err != nil {
			t.Fatal(err)
		}
		tell("texts", strings.Join(c.shown, "\n"))
		c.close()
	}
	typed := protocol.NewTyped(canary)
	for _, start := range []protocol.Start{
		{Phase: protocol.PhaseAuth, Service: "sshd", User: canary, Typed: &typed},
		{Phase: protocol.PhaseAuth, Service: "sshd", User: canary, LastPrompt: canary, Typed: &typed},
		{Phase: protocol.PhaseAccount, Service: "sshd", User: canary, Typed: &typed},
	} {
		c, err := b.talk(start)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.next(); err != nil {
			t.Fatal(err)
		}
		tell("texts", strings.Join(c.shown, "\n"))
		c.close()
	}
	c, err := b.talk()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.conn.Write([]byte(canary)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.result(); err != nil {
		t.Fatal(err)
	}
	c.close()

	// At control.sock: an activation, and whatever can be said wrongly.
	name := self(t)
	offer, err := ask[control.Offer](b, http.MethodPost, control.PathOffer, name, control.OfferRequest{})
	if err != nil {
		t.Fatal(err)
	}
	self := scan(t, name, offer)
	request := control.ActivationRequest{Handle: offer.Handle, Codes: []string{canary}}
	for _, call := range []struct {
		method, path, name string
		body               any
	}{
		{http.MethodPost, control.PathActivation, name, request},
		{http.MethodPost, control.PathActivation, name, control.ActivationRequest{Handle: canary, Codes: []string{canary}}},
		{http.MethodPost, control.PathActivation, name, control.ActivationRequest{Handle: offer.Handle, Codes: []string{self.code(0)}}},
		{http.MethodPost, control.PathActivation, name, control.ActivationRequest{Handle: offer.Handle, Codes: []string{self.code(0)}}},
		{http.MethodPost, control.PathOffer, name, control.OfferRequest{Code: canary}},
		{http.MethodPost, control.PathOffer, name, `{"` + canary + `":1}`},
		{http.MethodPost, control.PathReset, canary, control.Justification{Reason: "HP hilang"}},
		{http.MethodPost, control.PathDisable, canary, nil},
		{http.MethodGet, control.PathAccount, name, nil},
		{http.MethodGet, control.PathAccounts, "", nil},
		{http.MethodGet, "/" + canary, canary, nil},
	} {
		_, answer, err := b.call(call.method, call.path, call.name, call.body)
		if err != nil {
			t.Fatal(err)
		}
		tell("answers", answer)
	}
	d.await(audit.Activation, "accepted")
	for _, path := range databaseFiles(t, b) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		tell("database", string(content))
	}
	if status := d.stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	tell("standard error", d.withoutTimes())

	secrets := append(budi.forms(), self.forms()...)
	secrets = append(secrets, canary, right, wrong, self.code(0), offer.Handle, keyOf(t, keyset))
	for where, what := range said {
		if what == "" {
			t.Errorf("nothing came out by the %s", where)
		}
		for _, secret := range secrets {
			if strings.Contains(what, secret) {
				t.Errorf("%q is in the %s:\n%q", secret, where, what)
			}
		}
	}
}

// withoutTimes is standard error without the nanoseconds and pids, whose
// digits may read as any code.
func (d *process) withoutTimes() string {
	var said strings.Builder
	for line := range strings.Lines(d.said()) {
		var e event
		if json.Unmarshal([]byte(line), &e) != nil {
			said.WriteString(line)
			continue
		}
		for key, value := range e {
			if key != "TIME" && key != "MESSAGE_ID" {
				fmt.Fprintf(&said, "%s=%s\n", key, value)
			}
		}
	}
	return said.String()
}

func databaseFiles(t *testing.T, b *bench) []string {
	t.Helper()
	paths, err := filepath.Glob(b.database() + "*")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no database: %v", err)
	}
	return paths
}

// keyOf is the key within a keyset.
func keyOf(t *testing.T, keyset []byte) string {
	t.Helper()
	var set struct {
		Key []struct {
			KeyData struct {
				Value string `json:"value"`
			} `json:"keyData"`
		} `json:"key"`
	}
	if err := json.Unmarshal(keyset, &set); err != nil || len(set.Key) != 1 || set.Key[0].KeyData.Value == "" {
		t.Fatalf("no key in the keyset: %v", err)
	}
	return set.Key[0].KeyData.Value
}

// The daemon leaves no core, and the kernel keeps its memory from the other
// processes of its user.
func TestTheDaemonsMemoryIsItsOwn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if os.Geteuid() == 0 { // else the files of /proc are root's anyway
		b.as = &syscall.Credential{Uid: 65534, Gid: 65534}
		for _, name := range []string{".", "state", "keyset.json", "spse-totp.toml"} {
			if err := os.Chown(b.path(name), 65534, 65534); err != nil {
				t.Fatal(err)
			}
		}
	}
	d := b.start()
	proc := fmt.Sprintf("/proc/%d/", d.cmd.Process.Pid)
	info, err := os.Stat(proc + "mem")
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != 0 { // proc(5): root's where the process is not dumpable
		t.Errorf("uid %d may read the daemon's memory", owner)
	}
	limits, err := os.ReadFile(proc + "limits")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(limits)) {
		if strings.HasPrefix(line, "Max core file size") && strings.Join(strings.Fields(line)[4:6], " ") != "0 0" {
			t.Errorf("limit: %s", line)
		}
	}
	if !strings.Contains(string(limits), "Max core file size") {
		t.Errorf("no such limit: %s", limits)
	}
	for _, path := range databaseFiles(t, b) {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}
