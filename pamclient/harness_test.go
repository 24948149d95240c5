package pamclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"spse-totp/daemon/protocol"
)

// PAM codes, as in security/_pam_types.h.
const (
	pamSuccess     = 0
	pamServiceErr  = 3
	pamBufErr      = 5
	pamPermDenied  = 6
	pamAuthErr     = 7
	pamUnavail     = 9
	pamNewAuthtok  = 12
	pamConvErr     = 19
	pamIgnore      = 25
	pamAbort       = 26
	pamConvAgain   = 30
	pamIncomplete  = 31
	styleEchoOff   = 1
	styleEchoOn    = 2
	styleErrorMsg  = 3
	styleTextInfo  = 4
	refusalDelayUS = 2000000
)

// build is one build of the module, with what drives it.
type build struct {
	name, module, driver string
	env                  []string
	under                []string // what runs the driver, where it does not run by itself
}

var (
	builds []build
	tools  string // the folder of libfaults.so, liblog.so, libwatch.so, pam_probe.so and libnss_directory.so.2

	asanRuntime string // must be preloaded before libfaults.so
)

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "building the module and its driver:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	root, err := filepath.Abs("..")
	if err != nil {
		return 0, err
	}
	if tools, err = os.MkdirTemp("", "pamclient"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(tools)

	plain, asan := filepath.Join(tools, "driver"), filepath.Join(tools, "driver_asan")
	for _, command := range [][]string{
		{"make", "-s", "-C", "..", "-f", "pamclient/module.mk", "build/pam_spse_totp.so", "build/pam_spse_totp_asan.so"},
		cc(plain, "driver.c", "-lpam"),
		cc(asan, "driver.c", "-lpam", "-fsanitize=address,undefined"),
		cc(filepath.Join(tools, "pam_probe.so"), "probe.c", "-shared", "-fPIC", "-lpam"),
		cc(filepath.Join(tools, "liblog.so"), "log.c", "-shared", "-fPIC"),
		cc(filepath.Join(tools, "libwatch.so"), "watch.c", "-shared", "-fPIC", "-fno-builtin"),
		cc(filepath.Join(tools, "libnss_directory.so.2"), "directory.c", "-shared", "-fPIC", "-DSERVICE=directory", "-Wl,-soname,libnss_directory.so.2"),
		cc(filepath.Join(tools, "libfaults.so"), "faults.c", "-shared", "-fPIC", "-fno-builtin"),
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			return 0, fmt.Errorf("%v: %w\n%s", command, err, out)
		}
	}
	runtime, err := exec.Command("cc", "-print-file-name=libasan.so").Output()
	if err != nil {
		return 0, err
	}
	asanRuntime = strings.TrimSpace(string(runtime))
	builds = []build{
		{name: "shipped", module: filepath.Join(root, "build/pam_spse_totp.so"), driver: plain},
		{name: "asan", module: filepath.Join(root, "build/pam_spse_totp_asan.so"), driver: asan,
			env: []string{"ASAN_OPTIONS=detect_leaks=1:exitcode=99", "UBSAN_OPTIONS=halt_on_error=1"}},
	}
	return m.Run(), nil
}

func cc(output, source string, flags ...string) []string {
	command := []string{"cc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-g", "-rdynamic",
		"-o", output, filepath.Join("testdriver", source)}
	return append(command, flags...)
}

// onEachBuild runs the test for the module as shipped and for its ASan build.
func onEachBuild(t *testing.T, test func(*testing.T, *login)) {
	t.Helper()
	t.Parallel()
	for _, b := range builds {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			test(t, newLogin(t, b))
		})
	}
}

// login is a folder with PAM stacks and the path of a socket.
type login struct {
	t      *testing.T
	build  build
	folder string
	socket string
	env    []string
	wire   wire
}

// wire keeps all that the module sent.
type wire struct {
	sync.Mutex
	bytes []byte
}

func newLogin(t *testing.T, b build) *login {
	t.Helper()
	folder, err := os.MkdirTemp("", "pam") // t.TempDir() is too long for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return &login{t: t, build: b, folder: folder, socket: filepath.Join(folder, "pam.sock")}
}

