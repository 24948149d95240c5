package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // times are shown in a zone that the machine may not have

	"github.com/rogpeppe/go-internal/testscript"

	"spse-totp/daemon/internal/host"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"spse-totp": main})
}

// TestScripts runs testdata/script. Each script has a daemon on $SOCKET that
// answers what stands in its daemon.json:
//
//	{"GET /v1/account": {"status": 200, "body": ...}}
//
// `asked FILE` says that it was asked just what stands in FILE. [root] holds where
// the tests are root's.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup:               setUpDaemon,
		Condition: func(name string) (bool, error) {
			if name != "root" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			return os.Geteuid() == 0, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"asked": compareAsked,
		},
	})
}

// noRaceExitWait is for GORACE: else a command under the race detector waits a
// second before it exits.
const noRaceExitWait = "atexit_sleep_ms=0"

type daemonKey struct{}

func setUpDaemon(env *testscript.Env) error {
	socket := filepath.Join(env.WorkDir, "control.sock")
	daemon, err := startDaemon(socket, env.Defer, func(request string, _ []byte) (int, any) {
		return canned(filepath.Join(env.WorkDir, "daemon.json"), request)
	})
	env.Setenv("SOCKET", socket)
	// What is told of the past is in the caller's time zone, and the rules are in
	// the host's.
	env.Setenv("TZ", "Asia/Jakarta")
	day := time.Date(2027, time.January, 31, 0, 0, 0, 0, host.Zone())
	env.Setenv("HOST_ZONE", day.Format("MST"))
	env.Setenv("HOST_OFFSET", strings.ReplaceAll(day.Format("Z07:00"), "+", `\+`))
	env.Setenv("GORACE", noRaceExitWait)
	env.Values[daemonKey{}] = daemon
	return err
}

func canned(file, request string) (int, any) {
	var answers map[string]struct {
		Status int             `json:"status"`
		Body   json.RawMessage `json:"body"`
	}
	content, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(content, &answers)
	}
	answer, ok := answers[request]
	if err != nil || !ok {
		return http.StatusTeapot, "the script has no answer to " + request
	}
	return answer.Status, answer.Body
}

func compareAsked(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: asked FILE")
	}
	got := strings.Join(ts.Value(daemonKey{}).(*fakeDaemon).requests(), "\n")
	if want := strings.TrimSpace(ts.ReadFile(args[0])); got != want {
		ts.Fatalf("the daemon was asked\n%s\nwant\n%s", got, want)
	}
}

// runAs runs the command in this process as a user of that uid would.
func runAs(t *testing.T, euid int, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	out, errs := tempFile(t), tempFile(t)
	a := &app{stdin: in, stdout: out, stderr: errs, euid: euid}
	status = a.run(t.Context(), args)
	return status, content(t, out), content(t, errs)
}

func tempFile(t *testing.T) *os.File {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func content(t *testing.T, file *os.File) string {
	t.Helper()
	b, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(b))
}

func TestYourOwnNameNeedsAUser(t *testing.T) {
	status, _, stderr := runAs(t, 4_000_000_000, "status")
	if status != exitFailed || !strings.HasPrefix(stderr, "error: your uid has no user name on this host\nhint: ") {
		t.Errorf("status %d, %q", status, stderr)
	}
}
