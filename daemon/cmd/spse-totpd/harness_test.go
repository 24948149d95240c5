package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/internal/config"
	"spse-totp/daemon/internal/control"
	"spse-totp/daemon/internal/seal"
	"spse-totp/daemon/internal/store"
	"spse-totp/daemon/protocol"
	"spse-totp/totp"
)

// hang bounds what a test waits for: whoever is slower hangs.
const hang = 15 * time.Second

// long makes the storms as long as they should be once in a while.
var long = os.Getenv("SPSE_TOTP_LONG") == "1"

// rounds is how many rounds a storm has.
func rounds(short, full int) int {
	if long {
		return full
	}
	return short
}

// program is the daemon, as it ships.
var program string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "spse-totpd")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // some tests run it as another user
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	program = filepath.Join(dir, "spse-totpd")
	build := exec.Command("go", append(append([]string{"build"}, buildFlags...), "-o", program, ".")...)
	if said, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the daemon: %v\n%s", err, said)
		return 1
	}
	return m.Run()
}

// bench is the surroundings of a daemon: its folders, configuration, keyset
// and sockets. The test holds the sockets as systemd would, so that whoever
// connects while no daemon runs waits for the next one.
type bench struct {
	t      *testing.T
	dir    string
	sealer *seal.Sealer
	held   []*os.File // pam, control

	// program is the daemon: the one built as these tests are, if not told
	// otherwise.
	program string
	// wrap is what starts the daemon in its stead, with its command line
	// behind: a shell script, say.
	wrap []string
	// as is the user it runs as; nil is the test's own.
	as *syscall.Credential
	// env is added to its environment.
	env []string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir, err := os.MkdirTemp("", "spse") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b := &bench{t: t, dir: dir, program: program}
	b.configure(`contact = "0291-12345"`)
	b.sealer = b.drawKeyset()
	if err := os.Mkdir(b.path("state"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.held = []*os.File{b.hold("unixpacket", "pam.sock"), b.hold("unix", "control.sock")}
	return b
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) database() string { return filepath.Join(b.path("state"), config.DatabaseFile) }

func (b *bench) write(name, content string) {
	b.t.Helper()
	if err := os.WriteFile(b.path(name), []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// configure writes the configuration, with more lines.
func (b *bench) configure(lines ...string) {
	b.t.Helper()
	lines = append([]string{
		`language = "en"`, `issuer = "LPSE Kudus"`,
		fmt.Sprintf("socket_directory = %q", b.path("run")), fmt.Sprintf("state_directory = %q", b.path("state")),
		fmt.Sprintf("keyset = %q", b.path("keyset.json")),
	}, lines...)
	b.write("spse-totp.toml", strings.Join(lines, "\n")+"\n")
}

// drawKeyset draws a keyset and writes it to its file.
func (b *bench) drawKeyset() *seal.Sealer {
	b.t.Helper()
	clear, err := seal.NewKeyset()
	if err != nil {
		b.t.Fatal(err)
	}
	b.write("keyset.json", string(clear))
	sealer, err := seal.New(clear)
	if err != nil {
		b.t.Fatal(err)
	}
	return sealer
}

// hold listens in the daemon's stead, and accepts nobody.
func (b *bench) hold(network, name string) *os.File {
	b.t.Helper()
	l, err := net.ListenUnix(network, &net.UnixAddr{Name: b.path(name), Net: network})
	if err != nil {
		b.t.Fatal(err)
	}
	defer l.Close()
	l.SetUnlinkOnClose(false)
	file, err := l.File()
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = file.Close() })
	return file
}

// --- accounts

// person has an account and a phone.
type person struct {
	t      *testing.T
	name   string
	secret totp.Secret
}

// people writes active accounts into the database, while no daemon runs.
func (b *bench) people(names ...string) []person {
	b.t.Helper()
	all := make([]person, len(names))
	b.withStore(func(s *store.Store) {
		var work errgroup.Group
		work.SetLimit(256) // who write together share commits
		for i, name := range names {
			work.Go(func() error {
				secret, err := totp.NewSecret()
				if err != nil {
					return err
				}
				all[i] = person{b.t, name, secret}
				return put(b.t.Context(), s, name, account.Account{
					Generation: 1, WasActive: true,
					Phone: account.Phone{Secret: secret, Params: totp.DefaultParams(), Spent: 1},
				})
			})
		}
		if err := work.Wait(); err != nil {
			b.t.Fatal(err)
		}
	})
	return all
}

// numbered are so many names.
func numbered(name string, count int) []string {
	var names []string
	for i := range count {
		names = append(names, fmt.Sprintf("%s%d", name, i))
	}
	return names
}

func put(ctx context.Context, s *store.Store, name string, a account.Account) error {
	_, _, err := s.Update(ctx, account.Host(name), func(account.Account) (account.Account, account.Outcome) {
		return a, account.Outcome{}
	})
	return err
}

// read reads an account from the database, while no daemon runs.
func (b *bench) read(name string) account.Account {
	b.t.Helper()
	var a account.Account
	b.withStore(func(s *store.Store) {
		var err error
		if a, err = s.View(b.t.Context(), account.Host(name)); err != nil {
			b.t.Fatal(err)
		}
	})
	return a
}

func (b *bench) withStore(use func(*store.Store)) {
	b.t.Helper()
	s := store.New(databaseIn(filepath.Dir(b.database())), b.sealer, watch{audit.NewWriter(io.Discard)})
	defer func() {
		if err := s.Close(); err != nil {
			b.t.Error(err)
		}
	}()
	use(s)
}

// code is the one so many steps from now.
func (p person) code(off int) string {
	p.t.Helper()
	params := totp.DefaultParams()
	code, err := totp.CodeAt(p.secret, params, params.StepAt(time.Now())+totp.Step(off))
	if err != nil {
		p.t.Fatal(err)
	}
	return code.Reveal()
}

// wrong is none of the phone's codes for a while.
func (p person) wrong() string {
	p.t.Helper()
	var near []string
	for off := -30; off <= 30; off++ {
		near = append(near, p.code(off))
	}
	for i := 0; ; i++ {
		if code := fmt.Sprintf("%06d", i); !slices.Contains(near, code) {
			return code
		}
	}
}

func (p person) start() protocol.Start {
	return protocol.Start{
		Phase: protocol.PhaseAuth, Service: "sshd", User: p.name, RHost: "192.0.2.1",
		NSS: &protocol.Identity{Name: p.name, UID: 1000},
	}
}

// --- the daemon

// process is a running daemon.
type process struct {
	b     *bench
	cmd   *exec.Cmd
	ended chan struct{}

	mu     sync.Mutex // protects what follows
	news   chan struct{}
	stderr bytes.Buffer
	events []event
}

// event is one JSON line of standard error.
type event map[string]string

func (e event) is(kind audit.Kind, words ...string) bool {
	if e["SPSE_TOTP_EVENT"] != string(kind) {
		return false
	}
	told := e["MESSAGE"] + " " + e["SPSE_TOTP_REASON"]
	return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(told, word) })
}

