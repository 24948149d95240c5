package config

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestParseNamesTheLineAndWhatToDo(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"unknown key":       {"language = \"id\"\nisuer = \"LPSE\"\n", `f.toml:2: unknown key "isuer"`},
		"unknown table":     {"[policy]\nx = 1\n", `f.toml:1: unknown key "policy`},
		"unknown language":  {"\n\nlanguage = \"fr\"\n", `f.toml:3: language is "id" or "en"`},
		"wrong type":        {"issuer = 7\n", `f.toml:1: issuer wants one text in quotes`},
		"colon":             {"issuer = \"LPSE:Kudus\"\n", "f.toml:1: issuer cannot hold a colon"},
		"newline":           {"contact = \"a\\nb\"\n", "f.toml:1: contact is one line"},
		"not ASCII":         {"issuer = \"LPSE é\"\n", "f.toml:1: issuer is a name in plain letters"},
		"long issuer":       {"issuer = \"LPSE Kabupaten Kudus Raya\"\n", "f.toml:1: issuer is too long"},
		"relative path":     {"keyset = \"k.json\"\n", "f.toml:1: keyset is a full path"},
		"twice":             {"contact = \"a\"\ncontact = \"b\"\n", "f.toml:2: key contact is already defined"},
		"twice, a capital":  {"contact = \"a\"\nContact = \"b\"\n", "f.toml:2: "},
		"a capital":         {"Language = \"en\"\n", "f.toml:1: unknown key \"Language\""},
		"long socket path":  {"socket_directory = \"/" + strings.Repeat("x", 100) + "\"\n", "f.toml:1: socket_directory is too long"},
		"not TOML":          {"contact\n", "f.toml:1:"},
		"first activation":  {"\nfirst_activation = \"sms\"\n", `f.toml:2: first_activation is "password" or "issued-code"`},
		"no helpdesk":       {"helpdesk = \"nobody-here\"\n", `f.toml:1: helpdesk: /etc/group has no group "nobody-here"`},
		"locked at once":    {"lock_after = 3\n", "f.toml:1: lock_after is a number from 10 to 100"},
		"locked too late":   {"lock_after = 101\n", "f.toml:1: lock_after is a number from 10 to 100"},
		"a negative lock":   {"lock_after = -1\n", "f.toml:1: lock_after is a number from 10 to 100"},
		"one administrator": {"administrators = \"sudo\"\n", "f.toml:1: administrators wants names of groups"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("f.toml", []byte(c.content), here)
			var located *Error
			if !errors.As(err, &located) || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v, want %s...", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "config.") {
				t.Errorf("the error names the program's own types: %v", err)
			}
		})
	}
}

func TestParseKeepsDefaultsForWhatIsNotSaid(t *testing.T) {
	got, err := Parse("f.toml", []byte("issuer = \"LPSE Kudus\"\n"), here)
	want := Default()
	want.Issuer = "LPSE Kudus"
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("language = \"en\"\nissuer = \"LPSE Kudus\"\ncontact = \"0291\"\n"))
	f.Add([]byte("keyset = '/a/../b'\n"))
	f.Add([]byte("[[rule]]\n"))
	f.Add([]byte("[[rule]]\nservices = ['sshd']\ngroups = ['lpse', 4]\nfrom = ['203.0.113.0/24']\nverdict = 'exempt'\nreason = 'x'\nuntil = 2027-01-31\n"))
	f.Add([]byte("[[rule]]\nverdict = 'allow'\nmandatory_from = 2022-04-11\n[[rule]]\nverdict = 'refuse'\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		config, err := Parse("f.toml", content, here)
		if err != nil {
			if !reflect.DeepEqual(config, Config{}) {
				t.Fatal("a configuration came with an error")
			}
			return
		}
		if config.Issuer == "" || config.Language == "" || !filepath.IsAbs(config.Keyset) {
			t.Fatalf("accepted %+v", config)
		}
	})
}
