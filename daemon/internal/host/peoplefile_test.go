package host

import (
	"io/fs"
	"reflect"
	"testing"
)

func TestPeopleOfTheFiles(t *testing.T) {
	root := machine(map[string]string{
		"etc/passwd": "root:x:0:0::/root:/bin/bash\nbudi:x:1000:100:Budi:/home/budi:/bin/bash\n+::::::\nsiti:x:1001:1001::/home/siti:\n" +
			"postgres:x:105:110::/:/bin/bash\nwww:x:1002:33::/:/usr/sbin/nologin\nbudi:x:1003:1003::/:/bin/sh\nnobody:x:65534:65534::/:/usr/sbin/nologin\n",
		"etc/group": "sudo:x:27:siti\nlpse:x:30000:budi,siti\nusers:x:100:\nbroken\nx:x:y:budi\n",
	})
	got, err := People(root)
	if want := []Person{{"budi", []uint32{100, 30000}}, {"siti", []uint32{1001, 27, 30000}}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if got, err := People(machine(nil)); err != nil || len(got) > 0 {
		t.Errorf("of no files: %+v, %v", got, err)
	}
	if _, err := People(unreadable{root, "etc/group", "open", fs.ErrPermission}); err == nil {
		t.Error("a file that cannot be read is none")
	}
}