// start runs the daemon and waits till it is ready.
func (b *bench) start() *process {
	b.t.Helper()
	d := b.launch(b.held)
	d.await(audit.Service, "ready")
	return d
}

// launch runs the daemon with the sockets; with none it makes its own.
func (b *bench) launch(sockets []*os.File) *process {
	b.t.Helper()
	args := append(slices.Clone(b.wrap), b.program, "--config", b.path("spse-totp.toml"))
	env := append(os.Environ(), b.env...)
	if len(sockets) > 0 {
		// $$ is the pid of the shell, and of what it becomes.
		args = append([]string{"/bin/sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh"}, args...)
		env = append(env, fmt.Sprintf("LISTEN_FDS=%d", len(sockets)), "LISTEN_FDNAMES=pam:control")
	}
	d := &process{b: b, cmd: exec.Command(args[0], args[1:]...), ended: make(chan struct{}), news: make(chan struct{})}
	d.cmd.Env, d.cmd.ExtraFiles, d.cmd.Dir = env, sockets, "/"
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: b.as}
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	go d.listen(stderr)
	b.t.Cleanup(func() {
		d.kill()
		if b.t.Failed() {
			said := d.said()
			b.t.Logf("the daemon said at last:\n%s", said[max(0, len(said)-4000):])
		}
		if strings.Contains(d.said(), "DATA RACE") || strings.Contains(d.said(), "goroutine ") {
			b.t.Errorf("the daemon broke:\n%s", d.said())
		}
	})
	return d
}

