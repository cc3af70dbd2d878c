package download

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onnxlab/dataset"
	"onnxlab/dataset/internal/datatest"
)

// newFile is a file to fetch from a server that answers as the handler does.
func newFile(t *testing.T, handler http.HandlerFunc) File {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return File{Name: "file", URL: server.URL, Path: filepath.Join(t.TempDir(), "file.part"), Limit: 1 << 20}
}

func TestDownloadGivesUpOnSilence(t *testing.T) {
	f := newFile(t, func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("some"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	f.stall = 50 * time.Millisecond
	if _, err := f.run(context.Background()); err == nil || !strings.HasSuffix(err.Error(), "no answer for 50ms") {
		t.Errorf("error is %v", err)
	}
	if got, _ := os.ReadFile(f.Path); string(got) != "some" {
		t.Errorf("kept %q", got)
	}
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
