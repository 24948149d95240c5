package host

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

var (
	to   = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	from = to.AddDate(0, 0, -30)
)

// entry is one of a journal in memory.
type entry struct {
	daysAgo int
	message any
}

func (e entry) at() time.Time { return to.AddDate(0, 0, -e.daysAgo) }

// journal plays journalctl, with these entries, the latest first.
func journal(t *testing.T, entries ...entry) Runner {
	return func(ctx context.Context, stdout io.Writer, program string, args ...string) (int, string, error) {
		if program != journalctl || !slices.Contains(args, "_UID=0") {
			t.Errorf("ran %s %q", program, args)
		}
		all := slices.Clone(entries)
		if !slices.Contains(args, "--reverse") {
			slices.Reverse(all)
		} else if !slices.Contains(args, "--since=@"+strconv.FormatInt(from.Unix(), 10)) {
			t.Errorf("not since: %q", args)
		}
		for _, e := range all {
			line, err := json.Marshal(map[string]any{"MESSAGE": e.message, "__REALTIME_TIMESTAMP": strconv.FormatInt(e.at().UnixMicro(), 10), "_PID": "1"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := stdout.Write(append(line, '\n')); err != nil {
				return 0, "", err // as a program that is killed by its pipe
			}
		}
		return 0, "", nil
	}
}

func byKey(name, from string) string {
	return acceptedPrefix + name + " from " + from + " port 45440 ssh2" + key
}

// got is a login as wtmp has it.
func terminalRecord(kind uint16, line, user string, at time.Time) string {
	record := make([]byte, wtmpRecord)
	binary.LittleEndian.PutUint16(record, kind)
	copy(record[wtmpLine:], line)
	copy(record[wtmpUser:], user)
	binary.LittleEndian.PutUint32(record[wtmpTime:], uint32(at.Unix()))
	return string(record)
}

// logs is a root folder with these files, written to just now.
func logs(files map[string]string) fs.FS {
	root := fstest.MapFS{}
	for name, content := range files {
		root["var/log/"+name] = &fstest.MapFile{Data: []byte(content), ModTime: to}
	}
	return root
}

func (k KeyLogin) String() string {
	return fmt.Sprintf("%s %d %s %v %s", k.Account, k.Count, k.Last.UTC().Format(time.DateOnly), k.From, k.Terminal)
}

func check(t *testing.T, got KeyLogins, since time.Time, whole bool, want ...string) {
	t.Helper()
	var accounts []string
	for _, a := range got.Accounts {
		accounts = append(accounts, a.String())
	}
	if !slices.Equal(accounts, want) || !got.Since.Equal(since) || got.Whole != whole {
		t.Errorf("since %v, whole %v:\n%s\nwant since %v, whole %v:\n%s", got.Since, got.Whole, strings.Join(accounts, "\n"), since, whole, strings.Join(want, "\n"))
	}
}

func TestKeyLoginsOfTheJournal(t *testing.T) {
	run := journal(t,
		entry{1, byKey("siti", "10.0.0.2")},
		entry{2, byKey("backup", "10.0.0.9")},
		entry{3, byKey("budi", "2001:db8::5")},
		entry{4, "Accepted password for admin from 10.0.0.3 port 1 ssh2"},
		entry{4, "Invalid user " + byKey("root", "6.6.6.6") + " from 10.0.0.3 port 1"},
		entry{4, []int{65, 255}},
		entry{4, nil},
		entry{5, byKey("backup", "10.0.0.8")},
		entry{6, byKey("backup", "10.0.0.9")},
		entry{40, "something old"},
	)
	wtmp := terminalRecord(2, "~", "reboot", to) + terminalRecord(userProcess, "pts/0", "siti", to.AddDate(0, 0, -1)) +
		terminalRecord(8, "pts/1", "backup", to) + terminalRecord(userProcess, "pts/1", "budi", from.Add(-time.Second)) + "half a record"
	got, err := ReadKeyLogins(t.Context(), logs(map[string]string{"wtmp": wtmp}), run, from, to, nil)
	if err != nil {
		t.Fatal(err)
	}
	check(t, got, from, true,
		"backup 3 2026-11-23 [10.0.0.9 10.0.0.8] not-seen",
		"budi 1 2026-11-22 [2001:db8::5] not-seen",
		"siti 1 2026-11-24 [10.0.0.2] seen")
}

// A volatile journal begins with the boot; what was before, rsyslog has.
func TestKeyLoginsBeforeTheJournalBegins(t *testing.T) {
	run := journal(t, entry{1, byKey("siti", "10.0.0.2")}, entry{2, "the boot"})
	line := func(daysAgo int, program, message string) string {
		return entry{daysAgo, nil}.at().Format(time.RFC3339Nano) + " kudus " + program + "[12]: " + message + "\n"
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte(line(25, "sshd", "Server listening") + line(24, "sshd-session", byKey("backup", "10.0.0.9")))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	root := logs(map[string]string{
		"auth.log": line(5, "sshd", byKey("siti", "10.0.0.3")) + line(4, "cron", byKey("root", "6.6.6.6")) +
			line(3, "sshd", "Invalid user "+byKey("root", "6.6.6.6")) + line(1, "sshd", byKey("siti", "10.0.0.2")),
		"auth.log.1":    "garbled\n" + line(7, "sshd", byKey("siti", "10.0.0.4")),
		"auth.log.2.gz": packed.String(),
		"wtmp":          "", "wtmp.1": terminalRecord(userProcess, "tty1", "siti", to.AddDate(0, 0, -20)), "wtmp.db": terminalRecord(userProcess, "tty1", "backup", to),
	})
	root.(fstest.MapFS)["var/log/auth.log.3"] = &fstest.MapFile{Data: []byte(line(29, "sshd", byKey("old", "10.0.0.1"))), ModTime: from.Add(-time.Hour)}
	got, err := ReadKeyLogins(t.Context(), root, run, from, to, nil)
	if err != nil {
		t.Fatal(err)
	}
	check(t, got, to.AddDate(0, 0, -25), true,
		"backup 1 2026-11-01 [10.0.0.9] not-seen",
		"siti 3 2026-11-24 [10.0.0.2 10.0.0.3 10.0.0.4] seen")
}

func TestKeyLoginsWithoutLogs(t *testing.T) {
	none := func(context.Context, io.Writer, string, ...string) (int, string, error) { return 0, "", fs.ErrNotExist }
	got, err := ReadKeyLogins(t.Context(), logs(nil), none, from, to, nil)
	if err != nil {
		t.Fatal(err)
	}
	check(t, got, to, true)
	got, err = ReadKeyLogins(t.Context(), logs(nil), journal(t, entry{1, byKey("siti", "10.0.0.2")}, entry{31, "x"}), from, to, nil)
	if err != nil {
		t.Fatal(err)
	}
	check(t, got, from, true, "siti 1 2026-11-24 [10.0.0.2] ")
}

func TestKeyLoginsThatCannotBeRead(t *testing.T) {
	said := func(exit int, text string, err error) Runner {
		return func(_ context.Context, stdout io.Writer, _ string, _ ...string) (int, string, error) {
			if _, err := stdout.Write([]byte(text)); err != nil {
				return 0, "", err
			}
			return exit, "journalctl: no\nmore", err
		}
	}
	for what, run := range map[string]Runner{
		"exit status":     said(1, "", nil),
		"killed":          said(0, "", errors.New("signal: killed")),
		"no JSON":         said(0, "--\n", nil),
		"no time":         said(0, "{}\n", nil),
		"a negative time": said(0, `{"__REALTIME_TIMESTAMP":"-1"}`+"\n", nil),
	} {
		if got, err := ReadKeyLogins(t.Context(), logs(nil), run, from, to, nil); err == nil || !strings.HasPrefix(err.Error(), "reading the journal: ") {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	garbled := logs(map[string]string{"auth.log.2.gz": "no gzip"})
	if got, err := ReadKeyLogins(t.Context(), garbled, journal(t), from, to, nil); err == nil || !strings.Contains(err.Error(), "/var/log/auth.log.2.gz") {
		t.Errorf("a packed log that is none: %+v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := ReadKeyLogins(ctx, logs(nil), Run, from, to, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %+v, %v", got, err)
	}
}

// Where there is no time for all, it says so, and what is missing is the oldest.
func TestAJournalTooLongToRead(t *testing.T) {
	endless := func(ctx context.Context, stdout io.Writer, _ string, args ...string) (int, string, error) {
		if !slices.Contains(args, "--reverse") {
			return journal(t, entry{60, "x"})(ctx, stdout, journalctl, args...)
		}
		many := []entry{{1, byKey("siti", "10.0.0.2")}}
		for range 1000 {
			many = append(many, entry{3, byKey("backup", "10.0.0.9")})
		}
		if exit, complaint, err := journal(t, many...)(ctx, stdout, journalctl, args...); err != nil {
			return exit, complaint, err
		}
		return 0, "", context.DeadlineExceeded
	}
	var told []time.Time
	got, err := ReadKeyLogins(t.Context(), logs(nil), endless, from, to, func(reached time.Time) { told = append(told, reached) })
	if err != nil {
		t.Fatal(err)
	}
	check(t, got, to.AddDate(0, 0, -3), false, "backup 1000 2026-11-22 [10.0.0.9] ", "siti 1 2026-11-24 [10.0.0.2] ")
	if len(told) != 1001 || !told[1000].Equal(got.Since) {
		t.Errorf("was told %d times", len(told))
	}
}

func TestTheTallyIsBounded(t *testing.T) {
	tally := tally{from: from, to: to, accounts: make(map[string]*tallied)}
	for i := range maxKeyAccounts + 5 {
		tally.add(accepted{fmt.Sprint("budi", i), netip.MustParseAddr("10.0.0.1")}, from)
	}
	if len(tally.accounts) != maxKeyAccounts || !tally.full {
		t.Errorf("%d accounts, full %v", len(tally.accounts), tally.full)
	}
	for i := range 300 {
		tally.add(accepted{"budi1", netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})}, from.Add(time.Duration(i)*time.Minute))
	}
	got := tally.accounts["budi1"].keyLogin("budi1")
	if got.Count != 301 || len(got.From) != maxOrigins || got.From[0].String() != "10.1.1.43" || got.From[7].String() != "10.1.1.36" {
		t.Errorf("%+v", got)
	}
}

func TestNamesAsLongAsWtmpHasThem(t *testing.T) {
	long := strings.Repeat("b", 40)
	got, err := readTerminals(logs(map[string]string{"wtmp": terminalRecord(userProcess, "pts/3", long[:32], to)}), from)
	if err != nil || got.of(long) != TerminalSeen || got.of(long[:31]) != TerminalNotSeen {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzParseJournalEntry(f *testing.F) {
	f.Add([]byte(`{"MESSAGE":"x","__REALTIME_TIMESTAMP":"1795590613088673"}`))
	f.Add([]byte(`{"MESSAGE":[65,255],"__REALTIME_TIMESTAMP":"1"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if message, at, err := parseJournalEntry(line); err == nil && at.Before(time.UnixMicro(0)) {
			t.Errorf("%q: %q, %v", line, message, at)
		}
	})
}

func FuzzWtmp(f *testing.F) {
	f.Add([]byte(terminalRecord(userProcess, "pts/0", "siti", to)))
	f.Fuzz(func(t *testing.T, content []byte) {
		seen := terminals{seen: make(map[string]bool)}
		if err := seen.read(bytes.NewReader(content), from); err != nil || len(seen.seen) > len(content)/wtmpRecord {
			t.Errorf("%v, %v", seen, err)
		}
	})
}