// stack writes the stack of a service. MODULE is the module with its socket,
// PROBE the module that shows PAM_AUTHTOK.
func (l *login) stack(service string, lines ...string) {
	l.t.Helper()
	text := strings.Join(lines, "\n") + "\n"
	text = strings.ReplaceAll(text, "MODULE", l.build.module+" socket="+l.socket)
	text = strings.ReplaceAll(text, "PROBE", filepath.Join(tools, "pam_probe.so"))
	if err := os.WriteFile(filepath.Join(l.folder, service), []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// line writes a stack of our line alone, in both phases. There an IGNORE comes
// out as PERM_DENIED, which the module itself never returns.
func (l *login) line(arguments string) {
	l.t.Helper()
	l.stack("sshd", "auth required MODULE "+arguments, "account required MODULE "+arguments)
}

const ignored = pamPermDenied

// event is one line that the driver printed.
type event struct {
	Call        string
	Code        int
	MS          int64
	Fired       bool
	Style       int
	Text        string
	Delay       int
	Paused      bool
	Descriptors int
}

// driver is a driver that runs.
type driver struct {
	l      *login
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *json.Decoder
	stderr bytes.Buffer
	events []event
}

// begin starts the driver on service sshd.
func (l *login) begin(steps ...string) *driver {
	l.t.Helper()
	command := slices.Concat(l.build.under, []string{l.build.driver, l.folder, "sshd"}, steps)
	d := &driver{l: l, cmd: exec.Command(command[0], command[1:]...)}
	d.cmd.Env = append(append(os.Environ(), l.build.env...), l.env...)
	d.cmd.Stderr = &d.stderr
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	d.stdout = json.NewDecoder(stdout)
	if d.stdin, err = d.cmd.StdinPipe(); err != nil {
		l.t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	return d
}

// untilPaused waits until the driver reaches its pause step.
func (d *driver) untilPaused() {
	d.l.t.Helper()
	for {
		var e event
		if err := d.stdout.Decode(&e); err != nil {
			d.l.t.Fatalf("no pause: %v, %v\n%s", err, d.cmd.Wait(), d.stderr.String())
		}
		if e.Paused {
			return
		}
		d.events = append(d.events, e)
	}
}

func (d *driver) goOn() { d.l.t.Helper(); d.typeLine("") }

// typeLine ends a pause, or answers a type step.
func (d *driver) typeLine(text string) {
	d.l.t.Helper()
	if _, err := io.WriteString(d.stdin, text+"\n"); err != nil {
		d.l.t.Fatal(err)
	}
}

// end waits for the driver, which must end well: a sanitizer's complaint fails
// the test.
func (d *driver) end() outcome {
	d.l.t.Helper()
	for {
		var e event
		err := d.stdout.Decode(&e)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			d.l.t.Fatalf("driver's output: %v\n%s", err, d.stderr.String())
		}
		d.events = append(d.events, e)
	}
	if err := d.cmd.Wait(); err != nil {
		d.l.t.Fatalf("driver: %v\n%s", err, d.stderr.String())
	}
	return outcome{d.l.t, d.events}
}

func (l *login) run(steps ...string) outcome {
	l.t.Helper()
	return l.begin(steps...).end()
}

// outcome is all that a driver printed.
type outcome struct {
	t      *testing.T
	events []event
}

// call returns the only call of that name, or the last.
func (o outcome) call(name string) event {
	o.t.Helper()
	for i := len(o.events) - 1; i >= 0; i-- {
		if o.events[i].Call == name {
			return o.events[i]
		}
	}
	o.t.Fatalf("no call of %s in %+v", name, o.events)
	return event{}
}

func (o outcome) wantCode(name string, want int) {
	o.t.Helper()
	if got := o.call(name).Code; got != want {
		o.t.Errorf("%s returned %d, want %d; %+v", name, got, want, o.events)
	}
}

// said returns the messages of one style.
func (o outcome) said(style int) []string {
	var texts []string
	for _, e := range o.events {
		if e.Style == style {
			texts = append(texts, e.Text)
		}
	}
	return texts
}

// delay is what libpam was told to wait, give or take its quarter.
func (o outcome) delay() int {
	delay := 0
	for _, e := range o.events {
		delay = max(delay, e.Delay)
	}
	return delay
}

// peer is the daemon's side of one conversation, as a test plays it.
type peer struct {
	l    *login
	conn *net.UnixConn
}

// daemon plays one function for each connection, in their order, each to its
// end. One more connection fails the test, and so does one too few.
func (l *login) daemon(conversations ...func(*peer)) {
	l.t.Helper()
	listener, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: l.socket, Net: "unixpacket"})
	if err != nil {
		l.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		n := 0
		for ; ; n++ {
			conn, err := listener.AcceptUnix()
			if err != nil {
				break
			}
			if n >= len(conversations) {
				l.t.Errorf("connection %d, only %d are awaited", n+1, len(conversations))
				conn.Close()
				continue
			}
			p := &peer{l: l, conn: conn}
			conversations[n](p)
			p.close()
		}
		if n < len(conversations) {
			l.t.Errorf("%d connections, %d are awaited", n, len(conversations))
		}
	}()
	l.t.Cleanup(func() {
		listener.Close()
		<-done
	})
}

