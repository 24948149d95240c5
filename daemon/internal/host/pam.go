package host

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
)

// What is said here of libpam was seen on Debian's, 1.5.2 and 1.7.0.

// Where stacks are, below the root. A service is looked for in both; what a
// file includes is looked for in the first alone.
const (
	pamFolder       = "etc/pam.d"
	pamVendorFolder = "usr/lib/pam.d"
)

// otherService has the lines of each kind for programs without a file of their
// own, or with no line of that kind in it.
const otherService = "other"

const (
	maxPAMFile  = 1 << 20 // bytes
	maxPAMLine  = 1022    // bytes: Debian 12 takes the rest for a line of its own
	maxIncludes = 15      // files that include one another, below the service's own
	maxStack    = 4096    // lines read for one service, so that includes cannot multiply without end
)

// PAM is the PAM stacks of a machine (pam.d(5)).
type PAM struct {
	Services []Service // by name
	Faults   []Fault   // at most one for a file, by path
}

// Service is a service that PAM knows, with the lines of its file in order, those
// of included files in their place.
type Service struct {
	Name    string
	Auth    []Line
	Account []Line

	auth flow // Auth as libpam walks it
}

// Line is a line that runs a module.
type Line struct {
	Place
	Module    string // as it is written: a name, or a path
	Arguments []string
}

// Place is a line of a file.
type Place struct {
	Path string
	Line int // the first, where it is continued
}

func (p Place) String() string { return fmt.Sprintf("%s:%d", p.Path, p.Line) }

// Fault is a line that libpam refuses to read, and with it the logins of
// whoever's stack it is in; or one that releases of Debian read differently.
type Fault struct {
	Place
	Text string
}

// ReadPAM reads the stacks of the machine with that root folder. An error means
// that they could not be read: nothing is known then.
func ReadPAM(root fs.FS) (PAM, error) {
	r := pamReader{root: root, files: make(map[string]*pamFile), faults: make(map[string]Fault), included: make(map[string]bool)}
	names, err := r.serviceNames()
	if err != nil {
		return PAM{}, fmt.Errorf("reading the PAM stacks: %w", err)
	}
	var found PAM
	for _, name := range names {
		service, err := r.service(name)
		if err != nil {
			return PAM{}, fmt.Errorf("reading the PAM stacks: %w", err)
		}
		found.Services = append(found.Services, service)
	}
	found.Services = slices.DeleteFunc(found.Services, r.isPart)
	for _, fault := range r.faults {
		found.Faults = append(found.Faults, fault)
	}
	slices.SortFunc(found.Faults, func(a, b Fault) int { return strings.Compare(a.Path, b.Path) })
	return found, nil
}

// possibleService says whether a program may go by the name of the file: libpam
// folds a service's name to lower case, and what editors and dpkg leave behind
// is nobody's.
func possibleService(name string) bool {
	for _, mark := range []string{".dpkg-", ".ucf-"} {
		if strings.Contains(name, mark) {
			return false
		}
	}
	for _, suffix := range []string{"~", ".bak", ".old", ".orig", ".save", ".swp"} {
		if strings.HasSuffix(name, suffix) {
			return false
		}
	}
	return name == strings.ToLower(name) && !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "#")
}

// noFile are the errors of looking at what is no file, or cannot be one's name.
var noFile = []error{fs.ErrNotExist, fs.ErrInvalid, syscall.EINVAL, syscall.ENOTDIR, syscall.ELOOP, syscall.ENAMETOOLONG}

// isFile says whether there is something to be read without waiting for it, as
// one waits for a FIFO.
func isFile(root fs.FS, name string) (bool, error) {
	info, err := fs.Stat(root, name)
	if err == nil {
		return info.Mode().IsRegular(), nil
	}
	if slices.ContainsFunc(noFile, func(e error) bool { return errors.Is(err, e) }) {
		return false, nil
	}
	return false, rooted(name, err)
}

// rooted says which file an error is about as an administrator names it.
func rooted(name string, err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return fmt.Errorf("/%s: %w", name, err)
}

// stack is what is asked of a program by that name.
func (p PAM) stack(service string, kind Kind) []Line {
	for _, name := range []string{service, otherService} {
		i := slices.IndexFunc(p.Services, func(s Service) bool { return s.Name == name })
		if i >= 0 && len(p.Services[i].lines(kind)) > 0 {
			return p.Services[i].lines(kind)
		}
	}
	return nil
}

func (s Service) lines(kind Kind) []Line {
	if kind == Account {
		return s.Account
	}
	return s.Auth
}

// pamReader reads each file once.
type pamReader struct {
	root     fs.FS
	files    map[string]*pamFile // by path below the root; nil where there is none
	faults   map[string]Fault    // by path, the first of each file
	included map[string]bool     // paths that others include
}

// pamFile is a file as it is written.
type pamFile struct {
	path       string // from / on
	statements []statement
}

func (f *pamFile) at(line int) Place { return Place{f.path, line} }

