package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestFetchScripts runs the scripts that need a server. At $SERVER/good.tar.gz it has an
// archive with the layout of CIFAR-10's, whose SHA-256 is $SHA256.
func TestFetchScripts(t *testing.T) {
	archive := cifarArchive(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/good.tar.gz":
			_, _ = w.Write(archive)
		case "/stuck.tar.gz":
			_, _ = w.Write(archive[:100])
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close) // the scripts run after this function
	hash := sha256.Sum256(archive)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/fetch",
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(env *testscript.Env) error {
			env.Setenv("SERVER", server.URL)
			env.Setenv("SHA256", hex.EncodeToString(hash[:]))
			return nil
		},
	})
}

// cifarArchive returns an archive with two black images in each file.
func cifarArchive(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	archive := tar.NewWriter(zipped)
	records := make([]byte, 2*3073)
	for _, name := range []string{"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"} {
		header := &tar.Header{Name: "cifar-10-batches-bin/" + name + ".bin", Typeflag: tar.TypeReg, Size: int64(len(records)), Mode: 0o644}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(records); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
