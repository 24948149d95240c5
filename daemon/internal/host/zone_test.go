package host

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// zoneData is the file of a zone that is ever so many hours east of UTC
// (RFC 9636 §3: version 1, one type and no transitions).
func zoneData(hours int) []byte {
	data := append([]byte("TZif"), make([]byte, 16+3*4)...)
	for _, count := range []uint32{0 /* transitions */, 1 /* types */, 4 /* letters */, uint32(int32(hours * 3600))} {
		data = binary.BigEndian.AppendUint32(data, count)
	}
	return append(data, "\x00\x00LPS\x00"...)
}

func TestZoneIsTheFilesAtEachCall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "localtime")
	offset := func() int {
		_, seconds := time.Now().In(zoneOf(path)).Zone()
		return seconds / 3600
	}
	if got := offset(); got != 0 {
		t.Errorf("without a file: %d hours", got)
	}
	for _, hours := range []int{7, 9, -12} {
		if err := os.WriteFile(path, zoneData(hours), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := offset(); got != hours {
			t.Errorf("%d hours, want %d", got, hours)
		}
	}
	if err := os.WriteFile(path, []byte("TZif and no more"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := offset(); got != 0 {
		t.Errorf("with a damaged file: %d hours", got)
	}
}

func TestZoneIsThisMachines(t *testing.T) {
	now := time.Now()
	_, got := now.In(Zone()).Zone()
	if _, want := now.Zone(); got != want {
		t.Errorf("%d s east of UTC, want %d", got, want)
	}
}
