package folder

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"testing"
	"testing/fstest"

	"onnxlab/dataset"
	"onnxlab/dataset/internal/datatest"
)

// TestFileSystems reads a folder of an fs.FS.
func TestFileSystems(t *testing.T) {
	fsys := fstest.MapFS{}
	for name, data := range files(t, "", 3) {
		fsys[name] = &fstest.MapFile{Data: data}
	}
	loaded, err := Load(t.Context(), Options{FS: fsys, Path: "embedded"}, dataset.All)
	if err != nil || loaded.All.Len() != 6 {
		t.Fatalf("%v, error %v", loaded, err)
	}
	checkColours(t, loaded.All)
	fsys["a/bad.png"] = &fstest.MapFile{Data: []byte("no image")}
	_, err = Load(t.Context(), Options{FS: fsys, Path: "embedded"}, dataset.All)
	datatest.CheckFault(t, err, dataset.NoRecord, `read "embedded/a/bad.png": is not a JPEG`, "data.broken=skip to leave out what cannot be read")
}

// TestFromFS checks that an archive, whose files do not support seeking, gives the same
// images as a directory, and that files are named by their paths in the archive.
func TestFromFS(t *testing.T) {
	all := join(files(t, "train/", 4), files(t, "test/", 2))
	archive := zipped(t, all)
	splits, err := FromFS(t.Context(), archive, 6, 9)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := sizes(splits), [4]int{8, 4, -1, -1}; got != want {
		t.Errorf("%v images, want %v", got, want)
	}
	checkColours(t, splits.Train)
	same, err := Load(t.Context(), Options{Path: datatest.WriteFiles(t, all), Height: 6, Width: 9}, dataset.Train)
	if err != nil || same.Train.Hash() != splits.Train.Hash() {
		t.Errorf("the images differ from those of the directory, error %v", err)
	}
	below, err := fs.Sub(archive, "test")
	if err != nil {
		t.Fatal(err)
	}
	if splits, err = FromFS(t.Context(), below, 8, 8, dataset.All); err != nil || splits.All.Len() != 4 {
		t.Errorf("%v, error %v, want the four images below", splits, err)
	}
	all["train/a/bad.png"] = []byte("no image")
	_, err = FromFS(t.Context(), zipped(t, all), 8, 8)
	datatest.CheckFault(t, err, dataset.NoRecord, `read "train/a/bad.png": is not a JPEG`, "to leave out what cannot be read")
	_, err = FromFS(t.Context(), fstest.MapFS{}, 8, 8)
	datatest.CheckFault(t, err, dataset.NoRecord, `read ".": `, "")
}

// zipped returns an archive of the files.
func zipped(t *testing.T, all map[string][]byte) *zip.Reader {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, data := range all {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return r
}