// serviceNames are the names of all files that can be a service's, sorted.
func (r *pamReader) serviceNames() ([]string, error) {
	var names []string
	missing := 0
	for _, folder := range []string{pamFolder, pamVendorFolder} {
		entries, err := fs.ReadDir(r.root, folder)
		if errors.Is(err, fs.ErrNotExist) {
			missing++
			continue
		}
		if err != nil {
			return nil, rooted(folder, err)
		}
		for _, entry := range entries {
			if !possibleService(entry.Name()) || entry.IsDir() {
				continue
			}
			name := path.Join(folder, entry.Name())
			is, err := isFile(r.root, name)
			if err != nil {
				return nil, err
			}
			if !is {
				r.fault(Place{"/" + name, 1}, "is no file")
				continue
			}
			names = append(names, entry.Name())
		}
	}
	if missing == 2 {
		return nil, errors.New("there is no /etc/pam.d, and /etc/pam.conf is not read")
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// service reads the stacks of one service.
func (r *pamReader) service(name string) (Service, error) {
	file, err := r.file(path.Join(pamFolder, name))
	if err == nil && file == nil {
		file, err = r.file(path.Join(pamVendorFolder, name))
	}
	if err != nil || file == nil {
		return Service{Name: name}, err
	}
	x := expansion{reader: r}
	if err := x.add(file, anyKind); err != nil {
		return Service{}, err
	}
	return Service{Name: name, Auth: x.auth.lines(), Account: x.account.lines(), auth: x.auth}, nil
}

// isPart says whether the service is none, but a file that others include and
// that has not what a service needs, such as common-auth. (su-l includes su,
// which is a service.)
func (r *pamReader) isPart(s Service) bool {
	return r.included[path.Join(pamFolder, s.Name)] && (len(s.Auth) == 0 || len(s.Account) == 0)
}

func (r *pamReader) fault(at Place, text string) {
	if first, ok := r.faults[at.Path]; !ok || at.Line < first.Line {
		r.faults[at.Path] = Fault{at, text}
	}
}

// file reads and parses a file; nil where there is none.
func (r *pamReader) file(name string) (*pamFile, error) {
	if file, ok := r.files[name]; ok {
		return file, nil
	}
	r.files[name] = nil
	if is, err := isFile(r.root, name); err != nil || !is {
		return nil, err
	}
	content, err := fs.ReadFile(r.root, name)
	if err != nil {
		return nil, rooted(name, err)
	}
	if len(content) > maxPAMFile {
		return nil, fmt.Errorf("/%s: too long for a PAM stack", name)
	}
	file := &pamFile{path: "/" + name}
	for _, l := range logicalLines(string(content)) {
		s, fault := parseStatement(l)
		if fault == "" {
			file.statements = append(file.statements, s)
		}
		if fault = cmp.Or(l.fault, fault); fault != "" {
			r.fault(file.at(l.number), fault)
		}
	}
	r.files[name] = file
	return file, nil
}

// expansion is the stacks of one service while their files are read.
type expansion struct {
	reader  *pamReader
	auth    flow
	account flow
	open    []*pamFile // that include one another, the service's own first
	level   int        // of substacks among them
	read    int        // lines so far
}

// add takes over the statements of a file, of one kind or of any.
func (x *expansion) add(file *pamFile, only Kind) error {
	x.open = append(x.open, file)
	defer func() { x.open = x.open[:len(x.open)-1] }()
	for _, s := range file.statements {
		of := s.kind
		if of == anyKind {
			of = only
		}
		if only != anyKind && of != only {
			continue
		}
		if x.read++; x.read > maxStack {
			x.reader.fault(file.at(s.line), fmt.Sprintf("more than %d lines for one service", maxStack))
			return nil
		}
		if s.include == "" || s.substack {
			x.keep(of, step{Line: Line{file.at(s.line), s.module, s.arguments}, control: s.control, level: x.level})
		}
		if s.include == "" {
			continue
		}
		if err := x.include(file.at(s.line), s, of); err != nil {
			return err
		}
	}
	return nil
}

func (x *expansion) keep(of Kind, s step) {
	switch of {
	case Auth:
		x.auth = append(x.auth, s)
	case Account:
		x.account = append(x.account, s)
	}
}

// include adds the file that a line includes.
func (x *expansion) include(at Place, s statement, only Kind) error {
	name := s.include
	if !strings.HasPrefix(name, "/") {
		name = path.Join("/", pamFolder, name)
	}
	below := path.Clean(name)[1:]
	file, err := x.reader.file(below)
	switch {
	case err != nil:
		return err
	case file == nil:
		x.reader.fault(at, fmt.Sprintf("includes %s, which is no file", name))
		return nil
	case slices.Contains(x.open, file):
		x.reader.fault(at, fmt.Sprintf("includes %s, which includes this file", name))
		return nil
	case len(x.open) > maxIncludes:
		x.reader.fault(at, fmt.Sprintf("includes %s: more than %d files deep", name, maxIncludes))
		return nil
	}
	x.reader.included[below] = true
	if s.substack {
		x.level++
		defer func() { x.level-- }()
	}
	return x.add(file, only)
}
