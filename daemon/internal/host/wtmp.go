package host

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"strings"
	"time"
)

// wtmps are where sshd and login(1) note who gets a terminal (wtmp(5)), that of
// now and those that logrotate(8) keeps. sshd of Debian 13 writes it as that of 12
// does, where it is; and so it is, unless somebody took it away.
var wtmps = []string{"var/log/wtmp", "var/log/wtmp.[0-9]*", "var/log/wtmp-*"}

// What is read of a record (utmp(5), struct utmp of amd64).
const (
	wtmpRecord = 384 // bytes
	wtmpType   = 0   // int16
	wtmpLine   = 8   // 32 bytes, as the user's: a NUL ends what is shorter
	wtmpUser   = 44
	wtmpTime   = 340 // 32 bits, in seconds since 1970
	wtmpText   = 32

	userProcess = 7 // somebody got the terminal
)

// terminals are the users who were seen at one. Nothing is known where there is
// no wtmp.
type terminals struct {
	known bool
	seen  map[string]bool // by the first 32 bytes of the name
}

func (t terminals) of(name string) Terminal {
	switch {
	case t.seen[name[:min(len(name), wtmpText)]]:
		return TerminalSeen
	case t.known:
		return TerminalNotSeen
	default:
		return TerminalNotKnown
	}
}

func readTerminals(root fs.FS, from time.Time) (terminals, error) {
	t := terminals{seen: make(map[string]bool)}
	var err error
	if t.known, err = isFile(root, wtmps[0]); err != nil {
		return terminals{}, err
	}
	for _, pattern := range wtmps {
		err := eachLog(root, pattern, from, func(file io.Reader) error { return t.read(file, from) })
		if err != nil {
			return terminals{}, err
		}
	}
	return t, nil
}

func (t terminals) read(file io.Reader, from time.Time) error {
	var record [wtmpRecord]byte
	for {
		switch _, err := io.ReadFull(file, record[:]); {
		case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF): // one that is being written
			return nil
		case err != nil:
			return err
		}
		if binary.LittleEndian.Uint16(record[wtmpType:]) != userProcess {
			continue
		}
		at := time.Unix(int64(binary.LittleEndian.Uint32(record[wtmpTime:])), 0)
		line, user := wtmpString(record[wtmpLine:]), wtmpString(record[wtmpUser:])
		if !at.Before(from) && (strings.HasPrefix(line, "pts/") || strings.HasPrefix(line, "tty")) {
			t.seen[user] = true
		}
	}
}

func wtmpString(field []byte) string {
	text, _, _ := strings.Cut(string(field[:wtmpText]), "\x00")
	return text
}
