package dataset

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
)

// entry is one thing in a tar.
type entry struct {
	name, link string
	kind       byte
	data       []byte
}

// makeTar is a compressed tar of the entries.
func makeTar(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	archive := tar.NewWriter(zipped)
	for _, e := range entries {
		if e.kind == 0 {
			e.kind = tar.TypeReg
		}
		header := &tar.Header{Name: e.name, Linkname: e.link, Typeflag: e.kind, Size: int64(len(e.data)), Mode: 0o644}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unpackBytes unpacks into a folder "in" of a new folder, whose names it
// returns: what is beside "in" came out of it.
func unpackBytes(t testing.TB, archive []byte, limits tarLimits) (parent string, err error) {
	t.Helper()
	parent = t.TempDir()
	in, file := filepath.Join(parent, "in"), filepath.Join(parent, "archive")
	if err := errors.Join(os.Mkdir(in, 0o777), os.WriteFile(file, archive, 0o666)); err != nil {
		t.Fatal(err)
	}
	return parent, unpack(context.Background(), file, in, limits)
}

func TestUnpackHostile(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	limits := tarLimits{entries: 5, nameBytes: 100, fileBytes: 1000, streamBytes: 20000}
	six := make([]entry, 6)
	for i := range six {
		six[i].name = fmt.Sprint("f", i)
	}
	tests := []struct {
		name    string
		entries []entry
		want    string
	}{
		{"parent", []entry{{name: "../x"}}, `entry "../x": its name leads out of the archive`},
		{"parent in the middle", []entry{{name: "a/../../x"}}, "leads out of the archive"},
		{"parent folder", []entry{{name: "../d/", kind: tar.TypeDir}}, "leads out of the archive"},
		{"absolute", []entry{{name: outside}}, "leads out of the archive"},
		{"symbolic link", []entry{{name: "x", link: outside, kind: tar.TypeSymlink}}, `entry "x": is of type '2', neither a plain file nor a folder`},
		{"file through link", []entry{{name: "d", link: "..", kind: tar.TypeSymlink}, {name: "d/x"}}, "is of type '2'"},
		{"hard link", []entry{{name: "x", link: "/etc/passwd", kind: tar.TypeLink}}, "is of type '1'"},
		{"device", []entry{{name: "x", kind: tar.TypeChar}}, "is of type '3'"},
		{"pipe", []entry{{name: "x", kind: tar.TypeFifo}}, "is of type '6'"},
		{"twice", []entry{{name: "x"}, {name: "x"}}, `entry "x": comes twice`},
		{"twice, written otherwise", []entry{{name: "a/x"}, {name: "a/./x"}}, "comes twice"},
		{"too many", six, "holds more than 5 entries"},
		{"too large", []entry{{name: "x", data: make([]byte, 1001)}}, "has 1001 bytes, more than 1000"},
		{"folders without end", []entry{{name: strings.Repeat("d/", 50) + "x"}}, "its name has 101 bytes, more than 100"},
		{"file as folder", []entry{{name: "x"}, {name: "x/y"}}, `entry "x/y"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			parent, err := unpackBytes(t, makeTar(t, test.entries...), limits)
			checkFault(t, err, NoRecord, "read ", "")
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
			if entries, _ := os.ReadDir(parent); len(entries) != 2 || exists(outside) {
				t.Errorf("something came out: %v", entries)
			}
		})
	}
}

// TestUnpackBomb unpacks zeros without end.
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
	_, err := unpackBytes(t, b.Bytes(), defaultTarLimits())
	checkFault(t, err, NoRecord, "read ", "has 8589934592 bytes, more than 67108864")
	_, err = unpackBytes(t, b.Bytes(), tarLimits{entries: 9, nameBytes: 100, fileBytes: 1 << 40, streamBytes: 1 << 20})
	checkFault(t, err, NoRecord, "read ", "holds more than 1048576 bytes")
}

// TestUnpackHoles unpacks a file that is one hole: its zeros are not in the tar,
// so that no limit on the tar bounds them.
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
	parent, err := unpackBytes(t, sparse(t, b.Bytes()), defaultTarLimits())
	checkFault(t, err, NoRecord, "read ", `entry "hole": has holes, which take no room in the archive`)
	if exists(filepath.Join(parent, "in", "hole")) {
		t.Error("it was unpacked")
	}
}

// sparse turns the records "GNU?sparse" of a compressed tar, which a writer
// passes on, into "GNU.sparse", which it refuses to write.
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
	whole := makeTar(t, entry{name: "x", data: bytes.Repeat([]byte("data"), 5000)})
	for _, data := range [][]byte{nil, []byte("no archive"), whole[:len(whole)/2]} {
		_, err := unpackBytes(t, data, defaultTarLimits())
		checkFault(t, err, NoRecord, "read ", "")
	}
}

func TestUnpack(t *testing.T) {
	archive := makeTar(t, entry{name: "d/", kind: tar.TypeDir}, entry{name: "d/x", data: []byte("one")}, entry{name: "e/f/y", data: []byte("two")})
	parent, err := unpackBytes(t, archive, defaultTarLimits())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"d/x": "one", "e/f/y": "two"} {
		if got, err := os.ReadFile(filepath.Join(parent, "in", name)); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v, want %q", name, got, err, want)
		}
	}
}

// FuzzUnpack wants that no archive puts anything beside its folder.
func FuzzUnpack(f *testing.F) {
	f.Add(makeTar(f, entry{name: "../x"}))
	f.Add(makeTar(f, entry{name: "d", link: "..", kind: tar.TypeSymlink}, entry{name: "d/x"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		parent, _ := unpackBytes(t, data, tarLimits{entries: 5, nameBytes: 100, fileBytes: 1000, streamBytes: 20000})
		if entries, _ := os.ReadDir(parent); len(entries) != 2 {
			t.Errorf("something came out: %v", entries)
		}
	})
}
