package download

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onnxlab/dataset"
	"onnxlab/dataset/internal/datatest"
)

// wide returns limits for small archives.
func wide() Limits { return Limits{Entries: 64, FileBytes: 1 << 26, StreamBytes: 1 << 29} }

// narrow returns limits that the hostile archives exceed.
func narrow() Limits { return Limits{Entries: 5, FileBytes: 1000, StreamBytes: 20000} }

// unpackBytes unpacks into the folder "in" of a new folder, which it returns: anything
// beside "in" has escaped.
func unpackBytes(t testing.TB, archive []byte, limits Limits) (parent string, err error) {
	t.Helper()
	parent = t.TempDir()
	in, file := filepath.Join(parent, "in"), filepath.Join(parent, "archive")
	if err := errors.Join(os.Mkdir(in, 0o777), os.WriteFile(file, archive, 0o666)); err != nil {
		t.Fatal(err)
	}
	return parent, Unpack(context.Background(), file, in, limits)
}

func TestUnpackHostile(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	six := make([]datatest.Entry, 6)
	for i := range six {
		six[i].Name = fmt.Sprint("f", i)
	}
	tests := []struct {
		name    string
		entries []datatest.Entry
		want    string
	}{
		{"parent", []datatest.Entry{{Name: "../x"}}, `entry "../x": its name leads out of the archive`},
		{"parent in the middle", []datatest.Entry{{Name: "a/../../x"}}, "leads out of the archive"},
		{"parent folder", []datatest.Entry{{Name: "../d/", Kind: tar.TypeDir}}, "leads out of the archive"},
		{"absolute", []datatest.Entry{{Name: outside}}, "leads out of the archive"},
		{"symbolic link", []datatest.Entry{{Name: "x", Link: outside, Kind: tar.TypeSymlink}}, `entry "x": is of type '2', neither a plain file nor a folder`},
		{"file through link", []datatest.Entry{{Name: "d", Link: "..", Kind: tar.TypeSymlink}, {Name: "d/x"}}, "is of type '2'"},
		{"hard link", []datatest.Entry{{Name: "x", Link: "/etc/passwd", Kind: tar.TypeLink}}, "is of type '1'"},
		{"device", []datatest.Entry{{Name: "x", Kind: tar.TypeChar}}, "is of type '3'"},
		{"pipe", []datatest.Entry{{Name: "x", Kind: tar.TypeFifo}}, "is of type '6'"},
		{"twice", []datatest.Entry{{Name: "x"}, {Name: "x"}}, `entry "x": comes twice`},
		{"twice, written otherwise", []datatest.Entry{{Name: "a/x"}, {Name: "a/./x"}}, "comes twice"},
		{"too many", six, "holds more than 5 entries"},
		{"too large", []datatest.Entry{{Name: "x", Data: make([]byte, 1001)}}, "has 1001 bytes, more than 1000"},
		{"folders without end", []datatest.Entry{{Name: strings.Repeat("d/", 130) + "x"}}, "its name has 261 bytes, more than 255"},
		{"file as folder", []datatest.Entry{{Name: "x"}, {Name: "x/y"}}, `entry "x/y"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			parent, err := unpackBytes(t, datatest.MakeTar(t, test.entries...), narrow())
			datatest.CheckFault(t, err, dataset.NoRecord, "read ", "")
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
			if entries, _ := os.ReadDir(parent); len(entries) != 2 || datatest.Exists(outside) {
				t.Errorf("files outside the folder: %v", entries)
			}
		})
	}
}

// TestUnpackBomb unpacks an endless stream of zeros.
func TestUnpackBomb(t *testing.T) {
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	archive := tar.NewWriter(zipped)
	if err := archive.WriteHeader(&tar.Header{Name: "zeros", Typeflag: tar.TypeReg, Size: 1 << 33, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(archive, zeros{}, 1<<25); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := unpackBytes(t, b.Bytes(), wide())
	datatest.CheckFault(t, err, dataset.NoRecord, "read ", "has 8589934592 bytes, more than 67108864")
	_, err = unpackBytes(t, b.Bytes(), Limits{Entries: 9, FileBytes: 1 << 40, StreamBytes: 1 << 20})
	datatest.CheckFault(t, err, dataset.NoRecord, "read ", "holds more than 1048576 bytes")
}

// TestUnpackHoles unpacks a file that is one hole. Its zeros are not in the tar, so no
// limit on the tar bounds them.
func TestUnpackHoles(t *testing.T) {
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	archive := tar.NewWriter(zipped)
	header := &tar.Header{
		Name: "hole", Typeflag: tar.TypeReg, Mode: 0o644,
		PAXRecords: map[string]string{"GNU?sparse.map": "0,0", "GNU?sparse.numblocks": "1", "GNU?sparse.size": "1000"},
	}
	if err := errors.Join(archive.WriteHeader(header), archive.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	parent, err := unpackBytes(t, sparse(t, b.Bytes()), wide())
	datatest.CheckFault(t, err, dataset.NoRecord, "read ", `entry "hole": has holes, which take no room in the archive`)
	if datatest.Exists(filepath.Join(parent, "in", "hole")) {
		t.Error("it was unpacked")
	}
}

// sparse replaces the records "GNU?sparse" of a compressed tar by "GNU.sparse", which
// tar.Writer refuses to write.
func sparse(t *testing.T, zipped []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err = w.Write(bytes.ReplaceAll(data, []byte("GNU?sparse"), []byte("GNU.sparse")))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestUnpackBroken(t *testing.T) {
	whole := datatest.MakeTar(t, datatest.Entry{Name: "x", Data: bytes.Repeat([]byte("data"), 5000)})
	for _, data := range [][]byte{nil, []byte("no archive"), whole[:len(whole)/2]} {
		_, err := unpackBytes(t, data, wide())
		datatest.CheckFault(t, err, dataset.NoRecord, "read ", "")
	}
}

func TestUnpack(t *testing.T) {
	archive := datatest.MakeTar(t, datatest.Entry{Name: "d/", Kind: tar.TypeDir}, datatest.Entry{Name: "d/x", Data: []byte("one")}, datatest.Entry{Name: "e/f/y", Data: []byte("two")})
	parent, err := unpackBytes(t, archive, wide())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"d/x": "one", "e/f/y": "two"} {
		if got, err := os.ReadFile(filepath.Join(parent, "in", name)); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v, want %q", name, got, err, want)
		}
	}
}

// FuzzUnpack checks that no archive writes outside its folder.
func FuzzUnpack(f *testing.F) {
	f.Add(datatest.MakeTar(f, datatest.Entry{Name: "../x"}))
	f.Add(datatest.MakeTar(f, datatest.Entry{Name: "d", Link: "..", Kind: tar.TypeSymlink}, datatest.Entry{Name: "d/x"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		parent, _ := unpackBytes(t, data, narrow())
		if entries, _ := os.ReadDir(parent); len(entries) != 2 {
			t.Errorf("files outside the folder: %v", entries)
		}
	})
}
