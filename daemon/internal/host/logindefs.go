package host

import (
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// DefaultLoginTimeout is login(1)'s, for a whole login at the console.
const DefaultLoginTimeout = 60 * time.Second

// LoginTimeout is how long a login at the console may take, by LOGIN_TIMEOUT of
// login.defs(5) below the root; 0 is for ever.
func LoginTimeout(root fs.FS) (time.Duration, error) {
	content, err := wholeFile(root, "etc/login.defs")
	if err != nil {
		return 0, err
	}
	timeout := DefaultLoginTimeout
	for line := range strings.Lines(string(content)) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "LOGIN_TIMEOUT" {
			continue
		}
		if seconds, err := strconv.ParseUint(words[1], 10, 16); err == nil {
			timeout = time.Duration(seconds) * time.Second
		}
	}
	return timeout, nil
}
