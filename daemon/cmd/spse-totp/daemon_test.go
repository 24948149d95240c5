package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// fakeDaemon answers on a control.sock of its own as a test says, and notes
// what it was asked.
type fakeDaemon struct {
	socket string
	// answer is what it says to a request: a status and what becomes its body.
	answer func(request string, body []byte) (status int, result any)

	mu    sync.Mutex // protects asked
	asked []string   // "METHOD /path?query body"
}

// startDaemon serves the socket until the cleanup.
func startDaemon(socket string, cleanup func(func()), answer func(string, []byte) (int, any)) (*fakeDaemon, error) {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	d := &fakeDaemon{socket: socket, answer: answer}
	server := &http.Server{Handler: d}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	cleanup(func() {
		_ = server.Close()
		<-done
	})
	return d, nil
}

func (d *fakeDaemon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	d.mu.Lock()
	d.asked = append(d.asked, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Method, r.URL, body)))
	d.mu.Unlock()
	status, result := d.answer(r.Method+" "+r.URL.Path, body)
	if status == http.StatusTemporaryRedirect {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(result)
}

// sitter is who sits at the machine of these tests, where somebody does.
var sitter = regexp.MustCompile(`"by":"[^"]*",?`)

// requests is all that was asked so far, without the sitter's name.
func (d *fakeDaemon) requests() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	requests := []string{}
	for _, request := range d.asked {
		requests = append(requests, sitter.ReplaceAllString(request, ""))
	}
	return requests
}

// expectRequests compares all that was asked.
func (d *fakeDaemon) expectRequests(t *testing.T, want ...string) {
	t.Helper()
	got := d.requests()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the daemon was asked\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
