package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/audit"
	"spse-totp/daemon/internal/config"
	"spse-totp/daemon/internal/control"
	"spse-totp/daemon/internal/host"
	"spse-totp/daemon/internal/login"
	"spse-totp/daemon/internal/seal"
	"spse-totp/daemon/internal/server"
	"spse-totp/daemon/internal/store"
	"spse-totp/daemon/internal/store/sqlite"
	"spse-totp/daemon/internal/text"
)

// run is the daemon, from its configuration to its end.
func run(ctx context.Context, configPath string) error {
	if err := guardMemory(); err != nil {
		return err
	}
	files := configurationFiles(configPath)
	c, err := files.atStart()
	if err != nil {
		return err
	}
	sealer, err := readKeyset(c.Config)
	if err != nil {
		return err
	}
	id, err := host.ID()
	if err != nil {
		return hinted{err, "codes are bound to the host they are accepted on"}
	}
	hangup := make(chan os.Signal, 1) // from here on SIGHUP no longer ends the daemon
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	events := audit.New()
	accounts := store.New(openDatabase(c.Config), sealer, watch{events})
	defer accounts.Close()
	sockets, err := server.Listen(c.SocketDirectory)
	if err != nil {
		return err
	}
	var current atomic.Pointer[office]
	current.Store(officeOf(c.Config))

	services, ctx := errgroup.WithContext(ctx)
	services.Go(func() error { return pamSocket(sockets, id, accounts, events, &current).Serve(ctx) })
	services.Go(func() error { return controlSocket(sockets, id, accounts, events, sealer, &current).Serve(ctx) })
	services.Go(func() error { return reloadOnHangup(ctx, hangup, files, events, &current) })
	services.Go(func() error { return watchdog(ctx, accounts) })
	services.Go(func() error { return announceStop(ctx) })
	// A store that fails is told of now, and tried again later; a stop is no
	// failure, and must not be told to those who wait for the store.
	accounts.Warm(context.WithoutCancel(ctx), time.Now())
	files.taken(events, c)
	notify(daemon.SdNotifyReady + "\n" + c.status())
	events.Record(audit.Event{Kind: audit.Service, Message: "spse-totpd is ready"})
	c.review(events)
	return services.Wait()
}

// guardMemory keeps secrets out of core dumps and files out of others' reach.
func guardMemory() error {
	unix.Umask(0o077)
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbidding core dumps: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbidding core dumps: %w", err)
	}
	return nil
}

// sealedKeyset is where spse-totpd.service has systemd look for the keyset.
const sealedKeyset = "/etc/credstore.encrypted/spse-totp.keyset"

// readKeyset takes the keyset from systemd's credential, or from its file,
// which must be root's alone.
func readKeyset(c config.Config) (*seal.Sealer, error) {
	path, hint := c.Keyset, "spse-totp key init makes one where there is no database yet; where there is one, restore its keyset"
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" {
		path, hint = filepath.Join(dir, "keyset"), "what "+sealedKeyset+" holds is no keyset: seal the copy of the keyset there again"
	}
	clear, err := readOwn(path)
	if err != nil {
		var own hinted
		if errors.As(err, &own) {
			hint = own.hint
		}
		return nil, hinted{fmt.Errorf("reading the keyset: %w", err), hint}
	}
	sealer, err := seal.New(clear)
	if err != nil {
		return nil, hinted{fmt.Errorf("keyset %s: %w", path, err), hint}
	}
	return sealer, nil
}

// maxKeyset bounds the keyset's file, in bytes; one key takes some 300.
const maxKeyset = 64 << 10

// readOwn reads a file that nobody else can have written or read: root's, or
// this user's, or systemd's credential, of which a group may read too.
func readOwn(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0) // a FIFO must not hold us up
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var info unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &info); err != nil {
		return nil, err
	}
	forbidden := uint32(0o077)
	if os.Getenv("CREDENTIALS_DIRECTORY") != "" {
		forbidden = 0o037 // systemd grants the service's user by an ACL, which shows as the group's bits
	}
	switch {
	case info.Mode&unix.S_IFMT != unix.S_IFREG || info.Size > maxKeyset:
		return nil, fmt.Errorf("%s is no keyset", path)
	case info.Uid != 0 && info.Uid != uint32(os.Geteuid()):
		return nil, hinted{fmt.Errorf("%s belongs to uid %d", path, info.Uid), "chown root " + path}
	case info.Mode&forbidden != 0:
		return nil, hinted{fmt.Errorf("%s can be read by others", path), "chmod 600 " + path}
	}
	return io.ReadAll(f)
}

