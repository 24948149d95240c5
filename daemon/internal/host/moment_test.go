package host

import (
	"os/exec"
	"testing"
	"time"
)

func TestAfter(t *testing.T) {
	at := func(boot string, up time.Duration) Moment { return Moment{boot, up} }
	for what, c := range map[string]struct {
		a, b Moment
		want bool
	}{
		"later":             {at("x", 2), at("x", 1), true},
		"the same":          {at("x", 1), at("x", 1), false},
		"earlier":           {at("x", 1), at("x", 2), false},
		"of a later boot":   {at("y", 2), at("x", 1), false},
		"against no moment": {at("x", 2), Moment{}, false},
		"no moment":         {Moment{}, at("x", 1), false},
		"two that are none": {at("", 2), Moment{}, false},
	} {
		if got := c.a.After(c.b); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}

// A process that is started in between was started in between.
func TestNowGoesOnAndProcessesBeginInIt(t *testing.T) {
	before, err := Now()
	if err != nil {
		t.Fatal(err)
	}
	before.Up -= 10 * time.Millisecond // what a process's beginning is rounded down to
	sleeper := exec.Command("sleep", "600")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sleeper.Process.Kill(); _ = sleeper.Wait() }()
	began, err := thisMachine.began(sleeper.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	after, err := Now()
	if err != nil {
		t.Fatal(err)
	}
	if !began.After(before) || !after.After(began) || !after.After(before) {
		t.Errorf("before %+v, began %+v, after %+v", before, began, after)
	}
}
