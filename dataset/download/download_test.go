package download

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onnxlab/dataset"
	"onnxlab/dataset/internal/datatest"
)

// newFile returns a file on a server with this handler.
func newFile(t *testing.T, handler http.HandlerFunc) File {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return File{Name: "file", URL: server.URL, Path: filepath.Join(t.TempDir(), "file.part"), Limit: 1 << 20}
}

// roundTrip replaces the network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestDownloadGivesUpOnSilence uses a server that sends four bytes after 50 seconds and
// then nothing. It runs in a bubble with a fake clock: with a real one, the server might
// take longer to answer than any short time that a test can wait.
func TestDownloadGivesUpOnSilence(t *testing.T) {
	network := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = network })
	http.DefaultTransport = roundTrip(func(r *http.Request) (*http.Response, error) {
		body, server := io.Pipe()
		go func() {
			time.Sleep(50 * time.Second)
			io.WriteString(server, "some")
			<-r.Context().Done()
			server.CloseWithError(r.Context().Err())
		}()
		return &http.Response{StatusCode: http.StatusOK, ContentLength: -1, Body: body, Request: r}, nil
	})
	synctest.Test(t, func(t *testing.T) {
		f := File{Name: "part", URL: "http://localhost/part", Path: filepath.Join(t.TempDir(), "part"), Limit: 1 << 20}
		begun := time.Now()
		_, err := f.run(t.Context())
		if took := time.Since(begun); err == nil || !strings.HasSuffix(err.Error(), "no answer for 1m0s") || took != 110*time.Second {
			t.Errorf("after %v: error %v, want that of a minute's silence after 50 s", took, err)
		}
		if got, _ := os.ReadFile(f.Path); string(got) != "some" {
			t.Errorf("kept %q", got)
		}
	})
}

func TestDownloadIsBounded(t *testing.T) {
	f := newFile(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 5000)) })
	f.Limit = 4999
	_, err := f.run(context.Background())
	datatest.CheckFault(t, err, dataset.NoRecord, "read", "the file has more than 4999 bytes")
	f.Limit = 5000
	if _, err := f.run(context.Background()); err != nil {
		t.Error(err)
	}
}
