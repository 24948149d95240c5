package main

import (
	"encoding/json"
	"testing"
)

func TestEscaped(t *testing.T) {
	for text, want := range map[string]string{
		"budi":               "budi",
		"Siti Nurhaliza":     "Siti Nurhaliza",
		"bu\x1b[2Jdi":        `bu\x1b[2Jdi`,
		"budi\nsiti":         `budi\nsiti`,
		"budi\tsiti\r":       `budi\tsiti\r`,
		"budi\x00\x7f":       `budi\x00\x7f`,
		"bu\u009b2Jdi":       `bu\u009b2Jdi`,
		"\u202eidub":         `\u202eidub`,
		"bu\u200bdi\u00a0":   `bu\u200bdi\u00a0`,
		"bu\xffdi\xc3":       `bu\xffdi\xc3`,
		"bu\U000e0041di":     `bu\U000e0041di`,
		"é 審 ß 'quoted' \\n": `é 審 ß 'quoted' \n`,
		"":                   "",
	} {
		if got := escaped(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

func TestJSONHoldsNoControlCharacters(t *testing.T) {
	text := "bu\x1b\u009b\u202e\U000e0041\x7fdi <&>é"
	a := &app{stdout: tempFile(t)}
	if err := a.printJSON(text); err != nil {
		t.Fatal(err)
	}
	printed := content(t, a.stdout)
	if want := `"bu\u001b\u009b\u202e\udb40\udc41\u007fdi <&>é"`; printed != want {
		t.Errorf("printed %s, want %s", printed, want)
	}
	var back string
	if err := json.Unmarshal([]byte(printed), &back); err != nil || back != text {
		t.Errorf("reads back as %q, %v", back, err)
	}
}
