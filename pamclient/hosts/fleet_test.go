// Package hosts logs in through the programs that people log in through: real
// sshd, with the shipped module, daemon and CLI, on a stage of its own.
//
// It needs root, and what `make build` makes.
package hosts

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"spse-totp/pamclient/hosts/people"
	"spse-totp/pamclient/hosts/stage"
)

const (
	portPassword = 2201 // password and code by keyboard-interactive
	portKey      = 2202 // a key first
	listeners    = 2

	notActivated = "siti"
)

// theFleet is what all tests here share: a daemon, two sshds, many accounts.
var theFleet *fleet

func TestMain(m *testing.M) {
	if os.Getuid() != 0 {
		fmt.Println("left out: real logins need root: sudo make test")
		os.Exit(0)
	}
	os.Exit(stage.Main(func() int { return withFleet(m) }))
}

func withFleet(m *testing.M) int {
	var err error
	if theFleet, err = newFleet(); err != nil {
		fmt.Fprintln(os.Stderr, "error: setting the stage:", err)
		return 1
	}
	code := m.Run()
	if code != 0 {
		fmt.Fprintln(os.Stderr, "--- the last of the daemon's and sshd's logs\n"+theFleet.events.tail(4000))
	}
	return code
}

// fleet is many activated accounts, each with codes not used yet.
type fleet struct {
	events *events
	key    ssh.Signer
	daemon *stage.Process
	module string
	crowd  *people.Crowd
	names  []string // of all on the stage, in the order of their uids

	mu    sync.Mutex
	taken int // newcomers
}

// A code works once, and one account has two within 30 s that stay right while
// they travel: this many accounts never run dry.
const accounts = 400

// newcomers never were active.
func newcomers() []string {
	var names []string
	for i := range 90 {
		names = append(names, fmt.Sprintf("siti%02d", i))
	}
	return names
}

func newFleet() (*fleet, error) {
	binaries, err := filepath.Abs("../../build")
	if err != nil {
		return nil, err
	}
	module := filepath.Join(binaries, "pam_spse_totp.so")
	if _, err := os.Stat(module); err != nil {
		return nil, fmt.Errorf("%w (make build)", err)
	}
	f := &fleet{events: &events{}, module: module}
	var fleetNames []string
	for i := range accounts {
		fleetNames = append(fleetNames, fmt.Sprintf("budi%03d", i))
	}
	f.names = slices.Concat([]string{notActivated}, fleetNames, newcomers())
	if err := stage.Users(f.names...); err != nil {
		return nil, err
	}
	for _, service := range []string{"sshd", "sudo", "su", "login"} {
		if err := stage.PAM(service, module, "services=sshd,sudo,su,login account=sshd"); err != nil {
			return nil, err
		}
	}
	if f.key, err = makeKey(); err != nil {
		return nil, err
	}
	if f.daemon, err = stage.Daemon(f.events, binaries); err != nil {
		return nil, err
	}
	for port, options := range map[int][]string{
		portPassword: nil,
		portKey:      {keyThenCode},
	} {
		if _, err := f.sshd(port, options...); err != nil {
			return nil, err
		}
	}
	f.crowd, err = people.ActivateAll(people.Control(stage.ControlSocket), fleetNames)
	return f, err
}

// keyThenCode wants a key, and then what the stack asks for.
const keyThenCode = "AuthenticationMethods publickey,keyboard-interactive"

// sshd starts one that lets a loopback fail as often as it likes.
func (f *fleet) sshd(port int, options ...string) (*stage.Process, error) {
	if knowsPenalties() {
		options = append(options, "PerSourcePenalties no")
	}
	return stage.SSHD(f.events, port, options...)
}

// cover lays content over a file of the machine, for one test.
func cover(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := stage.Cover(path, content, mode); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stage.Uncover(path); err != nil {
			t.Error(err)
		}
	})
}

// knowsPenalties says whether sshd is of OpenSSH 9.8 or later, which would
// block a loopback that fails a few times.
func knowsPenalties() bool {
	program, err := os.ReadFile("/usr/sbin/sshd")
	return err == nil && bytes.Contains(program, []byte("persourcepenalties"))
}

func newKey() (ssh.Signer, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return ssh.NewSignerFromKey(private)
}

// makeKey makes the key that opens every account's door.
func makeKey() (ssh.Signer, error) {
	signer, err := newKey()
	if err != nil {
		return nil, err
	}
	return signer, os.WriteFile(stage.Dir+"/authorized_keys", ssh.MarshalAuthorizedKey(signer.PublicKey()), 0o644)
}

// code takes an account that has a right code left, and that code.
func (f *fleet) code(t *testing.T) (name, code string) {
	t.Helper()
	p, code, err := f.crowd.Code()
	if err != nil {
		t.Fatal(err)
	}
	return p.Name, code
}

// uid of one of the stage's users, who are numbered.
func (f *fleet) uid(name string) int {
	i := slices.Index(f.names, name)
	if i < 0 {
		panic("no such account: " + name)
	}
	return stage.FirstUID + i
}

// newcomer takes an account that never was active.
func (f *fleet) newcomer(t *testing.T) string {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	all := newcomers()
	if f.taken == len(all) {
		t.Fatal("no newcomers are left")
	}
	f.taken++
	return all[f.taken-1]
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// --- what the daemon and sshd say

// events keeps all output of daemon and sshd; the daemon's lines are JSON.
type events struct {
	mu      sync.Mutex
	all     bytes.Buffer
	line    int // where the line that is not complete yet begins
	byNames map[string][]map[string]string
}

func (e *events) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n, err := e.all.Write(b)
	for {
		rest := e.all.Bytes()[e.line:]
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			return n, err
		}
		e.line += end + 1
		var event map[string]string
		if json.Unmarshal(rest[:end], &event) == nil {
			if e.byNames == nil {
				e.byNames = make(map[string][]map[string]string)
			}
			name := event["SPSE_TOTP_ACCOUNT"]
			e.byNames[name] = append(e.byNames[name], event)
		}
	}
}

// of are the daemon's events about an account, oldest first.
func (e *events) of(name string) []map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.byNames[name])
}

// await waits for so many events: they were written before the verdicts went
// out, but come through a pipe.
func (e *events) await(t *testing.T, name string, n int) []map[string]string {
	t.Helper()
	deadline := time.Now().Add(people.Hang)
	for {
		found := e.of(name)
		if len(found) >= n {
			return found
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d events about %s, want %d", len(found), name, n)
		}
		time.Sleep(time.Millisecond)
	}
}

func (e *events) count(name string) int { return len(e.of(name)) }

func (e *events) mustNotHold(t *testing.T, secret string) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if bytes.Contains(e.all.Bytes(), []byte(secret)) {
		t.Error("a log holds what it must not")
	}
}

func (e *events) tail(n int) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	b := e.all.Bytes()
	return string(b[max(0, len(b)-n):])
}
