package cifar

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"onnxlab/dataset"
	"onnxlab/dataset/internal/datatest"
)

// cifarArchive returns an archive like that of CIFAR-10, with few images.
func cifarArchive(t testing.TB) []byte {
	t.Helper()
	entries := []datatest.Entry{{Name: "cifar-10-batches-bin/", Kind: '5'}, {Name: "cifar-10-batches-bin/readme.html", Data: []byte("<html>")}}
	for name, data := range cifarFiles(2) {
		entries = append(entries, datatest.Entry{Name: "cifar-10-batches-bin/" + name, Data: data})
	}
	return datatest.MakeTar(t, entries...)
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// fetchCase has a server, and options to fetch from it into a new folder.
type fetchCase struct {
	t        *testing.T
	opts     FetchOptions
	log      bytes.Buffer
	requests atomic.Int32
}

const archivePath = "/archive.tar.gz"

func newFetchCase(t *testing.T, hash string, handler http.HandlerFunc) *fetchCase {
	c := &fetchCase{t: t}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.requests.Add(1)
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	c.opts = FetchOptions{Dir: t.TempDir(), URL: server.URL + archivePath, SHA256: hash, Progress: &c.log}
	return c
}

// part is the path of an unfinished download.
func (c *fetchCase) part() string { return filepath.Join(c.opts.Dir, "archive.tar.gz.part") }

func (c *fetchCase) putPart(data []byte) {
	c.t.Helper()
	if err := os.WriteFile(c.part(), data, 0o666); err != nil {
		c.t.Fatal(err)
	}
}

// succeeds fetches, and checks that only the set and the lock file are left.
func (c *fetchCase) succeeds() {
	c.t.Helper()
	dir, err := Fetch(context.Background(), c.opts)
	if err != nil {
		c.t.Fatal(err)
	}
	if got := c.names(); !slices.Equal(got, []string{".lock", "cifar-10-batches-bin"}) {
		c.t.Errorf("left %v", got)
	}
	for _, path := range []string{dir, c.opts.Dir} {
		train, validation, err := load(c.t, CIFAR10(), path, dataset.Limits{})
		if err != nil {
			c.t.Fatal(err)
		}
		if train.Len() != 10 || validation.Len() != 2 {
			c.t.Errorf("%d and %d images, want 10 and 2", train.Len(), validation.Len())
		}
	}
}

func (c *fetchCase) names() (names []string) {
	c.t.Helper()
	entries, err := os.ReadDir(c.opts.Dir)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// serve answers as file servers do, with ranges.
func serve(archive []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "archive.tar.gz", time.Time{}, bytes.NewReader(archive))
	}
}

func TestFetch(t *testing.T) {
	archive := cifarArchive(t)
	c := newFetchCase(t, hashOf(archive), serve(archive))
	c.succeeds()
	c.succeeds()
	if n := c.requests.Load(); n != 1 {
		t.Errorf("%d requests for two fetches, want 1", n)
	}
	if got := c.log.String(); !strings.HasPrefix(got, "fetching CIFAR-10, 0.0 MB\n") {
		t.Errorf("output is %q", got)
	}
}

func TestFetchFollowsRedirects(t *testing.T) {
	archive := cifarArchive(t)
	newFetchCase(t, hashOf(archive), func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == archivePath {
			http.Redirect(w, r, "/moved", http.StatusFound)
			return
		}
		serve(archive)(w, r)
	}).succeeds()
}

func TestFetchResumes(t *testing.T) {
	archive := cifarArchive(t)
	half := len(archive) / 2
	var ranges []string
	c := newFetchCase(t, hashOf(archive), func(w http.ResponseWriter, r *http.Request) {
		ranges = append(ranges, r.Header.Get("Range"))
		serve(archive)(w, r)
	})
	c.putPart(archive[:half])
	c.succeeds()
	if want := fmt.Sprintf("bytes=%d-", half); !slices.Equal(ranges, []string{want}) {
		t.Errorf("asked for %q, want %q", ranges, want)
	}
	if want := fmt.Sprintf("from byte %d on", half); !strings.Contains(c.log.String(), want) {
		t.Errorf("output is %q, want %q", c.log.String(), want)
	}
}

func TestFetchOfWhatIsThere(t *testing.T) {
	archive := cifarArchive(t)
	c := newFetchCase(t, hashOf(archive), serve(archive))
	c.putPart(archive)
	c.succeeds()
}

// TestFetchResumesWithoutRanges uses a server that always sends the whole file.
func TestFetchResumesWithoutRanges(t *testing.T) {
	archive := cifarArchive(t)
	c := newFetchCase(t, hashOf(archive), func(w http.ResponseWriter, _ *http.Request) { w.Write(archive) })
	c.putPart(archive[:len(archive)/3])
	c.succeeds()
}

// TestFetchStartsAgain begins with a part of another file, or with too many bytes.
func TestFetchStartsAgain(t *testing.T) {
	archive := cifarArchive(t)
	for _, part := range [][]byte{make([]byte, 100), make([]byte, len(archive)+1)} {
		c := newFetchCase(t, hashOf(archive), serve(archive))
		c.putPart(part)
		c.succeeds()
		if !strings.Contains(c.log.String(), "the parts do not fit together; fetching all of it again") {
			t.Errorf("output is %q", c.log.String())
		}
	}
}

