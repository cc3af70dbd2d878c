package shard

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/disintegration/imaging"

	"onnxlab/dataset"
	"onnxlab/dataset/folder"
)

// picture returns a JPEG image of one colour.
func picture(t testing.TB, width, height int, c uint8) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, imaging.New(width, height, color.NRGBA{c, c, c, 255}), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// file is one file of a tar.
type file struct {
	name string
	data []byte
}

// write makes a tar of the files.
func write(t testing.TB, path string, files ...file) {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		err := w.WriteHeader(&tar.Header{Name: f.name, Typeflag: tar.TypeReg, Size: int64(len(f.data)), Mode: 0o644})
		if err == nil {
			_, err = w.Write(f.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()
	if isGzipped(path) {
		var zipped bytes.Buffer
		z := gzip.NewWriter(&zipped)
		_, err := z.Write(data)
		if err := errors.Join(err, z.Close()); err != nil {
			t.Fatal(err)
		}
		data = zipped.Bytes()
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestForms reads samples in all common forms, from plain and gzipped tars.
func TestForms(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	write(t, filepath.Join(dir, "train-0.tar"),
		file{"a/one.seg.png", []byte("another file of the sample")},
		file{"a/one.jpg", picture(t, 9, 9, 10)}, file{"a/one.cls", []byte(" 2\n")},
		file{"b/one.CLS", []byte("0")}, file{"b/one.JPG", picture(t, 9, 9, 20)},
		file{"c.json", []byte(`{"label": 1, "more": [1]}`)}, file{"c.jpeg", picture(t, 9, 9, 30)},
		file{"no image.cls", []byte("7")}, file{"._c.jpg", []byte("of macOS")}, file{"README", []byte("text")},
	)
	write(t, filepath.Join(dir, "val", "x.tar.gz"),
		file{"d.jpg", picture(t, 9, 9, 40)}, file{"d.json", []byte(`{"cls": 1}`)},
	)
	loaded, err := Load(t.Context(), Options{Path: dir, Height: 4, Width: 4}, dataset.Train, dataset.Validation, dataset.Test)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(loaded.Train.Classes, []string{"0", "1", "2"}) || loaded.Train.Len() != 3 || loaded.Validation.Len() != 1 || loaded.Test != nil {
		t.Fatalf("%+v", loaded.Train)
	}
	want := map[string][2]uint8{"train-0.tar/a/one": {2, 10}, "train-0.tar/b/one": {0, 20}, "train-0.tar/c": {1, 30}, "val/x.tar.gz/d": {1, 40}}
	for _, set := range []*dataset.Set{loaded.Train, loaded.Validation} {
		pixels, err := set.ReadImages(t.Context(), 0, set.Len(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range set.Files {
			if got := [2]uint8{uint8(set.Label(i)), pixels[48*i]}; got != want[name] {
				t.Errorf("%s has class and colour %v, want %v", name, got, want[name])
			}
		}
	}
}

// TestNamedClasses reads class names from json files, and from classes.txt.
func TestNamedClasses(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "x.tar"),
		file{"1.jpg", picture(t, 5, 5, 1)}, file{"1.json", []byte(`{"class": "dog"}`)},
		file{"2.jpg", picture(t, 5, 5, 1)}, file{"2.json", []byte(`{"class": "cat"}`)},
	)
	loaded, err := Load(t.Context(), Options{Path: dir}, dataset.All)
	if err != nil || !slices.Equal(loaded.All.Classes, []string{"cat", "dog"}) {
		t.Fatalf("%+v, %v", loaded, err)
	}
	for i, file := range loaded.All.Files {
		if want := int32(1 - i%2); strings.HasSuffix(file, "2") && loaded.All.Label(i) != 0 {
			t.Errorf("%s has label %d, want %d", file, loaded.All.Label(i), want)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, ClassesName), []byte("dog\ncat\nbird\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if loaded, err = Load(t.Context(), Options{Path: dir}, dataset.All); err != nil || len(loaded.All.Classes) != 3 || loaded.All.Label(slices.Index(loaded.All.Files, "x.tar/1")) != 0 {
		t.Errorf("%+v, %v", loaded, err)
	}
}

// TestIndex checks that an index is made once, and again when the tar or the index has
// changed.
func TestIndex(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.tar")
	samples := []file{{"1.jpg", picture(t, 5, 5, 1)}, {"1.cls", []byte("0")}, {"2.jpg", picture(t, 5, 5, 1)}, {"2.cls", []byte("1")}}
	write(t, path, samples...)
	load := func() int {
		loaded, err := Load(t.Context(), Options{Path: dir}, dataset.All)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := loaded.All.ReadImages(t.Context(), 0, loaded.All.Len(), nil); err != nil {
			t.Fatal(err)
		}
		return loaded.All.Len()
	}
	load()
	info, err := os.Stat(path + ".index")
	if err != nil {
		t.Fatal(err)
	}
	load()
	if again, err := os.Stat(path + ".index"); err != nil || again.ModTime() != info.ModTime() {
		t.Error("the index was written again")
	}
	for _, text := range []string{"", "{}", `{"version":1`, `{"version":1,"samples":[{"key":"1","offset":-5,"bytes":3}]}`} {
		if err := os.WriteFile(path+".index", []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if load() != 2 {
			t.Errorf("index %q was accepted", text)
		}
	}
	lying, _ := os.Stat(path)
	x := index{Version: 1, TarBytes: lying.Size(), Modified: lying.ModTime().UnixNano(), Samples: []sample{{Key: "1", Offset: lying.Size() - 2, Bytes: 100}}}
	text, _ := json.Marshal(x)
	if err := os.WriteFile(path+".index", text, 0o666); err != nil {
		t.Fatal(err)
	}
	if load() != 2 {
		t.Error("an index that leads out of the tar was accepted")
	}
	write(t, path, append(samples, file{"3.jpg", picture(t, 5, 5, 1)}, file{"3.cls", []byte("1")})...)
	if load() != 3 {
		t.Error("the index of another tar was used")
	}
}

// TestFaults checks that errors name the tar and what is wrong in it.
func TestFaults(t *testing.T) {
	image := picture(t, 5, 5, 1)
	for name, c := range map[string]struct {
		files []file
		want  string
	}{
		"no class":    {[]file{{"1.jpg", image}}, `the image "1" has no class: a file 1.cls or 1.json with "label"`},
		"no number":   {[]file{{"1.jpg", image}, {"1.cls", []byte("cat")}}, `file "1.cls": "cat" is not a class, which is a number in 0..99999`},
		"negative":    {[]file{{"1.jpg", image}, {"1.cls", []byte("-1")}}, `"-1" is not a class`},
		"no json":     {[]file{{"1.jpg", image}, {"1.json", []byte("{")}}, `file "1.json": unexpected end`},
		"one class":   {[]file{{"1.jpg", image}, {"1.cls", []byte("0")}}, "images of only one class"},
		"empty image": {[]file{{"1.jpg", nil}, {"1.cls", []byte("0")}}, "an image of 0 bytes"},
		"large class": {[]file{{"1.jpg", image}, {"1.cls", make([]byte, 1<<17)}}, "has 131072 bytes, more than 65536"},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "train.tar"), c.files...)
		_, err := Load(t.Context(), Options{Path: dir}, dataset.Train, dataset.Validation)
		if fault := (*dataset.Error)(nil); !errors.As(err, &fault) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	dir := t.TempDir()
	if _, err := Load(t.Context(), Options{Path: dir}, dataset.Train); err == nil || !strings.Contains(err.Error(), "has no tar files") {
		t.Errorf("no tars: %v", err)
	}
	write(t, filepath.Join(dir, "x.tar"), file{"1.jpg", image})
	if err := os.Truncate(filepath.Join(dir, "x.tar"), 700); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(t.Context(), Options{Path: dir}, dataset.Train); err == nil || !strings.Contains(err.Error(), "x.tar") {
		t.Errorf("a tar that is cut short: %v", err)
	}
}

// TestBomb checks that a gzipped tar that would become far larger is refused.
func TestBomb(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	write(t, filepath.Join(dir, "x.tar.gz"), file{"1.jpg", make([]byte, 64<<20)})
	_, err := Load(t.Context(), Options{Path: dir}, dataset.Train)
	if err == nil || !strings.Contains(err.Error(), "50 times its size") {
		t.Errorf("error %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "onnxlab", "shards", "*")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// TestWrite packs a folder, unchanged and reduced, and checks that the shards have the same
// images.
func TestWrite(t *testing.T) {
	photos := t.TempDir()
	for i := range 24 {
		class := []string{"cat", "dog"}[i%2]
		path := filepath.Join(photos, class, string(rune('a'+i))+".jpg")
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, picture(t, 40+i, 70-i, uint8(10*i)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	splits, err := folder.Load(t.Context(), folder.Options{Path: photos, Height: 16, Width: 16, Stream: true}, dataset.Train, dataset.Validation)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []WriteOptions{{Bytes: 4000}, {ShortSide: 20}} {
		dir := filepath.Join(t.TempDir(), "shards")
		if err := Write(t.Context(), dir, o, splits); err != nil {
			t.Fatal(err)
		}
		if names, _ := tars(dir); (len(names) > 2) != (o.Bytes > 0) {
			t.Errorf("%+v: shards %v", o, names)
		}
		loaded, err := Load(t.Context(), Options{Path: dir, Height: 16, Width: 16}, dataset.Train, dataset.Validation)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(loaded.Train.Classes, splits.Train.Classes) || loaded.Train.Len() != splits.Train.Len() || loaded.Validation.Len() != splits.Validation.Len() {
			t.Fatalf("%+v: %d and %d images", o, loaded.Train.Len(), loaded.Validation.Len())
		}
		compare(t, splits.Train, loaded.Train, o.ShortSide)
		if err := Write(t.Context(), dir, o, splits); err == nil {
			t.Error("existing shards were overwritten")
		}
	}
	several := *splits.Train
	several.Targets = make([]uint8, several.Len()*len(several.Classes))
	err = Write(t.Context(), filepath.Join(t.TempDir(), "several"), WriteOptions{}, &dataset.Splits{Train: &several})
	if err == nil || !strings.Contains(err.Error(), "images may have several classes") {
		t.Errorf("several classes for each image: %v", err)
	}
}

// compare checks that two sets have the same colours and classes, in any order.
func compare(t *testing.T, a, b *dataset.Set, short int) {
	t.Helper()
	colours := func(set *dataset.Set) (all []int) {
		pixels, err := set.ReadImages(t.Context(), 0, set.Len(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range set.Len() {
			all = append(all, 1000*int(set.Label(i))+int(pixels[i*16*16*3]))
			err := set.ReadImage(t.Context(), i, make([]uint8, 16*16*3), func(height, width int) image.Rectangle {
				if short > 0 && set == b && min(height, width) != short {
					t.Errorf("the original has %dx%d pixels", width, height)
				}
				return image.Rectangle{}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		slices.Sort(all)
		return all
	}
	if got, want := colours(b), colours(a); !slices.Equal(got, want) {
		t.Errorf("colours %v, want %v", got, want)
	}
}

// FuzzScan scans tars with any bytes.
func FuzzScan(f *testing.F) {
	dir := f.TempDir()
	write(f, filepath.Join(dir, "x.tar"), file{"1.jpg", picture(f, 5, 5, 1)}, file{"1.cls", []byte("0")}, file{"2.json", []byte(`{"label":"a"}`)})
	data, err := os.ReadFile(filepath.Join(dir, "x.tar"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:600])
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := scan(t.Context(), bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, s := range x.Samples {
			if s.Offset < 0 || s.Bytes < 1 || s.Offset > int64(len(data))-s.Bytes || s.Class < -1 || s.Class >= maxClasses {
				t.Errorf("sample %+v", s)
			}
		}
	})
}
