// Package daemon_test pins the structure: which room may know which.
package daemon_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "spse-totp/"

// arrows are the only imports between rooms. A request goes one way:
// main knows everyone; login and control know account; account knows totp; and
// what login and control need of store and audit, they declare themselves.
var arrows = map[string][]string{
	"totp":                         {},
	"daemon/protocol":              {},
	"daemon/internal/account":      {"totp"},
	"daemon/internal/text":         {},
	"daemon/internal/policy":       {},
	"daemon/internal/config":       {"daemon/internal/policy", "daemon/internal/text"},
	"daemon/internal/seal":         {},
	"daemon/internal/qr":           {},
	"daemon/internal/host":         {},
	"daemon/internal/audit":        {"daemon/internal/account"},
	"daemon/internal/store":        {"daemon/internal/account", "daemon/internal/seal"},
	"daemon/internal/store/sqlite": {"daemon/internal/account", "daemon/internal/store"},
	"daemon/internal/login":        {"daemon/internal/account", "daemon/internal/audit", "daemon/internal/policy", "daemon/internal/qr", "daemon/internal/text", "daemon/protocol", "totp"},
	"daemon/internal/control":      {"daemon/internal/account", "daemon/internal/audit", "daemon/internal/seal", "daemon/internal/store", "daemon/internal/text", "totp"},
	"daemon/internal/server":       {"daemon/internal/control", "daemon/internal/login", "daemon/protocol"},

	// a program for the benchmark, which fills a database
	"daemon/internal/store/populate": {"daemon/internal/account", "daemon/internal/seal", "daemon/internal/store", "daemon/internal/store/sqlite", "totp"},

	// for tests of the programs as they ship, which have no switch for their clock
	"daemon/clockjump": {"daemon/internal/account", "daemon/internal/seal", "daemon/internal/store", "daemon/internal/store/sqlite", "totp"},
}

// pure rooms open nothing and read no clock.
var pure = []string{"totp", "daemon/protocol", "daemon/internal/account", "daemon/internal/policy", "daemon/internal/text"}

func TestRoomsKnowOnlyWhomTheyMay(t *testing.T) {
	for room, may := range arrows {
		for _, file := range sources(t, room) {
			for _, imported := range imports(t, file) {
				other, ours := strings.CutPrefix(imported, module)
				if ours && !slices.Contains(may, other) {
					t.Errorf("%s imports %s", file, other)
				}
			}
		}
	}
}

func TestEveryRoomIsOnTheMap(t *testing.T) {
	root := filepath.Join("..", "daemon", "internal")
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.IsDir() || entry.Name() == "testdata" {
			return err
		}
		if room := strings.TrimPrefix(filepath.ToSlash(path), "../"); len(sourcesAt(t, path)) > 0 && arrows[room] == nil {
			t.Errorf("%s is not on the map of rooms", room)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPureRoomsOpenNothingAndReadNoClock(t *testing.T) {
	forbidden := []string{"os", "net", "io/fs", "log", "log/slog", "syscall", "os/exec", "golang.org/x/sys/unix"}
	for _, room := range pure {
		for _, file := range sources(t, room) {
			for _, imported := range imports(t, file) {
				// slog there only says that a secret is REDACTED
				if slices.Contains(forbidden, imported) && imported != "log/slog" {
					t.Errorf("%s imports %s", file, imported)
				}
			}
			ast.Inspect(parsed(t, file, 0), func(n ast.Node) bool {
				selector, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, ok := selector.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "After", "Sleep"}, selector.Sel.Name) {
					t.Errorf("%s reads the clock: time.%s", file, selector.Sel.Name)
				}
				return true
			})
		}
	}
}

// The daemon and the CLI hold no cgo: they run wherever the kernel does.
func TestNoCgoInTheDaemon(t *testing.T) {
	for room := range arrows {
		for _, file := range sources(t, room) {
			if slices.Contains(imports(t, file), "C") {
				t.Errorf("%s is cgo", file)
			}
		}
	}
}

// sources are the Go files of a room that ship; a room without any is a fault
// of the map.
func sources(t *testing.T, room string) []string {
	t.Helper()
	found := sourcesAt(t, filepath.Join("..", room))
	if len(found) == 0 {
		t.Fatalf("room %s has no sources", room)
	}
	return found
}

func sourcesAt(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(path string) bool { return strings.HasSuffix(path, "_test.go") })
}

func parsed(t *testing.T, path string, mode parser.Mode) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, mode)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func imports(t *testing.T, path string) []string {
	t.Helper()
	var paths []string
	for _, spec := range parsed(t, path, parser.ImportsOnly).Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, imported)
	}
	return paths
}

// What docs/attacks.md, the threat model and the planted flaws name as a test is one.
func TestEveryTestThatIsNamedExists(t *testing.T) {
	declared := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, declaration := range parsed(t, path, 0).Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && f.Recv == nil {
				declared[f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	flaws, err := filepath.Glob("../packaging/flaws/*.patch")
	if err != nil || len(flaws) == 0 {
		t.Fatalf("no flaws to plant: %v", err)
	}
	named := regexp.MustCompile("(?:`|Test: )((?:Test|Fuzz)[A-Za-z0-9]+)")
	for _, path := range append(flaws, "../docs/attacks.md", "../docs/threat-model.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range named.FindAllSubmatch(text, -1) {
			if !declared[string(match[1])] {
				t.Errorf("%s names %s, which is no test", path, match[1])
			}
		}
	}
}
