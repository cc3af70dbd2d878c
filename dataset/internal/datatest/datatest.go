// Package datatest has helpers for the tests of data readers.
package datatest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onnxlab/dataset"
)

// WriteFiles writes the files, which are given by their paths, into a new folder.
func WriteFiles(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// CheckFault checks that err is a *dataset.Error about this record that starts and ends as
// given.
func CheckFault(t testing.TB, err error, record int, start, end string) {
	t.Helper()
	var fault *dataset.Error
	if !errors.As(err, &fault) {
		t.Fatalf("error is %T %v, want *dataset.Error", err, err)
	}
	if fault.Record != record {
		t.Errorf("record %d, want %d", fault.Record, record)
	}
	if got := err.Error(); !strings.HasPrefix(got, start) || !strings.HasSuffix(got, end) {
		t.Errorf("error is\n%s\nwant\n%s…%s", got, start, end)
	}
}

// Entry is one entry of a tar.
type Entry struct {
	Name, Link string
	// Kind is one of tar's types; 0 means a plain file.
	Kind byte
	Data []byte
}

// MakeTar returns a compressed tar of the entries.
func MakeTar(t testing.TB, entries ...Entry) []byte {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	archive := tar.NewWriter(zipped)
	for _, e := range entries {
		if e.Kind == 0 {
			e.Kind = tar.TypeReg
		}
		header := &tar.Header{Name: e.Name, Linkname: e.Link, Typeflag: e.Kind, Size: int64(len(e.Data)), Mode: 0o644}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(e.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Exists reports whether there is something at path.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