func (d *process) listen(stderr io.Reader) {
	defer close(d.ended)
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		d.mu.Lock()
		d.stderr.Write(append(lines.Bytes(), '\n'))
		var e event
		if json.Unmarshal(lines.Bytes(), &e) == nil {
			d.events = append(d.events, e)
		}
		close(d.news)
		d.news = make(chan struct{})
		d.mu.Unlock()
	}
	_ = d.cmd.Wait() // how it ended is in ProcessState
}

func (d *process) said() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stderr.String()
}

// told returns the events so far that are of that kind and have these words.
func (d *process) told(kind audit.Kind, words ...string) []event {
	d.mu.Lock()
	defer d.mu.Unlock()
	var told []event
	for _, e := range d.events {
		if e.is(kind, words...) {
			told = append(told, e)
		}
	}
	return told
}

// await waits for an event, past or to come.
func (d *process) await(kind audit.Kind, words ...string) event {
	d.b.t.Helper()
	return d.awaitCount(1, kind, words...)[0]
}

func (d *process) awaitCount(count int, kind audit.Kind, words ...string) []event {
	d.b.t.Helper()
	timeout := time.After(hang)
	for {
		d.mu.Lock()
		news := d.news
		d.mu.Unlock()
		if told := d.told(kind, words...); len(told) >= count {
			return told
		}
		select {
		case <-news:
		case <-d.ended:
			if told := d.told(kind, words...); len(told) >= count {
				return told
			}
			d.b.t.Fatalf("the daemon ended without %d events %s %q:\n%s", count, kind, words, d.said())
		case <-timeout:
			d.b.t.Fatalf("no %d events %s %q:\n%s", count, kind, words, d.said())
		}
	}
}

func (d *process) signal(s syscall.Signal) {
	d.b.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.b.t.Fatal(err)
	}
}

// kill is kill -9.
func (d *process) kill() {
	_ = d.cmd.Process.Kill() // it may have ended
	<-d.ended
}

// stop is what systemd does, and returns the exit status.
func (d *process) stop() int {
	d.b.t.Helper()
	d.signal(syscall.SIGTERM)
	return d.exit()
}

func (d *process) exit() int {
	d.b.t.Helper()
	select {
	case <-d.ended:
		return d.cmd.ProcessState.ExitCode()
	case <-time.After(hang):
		d.b.t.Fatalf("the daemon does not end:\n%s", d.said())
		return -1
	}
}

// --- pam.sock

// talk is one conversation on pam.sock, as the module would hold it.
type talk struct {
	conn  *net.UnixConn
	shown []string
}