// openDatabase opens the database in systemd's state directory, or in the
// configured one.
func openDatabase(c config.Config) store.Opener {
	dir := c.StateDirectory
	if given := os.Getenv("STATE_DIRECTORY"); given != "" {
		dir = given
	}
	return databaseIn(dir)
}

func databaseIn(dir string) store.Opener {
	return func(ctx context.Context, firstMark []byte) (store.Engine, bool, error) {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, false, err
		}
		return sqlite.At(filepath.Join(dir, config.DatabaseFile))(ctx, firstMark)
	}
}

// office is what the configuration says and a reload changes.
type office struct {
	control control.Office
	login   login.Office
}

func officeOf(c config.Config) *office {
	texts := text.New(c.Language, c.Issuer, c.Contact)
	limits := account.Limits{LockAfter: c.LockAfter}
	return &office{
		control: control.Office{
			Host:  control.Host{Language: string(c.Language), Issuer: c.Issuer, Contact: c.Contact},
			Texts: texts, Limits: limits, PasswordActivates: c.PasswordActivates,
			Helpdesk: c.Helpdesk, Administrators: c.Administrators,
		},
		login: login.Office{Texts: texts, Policy: c.Policy, Issuer: c.Issuer, Limits: limits, PasswordActivates: c.PasswordActivates},
	}
}

func pamSocket(sockets server.Sockets, id account.HostID, accounts *store.Store, events *audit.Log, current *atomic.Pointer[office]) *server.PAM {
	service := &login.Service{
		Accounts: accounts,
		Events:   events,
		Host:     id,
		Office:   func() login.Office { return current.Load().login },
		Now:      time.Now,
	}
	return &server.PAM{
		Listener: sockets.PAM,
		Converse: service.Serve,
		Failed: func(fault any) {
			events.Record(audit.Event{Kind: audit.Alarm, Message: fmt.Sprintf("internal error on pam.sock: %v", fault)})
		},
		Refused: func(peer server.Peer) {
			events.Record(audit.Event{Kind: audit.Refused, Caller: peer.String(), Message: "connection to pam.sock refused"})
		},
	}
}

func controlSocket(sockets server.Sockets, id account.HostID, accounts *store.Store, events *audit.Log, sealer *seal.Sealer, current *atomic.Pointer[office]) *server.Control {
	service := &control.Service{
		Accounts: accounts,
		Users:    host.Users{},
		Events:   events,
		Seal:     sealer,
		ThisHost: id,
		Office:   func() control.Office { return current.Load().control },
		Now:      time.Now,
	}
	return &server.Control{
		Listener: sockets.Control,
		Handler:  service.Handler(),
		Failed: func(fault any) {
			events.Record(audit.Event{Kind: audit.Alarm, Message: fmt.Sprintf("internal error on control.sock: %v", fault)})
		},
	}
}

// watchdog tells systemd that the daemon lives, as long as it can look up an
// account: a daemon stuck in its store is better started anew. One whose store
// fails is not stuck.
func watchdog(ctx context.Context, accounts *store.Store) error {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		return nil // nobody watches
	}
	tick := time.NewTicker(every / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			_, _ = accounts.View(context.WithoutCancel(ctx), account.Host("")) // what counts is that it came back
			notify(daemon.SdNotifyWatchdog)
		}
	}
}

// announceStop tells systemd that the daemon ends on purpose.
func announceStop(ctx context.Context) error {
	<-ctx.Done()
	notify(daemon.SdNotifyStopping)
	return nil
}

func notify(state string) {
	_, _ = daemon.SdNotify(false, state) // run by hand there is nobody to tell
}
