package config

import (
	"slices"
	"testing"
)

// Who helps whom, and when an account is locked.
func TestTheDesk(t *testing.T) {
	c, err := Parse("f.toml", []byte("helpdesk = 'lpse'\nadministrators = ['sudo', 'adm']\nlock_after = 100\nfirst_activation = 'issued-code'\n"), here)
	if err != nil {
		t.Fatal(err)
	}
	if c.Helpdesk == nil || *c.Helpdesk != 30000 || c.HelpdeskName != "lpse" || !slices.Equal(c.Administrators, []string{"sudo", "adm"}) || c.LockAfter != 100 || c.PasswordActivates {
		t.Errorf("read %+v", c)
	}
	// As the README shows the defaults, and as an empty file has them.
	shown, err := Parse("f.toml", []byte("helpdesk = ''\nadministrators = ['sudo']\nlock_after = 0\nfirst_activation = 'password'\n"), here)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]Config{"shown": shown, "empty": Default()} {
		if c.Helpdesk != nil || c.HelpdeskName != "" || !slices.Equal(c.Administrators, []string{"sudo"}) || c.LockAfter != 0 || !c.PasswordActivates {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// A group that is gone since is nobody's helpdesk, and keeps no daemon from
// starting.
func TestAHelpdeskThatIsGone(t *testing.T) {
	gone := here
	gone.Groups = func(string) (uint32, bool, error) { return 0, false, ErrGroupGone }
	c, err := Parse("f.toml", []byte("helpdesk = 'lpse'\n"), gone)
	if err != nil || c.Helpdesk != nil {
		t.Errorf("helpdesk %v, %v", c.Helpdesk, err)
	}
}
