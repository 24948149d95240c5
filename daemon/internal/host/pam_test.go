package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
)

// machine is a root folder with these files.
func machine(files map[string]string) fs.FS {
	root := fstest.MapFS{"etc/pam.d": {Mode: fs.ModeDir | 0o755}}
	for path, content := range files {
		root[path] = &fstest.MapFile{Data: []byte(content)}
	}
	return root
}

func read(t *testing.T, files map[string]string) PAM {
	t.Helper()
	pam, err := ReadPAM(machine(files))
	if err != nil {
		t.Fatal(err)
	}
	return pam
}

// shown is a stack as one reads it: FILE:LINE module [argument]...
func shown(stack []Line) string {
	var b strings.Builder
	for _, l := range stack {
		fmt.Fprintf(&b, "%v %s", l.Place, l.Module)
		for _, argument := range l.Arguments {
			fmt.Fprintf(&b, " [%s]", argument)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func names(services []Service) []string {
	var all []string
	for _, s := range services {
		all = append(all, s.Name)
	}
	return all
}

func TestStacksAreReadAsLibpamReadsThem(t *testing.T) {
	files := map[string]string{
		"etc/pam.d/common-auth": "auth required pam_unix.so nullok\nauth [success=ok default=die] pam_x.so\n",
		"etc/pam.d/both":        "auth required pam_a.so\naccount required pam_b.so\n",
		"etc/pam.d/deep":        "@include both\n",
		"opt/stack":             "auth required pam_opt.so\n",
	}
	for what, c := range map[string]struct{ content, auth, account, fault string }{
		"plain":                          {content: "auth required pam_a.so x y\n", auth: "/etc/pam.d/sshd:1 pam_a.so [x] [y]\n"},
		"no end of line":                 {content: "auth required pam_a.so x", auth: "/etc/pam.d/sshd:1 pam_a.so [x]\n"},
		"capitals":                       {content: "AUTH Required pam_a.so X\nAccount INCLUDE both\n", auth: "/etc/pam.d/sshd:1 pam_a.so [X]\n", account: "/etc/pam.d/both:2 pam_b.so\n"},
		"a module that may be missing":   {content: "-auth optional pam_a.so\n", auth: "/etc/pam.d/sshd:1 pam_a.so\n"},
		"other kinds":                    {content: "session required pam_a.so\npassword required pam_a.so\n"},
		"comments":                       {content: "# auth required pam_a.so\n\n \t# x\nauth required pam_b.so x # y\n", auth: "/etc/pam.d/sshd:4 pam_b.so [x]\n"},
		"a comment within a word":        {content: "auth required pam_a.so x#y\n", auth: "/etc/pam.d/sshd:1 pam_a.so [x]\n"},
		"brackets":                       {content: "auth [success=1 default=ignore] pam_a.so [x y] [a\\]b]c [] d[e [f\n", auth: "/etc/pam.d/sshd:1 pam_a.so [x y] [a]b] [c] [] [d[e] [f]\n"},
		"a bracketed keyword":            {content: "[auth][include]common-auth", auth: "/etc/pam.d/common-auth:1 pam_unix.so [nullok]\n/etc/pam.d/common-auth:2 pam_x.so\n"},
		"continued":                      {content: "auth \\\n  required\\\n\tpam_a.so x\\\ny\nauth required pam_b.so\n", auth: "/etc/pam.d/sshd:1 pam_a.so [x] [y]\n/etc/pam.d/sshd:5 pam_b.so\n"},
		"a backslash and blanks":         {content: "auth required \\ \t\npam_a.so\n", auth: "/etc/pam.d/sshd:1 pam_a.so\n"},
		"a backslash before a comment":   {content: "auth required pam_a.so x\\ # y\nauth required pam_b.so # \\\nauth required pam_c.so", auth: "/etc/pam.d/sshd:1 pam_a.so [x\\]\n/etc/pam.d/sshd:2 pam_b.so\n/etc/pam.d/sshd:3 pam_c.so\n"},
		"@include takes all kinds":       {content: "@include both\n", auth: "/etc/pam.d/both:1 pam_a.so\n", account: "/etc/pam.d/both:2 pam_b.so\n"},
		"-@INCLUDE does, and no more":    {content: "-@INCLUDE both common-auth\n", auth: "/etc/pam.d/both:1 pam_a.so\n", account: "/etc/pam.d/both:2 pam_b.so\n"},
		"include takes one kind":         {content: "auth include both\n", auth: "/etc/pam.d/both:1 pam_a.so\n"},
		"substack too":                   {content: "account substack both\n", account: "/etc/pam.d/both:2 pam_b.so\n"},
		"@include within an include":     {content: "auth include deep\naccount required pam_c.so\n", auth: "/etc/pam.d/both:1 pam_a.so\n", account: "/etc/pam.d/sshd:2 pam_c.so\n"},
		"in their place":                 {content: "auth required pam_1.so\n@include common-auth\nauth required pam_2.so\n", auth: "/etc/pam.d/sshd:1 pam_1.so\n/etc/pam.d/common-auth:1 pam_unix.so [nullok]\n/etc/pam.d/common-auth:2 pam_x.so\n/etc/pam.d/sshd:3 pam_2.so\n"},
		"twice":                          {content: "@include both\n@include both\n", auth: "/etc/pam.d/both:1 pam_a.so\n/etc/pam.d/both:1 pam_a.so\n", account: "/etc/pam.d/both:2 pam_b.so\n/etc/pam.d/both:2 pam_b.so\n"},
		"a full path":                    {content: "@include /opt/stack\n", auth: "/opt/stack:1 pam_opt.so\n"},
		"a path upwards":                 {content: "@include ../../opt/stack\n", auth: "/opt/stack:1 pam_opt.so\n"},
		"an include that is not there":   {content: "auth required pam_a.so\n@include common-ath\n", auth: "/etc/pam.d/sshd:1 pam_a.so\n", fault: "2: includes /etc/pam.d/common-ath, which is no file"},
		"an include of vendors":          {content: "@include vendor\n", fault: "1: includes /etc/pam.d/vendor, which is no file"},
		"an include of the root":         {content: "@include /\n", fault: "1: includes /, which is no file"},
		"an include above the root":      {content: "@include ../../../..\n", fault: "1: includes /, which is no file"},
		"an include of nothing":          {content: "auth include\n", fault: "1: not a complete line: type, control, module"},
		"an @include of nothing":         {content: "@include\n", fault: "1: not a complete line: type, control, module"},
		"it includes itself":             {content: "auth required pam_a.so\nauth include sshd\n", auth: "/etc/pam.d/sshd:1 pam_a.so\n", fault: "2: includes /etc/pam.d/sshd, which includes this file"},
		"no such kind":                   {content: "auth required pam_a.so\nauht required pam_b.so\n", auth: "/etc/pam.d/sshd:1 pam_a.so\n", fault: "2: the type is none of auth, account, password, session"},
		"no module":                      {content: "auth required # pam_b.so\n", fault: "1: not a complete line: type, control, module"},
		"a bracket that stays open":      {content: "auth [success=1 default=ignore pam_a.so\n", fault: "1: not a complete line: type, control, module"},
		"ends in a backslash":            {content: "auth required pam_a.so\nauth required pam_b.so \\\n", auth: "/etc/pam.d/sshd:1 pam_a.so\n/etc/pam.d/sshd:2 pam_b.so\n", fault: "2: ends in a backslash"},
		"continued by an empty line":     {content: "auth required pam_a.so \\\n\nauth required pam_b.so\n", auth: "/etc/pam.d/sshd:1 pam_a.so\n/etc/pam.d/sshd:3 pam_b.so\n", fault: "1: a continued line runs into an empty line or a comment"},
		"continued by a comment":         {content: "auth required pam_a.so \\\n# x\nauth required pam_b.so\n", auth: "/etc/pam.d/sshd:1 pam_a.so\n/etc/pam.d/sshd:3 pam_b.so\n", fault: "1: a continued line runs into an empty line or a comment"},
		"from Windows":                   {content: "auth required pam_a.so\r\n", auth: "/etc/pam.d/sshd:1 pam_a.so\r\n", fault: "1: holds a control character, such as Windows puts at the end of a line"},
		"a NUL":                          {content: "auth required pam_a.so \x00x\n", auth: "/etc/pam.d/sshd:1 pam_a.so [\x00x]\n", fault: "1: holds a control character, such as Windows puts at the end of a line"},
		"a line that is cut":             {content: "auth required pam_a.so " + strings.Repeat(" ", 1000) + "\n", auth: "/etc/pam.d/sshd:1 pam_a.so\n", fault: "1: too long a line"},
		"a comment that is cut":          {content: "#" + strings.Repeat("x", 1030) + "\nauth required pam_a.so\n", auth: "/etc/pam.d/sshd:2 pam_a.so\n", fault: "1: too long a line"},
		"a joined line that is cut":      {content: "auth required pam_a.so " + strings.Repeat(strings.Repeat("x", 500)+" \\\n", 2) + "y\n", auth: "/etc/pam.d/sshd:1 pam_a.so [" + strings.Repeat("x", 500) + "] [" + strings.Repeat("x", 500) + "] [y]\n", fault: "1: too long a line"},
		"the first fault of a file":      {content: "auth\nauht required pam_b.so\n", fault: "1: not a complete line: type, control, module"},
		"the first, of its includes too": {content: "@include nothing\nauth\n", fault: "1: includes /etc/pam.d/nothing, which is no file"},
	} {
		t.Run(what, func(t *testing.T) {
			tree := map[string]string{"etc/pam.d/sshd": c.content, "usr/lib/pam.d/vendor": "auth required pam_v.so"}
			for path, content := range files {
				tree[path] = content
			}
			pam := read(t, tree)
			i := slices.IndexFunc(pam.Services, func(s Service) bool { return s.Name == "sshd" })
			if auth := shown(pam.Services[i].Auth); auth != c.auth {
				t.Errorf("auth is\n%swant\n%s", auth, c.auth)
			}
			if account := shown(pam.Services[i].Account); account != c.account {
				t.Errorf("account is\n%swant\n%s", account, c.account)
			}
			var faults []string
			for _, f := range pam.Faults {
				faults = append(faults, fmt.Sprintf("%v: %s", f.Place, f.Text))
			}
			var want []string
			if c.fault != "" {
				want = []string{"/etc/pam.d/sshd:" + c.fault}
			}
			if !slices.Equal(faults, want) {
				t.Errorf("faults are %q, want %q", faults, want)
			}
		})
	}
}

func TestServicesAreFilesThatAProgramMayGoBy(t *testing.T) {
	const full, auth = "auth required pam_a.so\naccount required pam_a.so\n", "auth required pam_a.so\n"
	pam := read(t, map[string]string{
		"etc/pam.d/sshd": full, "etc/pam.d/su": full, "etc/pam.d/su-l": "auth include su\naccount include su\n",
		"etc/pam.d/login": "@include common-auth\n@include common-account\n", "etc/pam.d/chpasswd": "password required pam_a.so\n",
		"etc/pam.d/common-auth": auth, "etc/pam.d/common-account": "account required pam_a.so\n", // parts
		"usr/lib/pam.d/polkit-1": auth, "usr/lib/pam.d/sshd": "auth required pam_vendor.so\n", // /etc stands in front
		"etc/pam.d/sshd~": full, "etc/pam.d/sshd.dpkg-dist": full, "etc/pam.d/sudo.bak": full, "etc/pam.d/.sshd.swp": full,
		"etc/pam.d/README": "not a stack", "etc/pam.d/old/sshd": full,
	})
	if want := []string{"chpasswd", "login", "polkit-1", "sshd", "su", "su-l"}; !slices.Equal(names(pam.Services), want) || len(pam.Faults) != 0 {
		t.Errorf("services are %q, want %q; faults %v", names(pam.Services), want, pam.Faults)
	}
	if stack := shown(pam.Services[3].Auth); stack != "/etc/pam.d/sshd:1 pam_a.so\n" {
		t.Errorf("sshd's stack is\n%s", stack)
	}
}

// Includes that double at each step are 2^15 lines, and more with each line.
func TestIncludesThatMultiplyEnd(t *testing.T) {
	files := map[string]string{}
	for i := range 20 {
		files[fmt.Sprintf("etc/pam.d/s%02d", i)] = strings.Repeat(fmt.Sprintf("@include s%02d\n", i+1), 40)
	}
	pam := read(t, files)
	if len(pam.Faults) != 20 {
		t.Errorf("%d faults, want one for each file", len(pam.Faults))
	}
}

func TestFilesOfARealFolder(t *testing.T) {
	root := t.TempDir()
	folder := filepath.Join(root, "etc/pam.d")
	if err := os.MkdirAll(filepath.Join(folder, "backup"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.WriteFile(filepath.Join(folder, "sshd"), []byte("@include fifo\n@include backup\n@include a/b\n@include loop\nauth required pam_a.so\n"), 0o644),
		os.Symlink("sshd", filepath.Join(folder, "ssh")),
		os.Symlink("nowhere", filepath.Join(folder, "dangling")),
		os.Symlink("loop", filepath.Join(folder, "loop")),
		syscall.Mkfifo(filepath.Join(folder, "fifo"), 0o644), // nobody writes into it: to open it is to wait
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	pam, err := ReadPAM(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(names(pam.Services), []string{"ssh", "sshd"}) || len(pam.Services[0].Auth) != 1 {
		t.Errorf("services are %+v", pam.Services)
	}
	var faulty []string
	for _, f := range pam.Faults {
		faulty = append(faulty, filepath.Base(f.Path))
	}
	if want := []string{"dangling", "fifo", "loop", "ssh", "sshd"}; !slices.Equal(faulty, want) {
		t.Errorf("faulty are %q, want %q", faulty, want)
	}
}

// unreadable is a root in which one file cannot be opened, or looked at.
type unreadable struct {
	fs.FS
	file, op string
	err      error
}

func (u unreadable) Open(name string) (fs.File, error) {
	if name == u.file && u.op == "open" {
		return nil, &fs.PathError{Op: u.op, Path: name, Err: u.err}
	}
	return u.FS.Open(name)
}

func (u unreadable) Stat(name string) (fs.FileInfo, error) {
	if name == u.file && u.op == "stat" {
		return nil, &fs.PathError{Op: u.op, Path: name, Err: u.err}
	}
	return fs.Stat(u.FS, name)
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	files := machine(map[string]string{"etc/pam.d/sshd": "@include common-auth\n", "etc/pam.d/common-auth": "auth required pam_a.so\n"})
	for what, c := range map[string]struct {
		root fs.FS
		want string
	}{
		"a file":          {unreadable{files, "etc/pam.d/sshd", "open", fs.ErrPermission}, "/etc/pam.d/sshd: permission denied"},
		"an include":      {unreadable{files, "etc/pam.d/common-auth", "open", syscall.EIO}, "/etc/pam.d/common-auth: input/output error"},
		"what it is":      {unreadable{files, "etc/pam.d/sshd", "stat", syscall.EACCES}, "/etc/pam.d/sshd: permission denied"},
		"the folder":      {unreadable{files, "etc/pam.d", "open", fs.ErrPermission}, "/etc/pam.d: permission denied"},
		"no folder":       {fstest.MapFS{"etc/pam.conf": {Data: []byte("sshd auth required pam_a.so\n")}}, "no /etc/pam.d"},
		"far too large":   {machine(map[string]string{"etc/pam.d/sshd": strings.Repeat("#\n", maxPAMFile)}), "/etc/pam.d/sshd: too long"},
		"the folder, odd": {fstest.MapFS{"etc/pam.d": {Data: []byte("x")}}, "/etc/pam.d: "},
	} {
		if pam, err := ReadPAM(c.root); err == nil || !strings.Contains(err.Error(), c.want) || pam.Services != nil {
			t.Errorf("%s: %v, want %q; %v", what, err, c.want, pam)
		}
	}
	if _, err := ReadPAM(unreadable{files, "etc/pam.d/sshd", "open", fs.ErrPermission}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("not to be told from other errors: %v", err)
	}
}

func FuzzPAMStack(f *testing.F) {
	for _, seed := range [][2]string{
		{"@include common-auth\nauth required pam_spse_totp.so services=sshd", "auth [success=1 default=ignore] pam_unix.so nullok\n"},
		{"-auth \\\n required /usr/local/lib/security/pam_spse_totp.so [services=sshd] account=sshd # x\n", "@include common-auth\n"},
		{"auth include common-auth\naccount substack sshd\n", "@include sshd\n@include common-auth\naccount required pam_spse_totp.so [a \\]b]\\"},
		{"auth include common-auth\nauth include common-auth\n", "auth include /etc/pam.d/other\nauth required pam_spse_totp.so split=6 timeout=60 debug\r\n"},
		{"[auth][required]pam_spse_totp.so[]services=sshdd,cron#", "\\\n\\\n[\\\n]"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, sshd, common string) {
		files := map[string]string{"etc/pam.d/sshd": sshd, "etc/pam.d/common-auth": common, "etc/pam.d/other": "auth required pam_deny.so\n"}
		pam, err := ReadPAM(machine(files))
		if err != nil {
			if len(sshd) <= maxPAMFile && len(common) <= maxPAMFile {
				t.Fatal(err)
			}
			return
		}
		for _, s := range pam.Services {
			for _, l := range slices.Concat(s.Auth, s.Account) {
				if content, ok := files[l.Path[1:]]; !ok || l.Line < 1 || l.Line > strings.Count(content, "\n")+1 {
					t.Errorf("a line is said to be at %v", l.Place)
				}
			}
			mustReadBack(t, s)
		}
		mustSaySomethingOfEach(t, pam)
	})
}

// mustReadBack demands that a stack that is written out reads as the same.
func mustReadBack(t *testing.T, s Service) {
	t.Helper()
	var b strings.Builder
	for kind, stack := range map[Kind][]Line{Auth: s.Auth, Account: s.Account} {
		for _, l := range stack {
			line := string(kind) + " required"
			for _, word := range append([]string{l.Module}, l.Arguments...) {
				line += " " + written(word)
			}
			if strings.Contains(line, unwritable) || strings.HasSuffix(line, `\`) || len(line) > maxPAMLine {
				return
			}
			b.WriteString(line + "\n")
		}
	}
	again, err := ReadPAM(machine(map[string]string{"etc/pam.d/" + s.Name: b.String()}))
	if err != nil || len(again.Services) != 1 {
		t.Fatalf("%v: %+v of\n%s", err, again, b.String())
	}
	for _, pair := range [][2][]Line{{s.Auth, again.Services[0].Auth}, {s.Account, again.Services[0].Account}} {
		same := slices.EqualFunc(pair[0], pair[1], func(a, b Line) bool { return a.Module == b.Module && slices.Equal(a.Arguments, b.Arguments) })
		if !same {
			t.Errorf("%s\nreads back as\n%s", shown(pair[0]), shown(pair[1]))
		}
	}
}

// unwritable: a backslash in front of the closing bracket would take it along.
const unwritable = "\n"

// written is a word as it is written, in brackets where it must be.
func written(word string) string {
	switch {
	case word != "" && word[0] != '[' && !strings.ContainsAny(word, " \t"):
		return word
	case strings.HasSuffix(word, `\`):
		return unwritable
	default:
		return "[" + strings.ReplaceAll(word, "]", `\]`) + "]"
	}
}

// mustSaySomethingOfEach demands that each line of ours is listed, and each
// service in whose stack it is with it.
func mustSaySomethingOfEach(t *testing.T, pam PAM) {
	t.Helper()
	codes := pam.Codes()
	for _, s := range pam.Services {
		for _, l := range ours(slices.Concat(s.Auth, s.Account)) {
			i := slices.IndexFunc(codes.Lines, func(c CodeLine) bool { return c.Place == l.Place })
			if i < 0 || slices.Contains(codes.Lines[i].ActsFor, s.Name) == slices.Contains(codes.Lines[i].LeftOut, s.Name) {
				t.Errorf("%v of %s: %+v", l, s.Name, codes.Lines)
			}
		}
	}
}