const peerPatience = 20 * time.Second

func (p *peer) read() ([]byte, error) {
	buffer := make([]byte, protocol.MaxLargeFrame+1)
	_ = p.conn.SetReadDeadline(time.Now().Add(peerPatience))
	n, _, flags, _, err := p.conn.ReadMsgUnix(buffer, nil)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, io.EOF
	}
	if flags&syscall.MSG_TRUNC != 0 {
		p.l.t.Error("a request over the limit")
	}
	p.l.wire.Lock()
	defer p.l.wire.Unlock()
	p.l.wire.bytes = append(p.l.wire.bytes, buffer[:n]...)
	return buffer[:n], nil
}

// request reads one request, of the type the test awaits.
func request[T protocol.Request](p *peer) T {
	p.l.t.Helper()
	var none T
	frame, err := p.read()
	if err != nil {
		p.l.t.Errorf("reading a %T: %v", none, err)
		return none
	}
	message, err := protocol.ParseRequest(frame)
	if err != nil {
		p.l.t.Errorf("reading a %T: %v", none, err)
		return none
	}
	got, ok := message.(T)
	if !ok {
		p.l.t.Errorf("got a %T, want a %T", message, none)
	}
	return got
}

func (p *peer) start() protocol.Start { return request[protocol.Start](p) }

// answer reads the next answer and checks what was typed.
func (p *peer) answer(want string) {
	p.l.t.Helper()
	got := request[protocol.Answer](p)
	if got.Withheld || got.Typed.Reveal() != want {
		p.l.t.Errorf("answer %q, withheld %v, want %q", got.Typed.Reveal(), got.Withheld, want)
	}
}

func (p *peer) withheld() {
	p.l.t.Helper()
	if got := request[protocol.Answer](p); !got.Withheld {
		p.l.t.Errorf("answer %q, want it withheld", got.Typed.Reveal())
	}
}

// hungUp waits until the module closes, without another request.
func (p *peer) hungUp() {
	p.l.t.Helper()
	if frame, err := p.read(); err == nil {
		p.l.t.Errorf("got %x after the end", frame)
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		p.l.t.Error("the module did not close")
	}
}

func (p *peer) send(reply protocol.Reply) {
	p.l.t.Helper()
	frame, err := protocol.Marshal(reply)
	if err != nil {
		p.l.t.Error(err)
		return
	}
	p.raw(frame)
}

// raw sends bytes as they are. That the module is gone is not an error: some
// conversations talk on behind its end.
func (p *peer) raw(frame []byte) {
	p.l.t.Helper()
	_, _, err := p.conn.WriteMsgUnix(frame, nil, nil)
	if err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		p.l.t.Errorf("sending: %v", err)
	}
}

func (p *peer) prompt(text string) { p.l.t.Helper(); p.send(protocol.Prompt{Text: text}) }
func (p *peer) offer(text string)  { p.l.t.Helper(); p.send(protocol.Offer{Text: text}) }
func (p *peer) result(verdict protocol.Verdict) {
	p.l.t.Helper()
	p.send(protocol.Result{Verdict: verdict})
}
func (p *peer) close() { p.conn.Close() }

// verdict is a daemon that gives one at once.
func verdict(v protocol.Verdict) func(*peer) {
	return func(p *peer) {
		p.start()
		p.result(v)
		p.hungUp()
	}
}

// accepting asks for a code and accepts that one.
func accepting(prompt, code string) func(*peer) {
	return func(p *peer) {
		p.start()
		p.prompt(prompt)
		p.answer(code)
		p.result(protocol.Accepted)
		p.hungUp()
	}
}

// neverAsked is the daemon of whoever must not be asked: the test fails if it is.
func (l *login) neverAsked() { l.daemon() }
