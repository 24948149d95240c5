package host

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// machineIDPath is machine-id(5).
const machineIDPath = "/etc/machine-id"

var machineID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// ID tells this host from others, and stays the same as long as it is
// installed. It is derived from the machine-id, which is not to be passed on
// itself (machine-id(5)).
func ID() ([16]byte, error) {
	text, err := os.ReadFile(machineIDPath)
	if err != nil {
		return [16]byte{}, fmt.Errorf("telling this host from others: %w", err)
	}
	return idOf(string(text))
}

func idOf(text string) (id [16]byte, err error) {
	text = strings.TrimSpace(text)
	if !machineID.MatchString(text) || strings.Trim(text, "0") == "" {
		return id, errors.New("telling this host from others: " + machineIDPath + " holds no machine-id; systemd-machine-id-setup makes one")
	}
	sum := sha256.Sum256([]byte("spse-totp host\x00" + text))
	copy(id[:], sum[:])
	return id, nil
}
