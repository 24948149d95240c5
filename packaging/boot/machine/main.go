package machine

import (
	"fmt"
	"os"
	"strings"

	"spse-totp/pamclient/hosts/stage"
)

// Suites are the releases to boot: those that SPSE_TOTP_BOOT_SUITES names, else
// these.
func Suites(these ...string) []string {
	if given := strings.Fields(os.Getenv("SPSE_TOTP_BOOT_SUITES")); len(given) > 0 {
		return given
	}
	return these
}

// ShortOrLong are bookworm, and trixie too where SPSE_TOTP_LONG is set, unless
// others are named.
func ShortOrLong() []string {
	if os.Getenv("SPSE_TOTP_LONG") != "" {
		return Suites("bookworm", "trixie")
	}
	return Suites("bookworm")
}

// Main is for TestMain: it runs the tests on a stage, and needs root. Trees that
// are missing are built before, since the stage has no network. It does not return.
func Main(suites []string, run func() int) {
	if os.Getuid() != 0 {
		fmt.Println("left out: booting a Debian needs root: sudo make test")
		os.Exit(0)
	}
	for _, suite := range suites {
		if _, err := Tree(suite); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			os.Exit(1)
		}
	}
	os.Exit(stage.Main(run))
}