// talk connects; sockets made by the daemon itself are below "run".
func (b *bench) talk(requests ...protocol.Request) (*talk, error) {
	path := b.path("pam.sock")
	if len(b.held) == 0 {
		path = b.path("run/pam.sock")
	}
	conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		return nil, err
	}
	c := &talk{conn: conn}
	if err := conn.SetDeadline(time.Now().Add(hang)); err != nil {
		return nil, err
	}
	for _, request := range requests {
		if err := c.send(request); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

func (c *talk) close() { _ = c.conn.Close() }

func (c *talk) send(m protocol.Message) error {
	packet, err := protocol.Marshal(m)
	if err != nil {
		return err
	}
	_, err = c.conn.Write(packet)
	return err
}

// next returns what the daemon says, past what it shows.
func (c *talk) next() (protocol.Reply, error) {
	buffer := make([]byte, protocol.MaxFrame)
	for {
		n, err := c.conn.Read(buffer)
		if err != nil {
			return nil, err
		}
		reply, err := protocol.ParseReply(buffer[:n])
		if err != nil {
			return nil, err
		}
		show, ok := reply.(protocol.Show)
		if !ok {
			return reply, nil
		}
		c.shown = append(c.shown, show.Text)
	}
}

func (c *talk) prompt() (string, error) {
	reply, err := c.next()
	if err != nil {
		return "", err
	}
	prompt, ok := reply.(protocol.Prompt)
	if !ok {
		return "", fmt.Errorf("the daemon said %v, want a prompt", reply)
	}
	return prompt.Text, nil
}

// result is the end of the conversation. Who is asked once more, as in an
// activation, gives up by Enter.
func (c *talk) result() (protocol.Verdict, error) {
	reply, err := c.next()
	if _, asked := reply.(protocol.Prompt); asked && err == nil {
		if err = c.send(answer("")); err == nil {
			reply, err = c.next()
		}
	}
	if err != nil {
		return protocol.Refused, err
	}
	result, ok := reply.(protocol.Result)
	if !ok {
		return protocol.Refused, fmt.Errorf("the daemon said %v, want a result", reply)
	}
	return result.Verdict, nil
}

func answer(code string) protocol.Answer { return protocol.Answer{Typed: protocol.NewTyped(code)} }

// tryLogin is one login with one code. An error is a conversation that broke.
func (b *bench) tryLogin(p person, code string) (protocol.Verdict, error) {
	c, err := b.talk(p.start())
	if err != nil {
		return protocol.Refused, err
	}
	defer c.close()
	if _, err := c.prompt(); err != nil {
		return protocol.Refused, err
	}
	if err := c.send(answer(code)); err != nil {
		return protocol.Refused, err
	}
	return c.result()
}

// login is one that must come to its end.
func (b *bench) login(p person, code string) protocol.Verdict {
	b.t.Helper()
	verdict, err := b.tryLogin(p, code)
	if err != nil {
		b.t.Fatalf("login of %s: %v", p.name, err)
	}
	return verdict
}

// expectLogin makes a login and compares its verdict.
func (b *bench) expectLogin(p person, code string, want protocol.Verdict) {
	b.t.Helper()
	if got := b.login(p, code); got != want {
		b.t.Errorf("login of %s: %v, want %v", p.name, got, want)
	}
}

// awaitLogin tries logins with ever the same code until one gets in: a store
// that failed is tried again a second later.
func (b *bench) awaitLogin(p person, code string) {
	b.t.Helper()
	for end := time.Now().Add(hang); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		switch b.login(p, code) {
		case protocol.Accepted:
			return
		case protocol.Unavailable:
		default:
			b.t.Fatalf("login of %s: refused", p.name)
		}
	}
	b.t.Fatalf("login of %s: unavailable still", p.name)
}

// --- control.sock

// call makes a request on control.sock as the test's own user. body is what
// becomes JSON, or a string as it is.
func (b *bench) call(method, path, name string, body any) (status int, answer string, err error) {
	sent, isText := body.(string)
	if !isText && body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return 0, "", err
		}
		sent = string(encoded)
	}
	socket := b.path("control.sock")
	if len(b.held) == 0 {
		socket = b.path("run/control.sock")
	}
	client := http.Client{Timeout: hang, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	request, err := http.NewRequest(method, "http://control"+path+"?name="+url.QueryEscape(name), strings.NewReader(sent))
	if err != nil {
		return 0, "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	return response.StatusCode, string(read), err
}

// ask makes a request that must succeed, and reads its answer.
func ask[T any](b *bench, method, path, name string, body any) (T, error) {
	var into T
	status, answer, err := b.call(method, path, name, body)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s %s: %d %s", method, path, status, answer)
	}
	if err != nil {
		return into, err
	}
	return into, json.Unmarshal([]byte(answer), &into)
}

// activate leads an account through its activation; what it returns without an
// error was confirmed.
func (b *bench) activate(name string) (person, error) {
	offer, err := ask[control.Offer](b, http.MethodPost, control.PathOffer, name, control.OfferRequest{})
	if err != nil {
		return person{}, err
	}
	p := scan(b.t, name, offer)
	a, err := ask[control.Account](b, http.MethodPost, control.PathActivation, name,
		control.ActivationRequest{Handle: offer.Handle, Codes: []string{p.code(0)}})
	if err == nil && !a.Active {
		err = errors.New("confirmed, but not active")
	}
	return p, err
}

// scan is what a person's phone does with an offer.
func scan(t *testing.T, name string, offer control.Offer) person {
	t.Helper()
	key, err := totp.ParseURI(offer.KeyURI)
	if err != nil {
		t.Fatal(err)
	}
	return person{t, name, key.Secret}
}

// self is the user the tests run as, whom NSS knows.
func self(t *testing.T) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}

func needRoot(t *testing.T, what string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skipf("only root can %s", what)
	}
}
