// The benchmark: pam_spse_totp.so with a real spse-totpd, beside what a Debian
// host would use instead, by one client written in C, in turns, on a stage of its
// own. It writes docs/BENCHMARKS.md with its charts, and fails where a demand on
// us is missed.
package main

import (
	"errors"
	"fmt"
	"os"

	"spse-totp/pamclient/hosts/stage"
)

// diskVariable hands the stage a folder on a real disk. The outer process, which
// no Ctrl-C ends, makes it and takes it away.
const diskVariable = "SPSE_TOTP_BENCH_DISK"

func main() {
	if os.Getenv(diskVariable) != "" {
		os.Exit(stage.Main(perform))
	}
	code, err := withDisk()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		code = 1
	}
	os.Exit(code)
}

func withDisk() (code int, err error) {
	if os.Getuid() != 0 {
		return 0, errors.New("the benchmark needs root: sudo make bench")
	}
	disk, err := os.MkdirTemp("/var/tmp", "spse-totp-bench-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(disk)) }()
	if err := os.Setenv(diskVariable, disk); err != nil {
		return 0, err
	}
	return stage.Main(perform), nil
}

// perform is the benchmark, on the stage.
func perform() int {
	missed, err := run(os.Getenv(diskVariable))
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "error:", err)
		return 1
	case missed > 0:
		fmt.Fprintf(os.Stderr, "error: %d of the demands missed\n", missed)
		return 1
	default:
		return 0
	}
}

// run measures, reports, and returns how many demands were missed.
func run(disk string) (missed int, err error) {
	machine, err := describe(disk)
	if err != nil {
		return 0, err
	}
	field, err := prepare(disk)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, field.close()) }()
	results, err := field.measure()
	if err != nil {
		return 0, err
	}
	r := report{machine: machine, results: results, verdicts: judge(results)}
	return r.missed(), r.publish("docs")
}
