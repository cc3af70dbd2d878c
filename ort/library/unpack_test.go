package library

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// entry is one entry of an archive that a test makes.
type entry struct {
	name, content string
	mode          fs.FileMode
}

const (
	mainName   = "libonnxruntime.so.1"
	sharedName = "libonnxruntime_providers_shared.so"
)

// makeZip and makeTgz write an archive and return its path.
func makeZip(t testing.TB, name string, entries ...entry) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	file := create(t, path)
	archive := zip.NewWriter(file)
	for _, e := range entries {
		header := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		header.SetMode(e.mode | 0o644)
		w, err := archive.CreateHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func makeTgz(t testing.TB, name string, entries ...entry) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	zipped := gzip.NewWriter(create(t, path))
	archive := tar.NewWriter(zipped)
	for _, e := range entries {
		header := &tar.Header{Name: e.name, Mode: 0o644, Typeflag: tar.TypeReg, Size: int64(len(e.content))}
		if e.mode&fs.ModeSymlink != 0 {
			header.Typeflag, header.Linkname, header.Size = tar.TypeSymlink, e.content, 0
		}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if header.Size > 0 {
			if _, err := archive.Write([]byte(e.content)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// create makes a file that is closed when the test ends.
func create(t testing.TB, path string) *os.File {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}

func newUnpacker(t *testing.T) *unpacker {
	t.Helper()
	return &unpacker{dir: t.TempDir(), naming: namingOf("linux"), limits: limits{4, 100, 150, 1 << 20}}
}

func listNames(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestUnpackTakesTheLibraryAlone(t *testing.T) {
	entries := []entry{
		{"META-INF/MANIFEST.MF", "text", 0},
		{"a/lib/" + mainName, "main", 0},
		{"a/lib/libjnionnxruntime.so", "jni", 0},
		{"a/lib/libonnxruntime.so", mainName, fs.ModeSymlink},
		{"a/lib/" + sharedName, "shared", 0},
		{"a/lib/libonnxruntime.so.1.dSYM/Contents/" + mainName, "symbols", 0},
	}
	folder := t.TempDir()
	for _, e := range entries {
		if e.mode == 0 && filepath.Dir(e.name) == "a/lib" {
			writeFile(t, filepath.Join(folder, filepath.Base(e.name)), e.content)
		}
	}
	for _, source := range []string{makeZip(t, "x.jar", entries...), makeTgz(t, "x.tgz", entries...), folder} {
		u := newUnpacker(t)
		m, err := u.unpack(source)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		if m.Library != mainName || !slices.Equal(listNames(t, u.dir), []string{mainName, sharedName}) {
			t.Errorf("%s: library %q, files %q", source, m.Library, listNames(t, u.dir))
		}
		if data, err := os.ReadFile(filepath.Join(u.dir, mainName)); err != nil || string(data) != "main" {
			t.Errorf("%s: the library holds %q, error %v", source, data, err)
		}
		if err := m.checkHashes(u.dir); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
}

func TestUnpackTakesOneFolderOfAJar(t *testing.T) {
	jar := makeZip(t, "x.jar", entry{"other/" + mainName, "other", 0}, entry{"wanted/" + mainName, "wanted", 0})
	u := newUnpacker(t)
	u.folder = "wanted"
	if _, err := u.unpack(jar); err == nil {
		data, _ := os.ReadFile(filepath.Join(u.dir, mainName))
		if string(data) != "wanted" {
			t.Errorf("the library holds %q", data)
		}
	} else {
		t.Error(err)
	}
}

func TestUnpackBareLibrary(t *testing.T) {
	folder := t.TempDir()
	writeFile(t, filepath.Join(folder, "custom.so"), "\x7fELF custom")
	writeFile(t, filepath.Join(folder, sharedName), "shared")
	writeFile(t, filepath.Join(folder, "libonnxruntime.so.1.9.0"), "another")
	link := filepath.Join(t.TempDir(), "link.so")
	if err := os.Symlink(filepath.Join(folder, "custom.so"), link); err != nil {
		t.Fatal(err)
	}
	u := newUnpacker(t)
	m, err := u.unpack(link)
	if err != nil {
		t.Fatal(err)
	}
	if m.Library != mainName || !slices.Equal(m.names(), []string{mainName, sharedName}) {
		t.Errorf("library %q, files %q", m.Library, m.names())
	}
}

func TestUnpackRefuses(t *testing.T) {
	long := strings.Repeat("x", 101)
	most := strings.Repeat("x", 90)
	tests := map[string]struct {
		entries []entry
		want    string
	}{
		"nothing":         {[]entry{{"readme", "text", 0}}, "holds no " + mainName},
		"providers alone": {[]entry{{sharedName, "shared", 0}}, "holds no " + mainName},
		"two folders":     {[]entry{{"a/" + mainName, "1", 0}, {"b/" + mainName, "2", 0}}, `in "a" and in "b"`},
		"twice":           {[]entry{{"a/" + mainName, "1", 0}, {"a/" + mainName, "2", 0}}, "twice"},
		"long file":       {[]entry{{mainName, long, 0}}, "more than 100 bytes"},
		"long together":   {[]entry{{mainName, most, 0}, {sharedName, most, 0}}, "more than 60 bytes"},
		"only a link":     {[]entry{{mainName, "/etc/passwd", fs.ModeSymlink}}, "holds no " + mainName},
		"many": {[]entry{
			{mainName, "", 0},
			{"libonnxruntime_a.so", "", 0},
			{"libonnxruntime_b.so", "", 0},
			{"libonnxruntime_c.so", "", 0},
			{"libonnxruntime_d.so", "", 0},
		}, "more than 4 library files"},
	}
	for name, test := range tests {
		for kind, source := range map[string]string{
			"zip": makeZip(t, "x.zip", test.entries...), "tgz": makeTgz(t, "x.tgz", test.entries...),
		} {
			t.Run(name+" "+kind, func(t *testing.T) {
				_, err := newUnpacker(t).unpack(source)
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error is %v, want %q in it", err, test.want)
				}
			})
		}
	}
}

// TestUnpackStaysInside has archives with paths that lead out of the folder: only the
// last part of a path may be used.
func TestUnpackStaysInside(t *testing.T) {
	for _, folder := range []string{"../../", "/", "/tmp/../", `..\..\`, "./a/../../"} {
		for kind, source := range map[string]string{
			"zip": makeZip(t, "x.zip", entry{folder + mainName, "main", 0}),
			"tgz": makeTgz(t, "x.tgz", entry{folder + mainName, "main", 0}),
		} {
			parent := t.TempDir()
			u := newUnpacker(t)
			u.dir = filepath.Join(parent, "in", "side")
			if err := os.MkdirAll(u.dir, 0o777); err != nil {
				t.Fatal(err)
			}
			u.unpack(source)
			filepath.WalkDir(parent, func(path string, e fs.DirEntry, err error) error {
				if !e.IsDir() && path != filepath.Join(u.dir, mainName) {
					t.Errorf("%s, %s: wrote %s", kind, folder, path)
				}
				return err
			})
		}
	}
}

func TestUnpackBoundsATarStream(t *testing.T) {
	source := makeTgz(t, "x.tgz", entry{"zeros", strings.Repeat("\x00", 2<<20), 0}, entry{mainName, "main", 0})
	_, err := newUnpacker(t).unpack(source)
	if err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes") {
		t.Errorf("error is %v", err)
	}
}

func TestUnpackTruncated(t *testing.T) {
	noise := strings.Repeat("abcdefghij", 9)
	for _, source := range []string{
		makeZip(t, "x.zip", entry{mainName, noise, 0}),
		makeTgz(t, "x.tgz", entry{mainName, noise, 0}),
	} {
		data, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		for length := range data {
			if err := os.WriteFile(source, data[:length], 0o666); err != nil {
				t.Fatal(err)
			}
			if _, err := newUnpacker(t).unpack(source); err == nil {
				t.Errorf("%s cut to %d of %d bytes was taken", filepath.Base(source), length, len(data))
			}
		}
	}
}
