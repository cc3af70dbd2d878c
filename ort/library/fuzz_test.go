package library

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// FuzzUnpack: unpacking a jar, zip or tgz writes nothing outside the folder that it
// is unpacked into, and not more into it than the limits allow.
func FuzzUnpack(f *testing.F) {
	for _, entries := range [][]entry{
		{{"a/lib/" + mainName, "main", 0}, {"a/lib/" + sharedName, "shared", 0}},
		{{"../../" + mainName, "main", 0}},
		{{mainName, "/etc/passwd", fs.ModeSymlink}, {mainName, "main", 0}},
	} {
		for _, path := range []string{makeZip(f, "x.jar", entries...), makeTgz(f, "x.tgz", entries...)} {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		parent := t.TempDir()
		source := filepath.Join(parent, "archive")
		u := &unpacker{dir: filepath.Join(parent, "in"), naming: namingOf("linux"), limits: limits{4, 100, 150, 1 << 16}}
		if err := os.Mkdir(u.dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(source, data, 0o666); err != nil {
			t.Fatal(err)
		}
		m, err := u.unpack(source)
		if err == nil {
			err = m.checkHashes(u.dir)
			if err != nil {
				t.Fatalf("the unpacked files do not match the manifest: %v", err)
			}
		}
		if names := listNames(t, parent); len(names) != 2 {
			t.Fatalf("something was written outside the folder: %q", names)
		}
		if names := listNames(t, u.dir); len(names) > u.limits.files {
			t.Fatalf("%d files: %q", len(names), names)
		}
	})
}
