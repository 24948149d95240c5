package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// onlyDriver goes to a folder that has the driver where this program looks for
// it, and stacks that let in and refuse, with libpam's own modules.
func onlyDriver(t *testing.T) string {
	t.Helper()
	source := must(filepath.Abs("driver/driver.c"))
	t.Chdir(t.TempDir())
	for _, folder := range []string{"build", "stacks"} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for service, module := range map[string]string{"open": "pam_permit.so", "shut": "pam_deny.so", "other": "pam_deny.so"} {
		if err := os.WriteFile(filepath.Join("stacks", service), []byte("auth required "+module+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if said, err := exec.Command("cc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-o", "build/bench-driver", source, "-lpam").CombinedOutput(); err != nil {
		t.Fatalf("cc: %v: %s", err, said)
	}
	return must(filepath.Abs("stacks"))
}

// seen is a watch that notes when it was called.
type seen struct{ calls []time.Time }

func (s *seen) ready() error { s.calls = append(s.calls, time.Now()); return nil }
func (s *seen) done() error  { s.calls = append(s.calls, time.Now()); return nil }

func TestDriver(t *testing.T) {
	stacks := onlyDriver(t)
	logins := must(rightCodes(someones(40), then))
	tests := map[string]struct {
		service string
		forked  bool
		clients int
		want    bool
	}{
		"let in":          {"open", false, 1, true},
		"let in, forked":  {"open", true, 4, true},
		"refused":         {"shut", false, 4, false},
		"refused, forked": {"shut", true, 1, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			watch := &seen{}
			shares := deal(logins, test.clients)
			efforts, err := drive(stack{stacks, test.service, test.forked}, shares, login{"siti", "000000"}, time.Minute, watch)
			if err != nil {
				t.Fatal(err)
			}
			if len(efforts) != test.clients || len(watch.calls) != 2 {
				t.Fatalf("%d clients, %d calls of the watch", len(efforts), len(watch.calls))
			}
			for i, e := range efforts {
				if len(e.outcomes) != len(shares[i]) {
					t.Errorf("client %d: %d logins, want %d and no warm-up", i, len(e.outcomes), len(shares[i]))
				}
				if e.cpu <= 0 || e.written < 0 {
					t.Errorf("client %d: CPU %v, %d bytes written", i, e.cpu, e.written)
				}
				last := time.Duration(0)
				for _, o := range e.outcomes {
					if o.accepted != test.want || o.took <= 0 || o.began < last {
						t.Fatalf("client %d: %+v after %v", i, o, last)
					}
					last = o.began + o.took
				}
			}
		})
	}
}

// After the limit no login begins: the rest of a share is left.
func TestDriverStopsAtTheLimit(t *testing.T) {
	stacks := onlyDriver(t)
	many := make([]login, 100_000)
	for i := range many {
		many[i] = login{"siti", "000000"}
	}
	const limit = 50 * time.Millisecond
	efforts, err := drive(stack{stacks, "open", true}, [][]login{many}, many[0], limit, &seen{})
	if err != nil {
		t.Fatal(err)
	}
	outcomes := efforts[0].outcomes
	if len(outcomes) == 0 || len(outcomes) == len(many) {
		t.Fatalf("%d of %d logins", len(outcomes), len(many))
	}
	if late := outcomes[len(outcomes)-1].began - outcomes[0].began; late > limit {
		t.Errorf("a login began %v after the first, the limit is %v", late, limit)
	}
}

// cold is a watch that fails.
type cold struct{ seen }

var errCold = errors.New("cold")

func (*cold) ready() error { return errCold }

func TestDriveTellsOfFaults(t *testing.T) {
	stacks := onlyDriver(t)
	one := [][]login{{{"siti", "000000"}}}
	if _, err := drive(stack{stacks, "open", false}, one, one[0][0], time.Second, &cold{}); !errors.Is(err, errCold) {
		t.Errorf("a watch failed, and the error is %v", err)
	}
	if _, err := drive(stack{"", "open", false}, one, one[0][0], time.Second, &seen{}); err == nil {
		t.Error("clients without a stack are no fault")
	}
}

// What the daemon is measured by agrees with what it did.
func TestMeter(t *testing.T) {
	u := usage{daemon: must(os.FindProcess(os.Getpid()))}
	if err := u.ready(); err != nil {
		t.Fatal(err)
	}
	for spent := time.Now(); time.Since(spent) < 20*time.Millisecond; { // work, not sleep
	}
	if err := u.done(); err != nil {
		t.Fatal(err)
	}
	if used := u.after.cpu - u.before.cpu; used < 5*time.Millisecond || u.after.resident < 1<<20 {
		t.Errorf("%v of CPU for 20 ms of work, %d bytes resident", used, u.after.resident)
	}
	if _, err := meter(1 << 22); err == nil { // above pid_max
		t.Error("a process that is not there was measured")
	}
}