func TestFetchRefusesWrongHash(t *testing.T) {
	archive := cifarArchive(t)
	wrong := strings.Repeat("0", 64)
	c := newFetchCase(t, wrong, serve(archive))
	_, err := Fetch(context.Background(), c.opts)
	datatest.CheckFault(t, err, dataset.NoRecord, fmt.Sprintf("read %q: the archive has SHA-256 %s, not %s", c.opts.URL, hashOf(archive), wrong), "")
	if got := c.names(); !slices.Equal(got, []string{".lock"}) {
		t.Errorf("left %v", got)
	}
}

func TestFetchRefusesStatus(t *testing.T) {
	for _, status := range []int{http.StatusNotFound, http.StatusInternalServerError, http.StatusRequestedRangeNotSatisfiable} {
		c := newFetchCase(t, "", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", status) })
		_, err := Fetch(context.Background(), c.opts)
		datatest.CheckFault(t, err, dataset.NoRecord, fmt.Sprintf("read %q: the server answers %d ", c.opts.URL, status), "or give another source with --url")
	}
}

func TestFetchRefusesOtherRange(t *testing.T) {
	archive := cifarArchive(t)
	c := newFetchCase(t, hashOf(archive), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 5-%d/%d", len(archive)-1, len(archive)))
		w.WriteHeader(http.StatusPartialContent)
		w.Write(archive[5:])
	})
	c.putPart(archive[:10])
	_, err := Fetch(context.Background(), c.opts)
	datatest.CheckFault(t, err, dataset.NoRecord, "read", "not the bytes from 10 on")
}

// TestFetchCutOff loses the connection in the middle and resumes later.
func TestFetchCutOff(t *testing.T) {
	archive := cifarArchive(t)
	half := len(archive) / 2
	cut := true
	c := newFetchCase(t, hashOf(archive), func(w http.ResponseWriter, r *http.Request) {
		if cut {
			cut = false
			w.Header().Set("Content-Length", fmt.Sprint(len(archive)))
			w.Write(archive[:half])
			return
		}
		serve(archive)(w, r)
	})
	_, err := Fetch(context.Background(), c.opts)
	want := fmt.Sprintf("stopped after %d bytes: unexpected EOF; the same command goes on from there", half)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("error is %v, want %q", err, want)
	}
	if got, _ := os.ReadFile(c.part()); !bytes.Equal(got, archive[:half]) {
		t.Errorf("%d bytes kept, want %d", len(got), half)
	}
	c.succeeds()
}

func TestFetchStopsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	c := newFetchCase(t, "", func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("some"))
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
	})
	if _, err := Fetch(ctx, c.opts); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
}

// TestFetchOfNothing checks that a download that received no byte leaves no file.
func TestFetchOfNothing(t *testing.T) {
	refused := newFetchCase(t, "", http.NotFound)
	_, err := Fetch(t.Context(), refused.opts)
	datatest.CheckFault(t, err, dataset.NoRecord, "read", "404 Not Found; try again later, or give another source with --url")
	ctx, cancel := context.WithCancelCause(t.Context())
	silent := newFetchCase(t, "", func(_ http.ResponseWriter, r *http.Request) {
		cancel(errors.New("the cause of it"))
		<-r.Context().Done()
	})
	if _, err := Fetch(ctx, silent.opts); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "the cause of it") {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
	for _, c := range []*fetchCase{refused, silent} {
		if got := c.names(); !slices.Equal(got, []string{".lock"}) {
			t.Errorf("left %v", got)
		}
	}
}

// TestFetchRefusesOtherArchive fetches an archive with the right hash that does not contain
// CIFAR-10.
func TestFetchRefusesOtherArchive(t *testing.T) {
	archive := datatest.MakeTar(t, datatest.Entry{Name: "cifar-10-batches-bin/data_batch_1.bin", Data: make([]byte, 100)})
	c := newFetchCase(t, hashOf(archive), serve(archive))
	_, err := Fetch(context.Background(), c.opts)
	datatest.CheckFault(t, err, dataset.NoRecord, "read", "0 whole records and 100 bytes left over")
	if datatest.Exists(filepath.Join(c.opts.Dir, "cifar-10-batches-bin")) {
		t.Error("the folder is there")
	}
}

// TestFetchAtOnce fetches into one folder twice at the same time.
func TestFetchAtOnce(t *testing.T) {
	archive := cifarArchive(t)
	c := newFetchCase(t, hashOf(archive), func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(50 * time.Millisecond)
		serve(archive)(w, r)
	})
	c.opts.Progress = nil
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			if _, err := Fetch(context.Background(), c.opts); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := c.requests.Load(); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	c.succeeds()
}

func TestFetchRefusesNamelessURL(t *testing.T) {
	for _, url := range []string{"http://localhost/..", "http://localhost/", ":"} {
		if _, err := Fetch(context.Background(), FetchOptions{Dir: t.TempDir(), URL: url}); err == nil || !strings.HasPrefix(err.Error(), "fetch CIFAR-10: ") {
			t.Errorf("%s: error is %v", url, err)
		}
	}
}
