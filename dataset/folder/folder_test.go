package folder

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"image/jpeg"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/disintegration/imaging"

	"onnxlab/dataset"
	"onnxlab/dataset/internal/datatest"
	"onnxlab/dataset/photo"
)

// encode returns a PNG file of a picture of one colour.
func encode(t testing.TB, width, height int, c color.Color) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, imaging.New(width, height, c)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var (
	red  = color.NRGBA{255, 0, 0, 255}
	blue = color.NRGBA{0, 0, 255, 255}
)

// files returns n red images of class "a" and n blue ones of class "b", below prefix.
func files(t testing.TB, prefix string, n int) map[string][]byte {
	all := map[string][]byte{}
	for i := range n {
		all[fmt.Sprintf("%sa/%d.png", prefix, i)] = encode(t, 5, 4, red)
		all[fmt.Sprintf("%sb/%d.PNG", prefix, i)] = encode(t, 40, 50, blue)
	}
	return all
}

// join returns all files together.
func join(all ...map[string][]byte) map[string][]byte {
	joined := map[string][]byte{}
	for _, some := range all {
		for name, data := range some {
			joined[name] = data
		}
	}
	return joined
}

// load writes the files into a folder and reads splits from it.
func load(t *testing.T, all map[string][]byte, splits ...dataset.Split) (*dataset.Splits, error) {
	t.Helper()
	return Load(t.Context(), Options{Path: datatest.WriteFiles(t, all), Height: 8, Width: 8}, splits...)
}

func mustLoad(t *testing.T, all map[string][]byte, splits ...dataset.Split) *dataset.Splits {
	t.Helper()
	loaded, err := load(t, all, splits...)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// checkColours checks that class "a" is red and class "b" blue.
func checkColours(t *testing.T, set *dataset.Set) {
	t.Helper()
	if got := strings.Join(set.Classes, " "); got != "a b" {
		t.Fatalf("classes %q, want a and b", got)
	}
	for i, label := range set.Labels {
		want := [][]byte{{255, 0, 0}, {0, 0, 255}}[label]
		if got := set.Image(i)[:3]; !bytes.Equal(got, want) {
			t.Errorf("image %d of class %d starts with %v, want %v", i, label, got, want)
		}
	}
}

// sizes returns the numbers of images of the splits; -1 for those that do not exist.
func sizes(s *dataset.Splits) [4]int {
	var n [4]int
	for i, set := range []*dataset.Set{s.Train, s.Validation, s.Test, s.All} {
		if n[i] = -1; set != nil {
			n[i] = set.Len()
		}
	}
	return n
}

// TestSplitsByName checks every name that a folder of a split may have.
func TestSplitsByName(t *testing.T) {
	for _, train := range []string{"train", "training", "Train", "TRAINING"} {
		for _, validation := range []string{"val", "valid", "validation", "dev", "Val", "VALID"} {
			for _, test := range []string{"test", "testing", "Test", ""} {
				all := join(files(t, train+"/", 3), files(t, validation+"/", 2))
				want := [4]int{6, 4, -1, 10}
				if test != "" {
					all, want = join(all, files(t, test+"/", 1)), [4]int{6, 4, 2, 12}
				}
				loaded := mustLoad(t, all, dataset.Train, dataset.Validation, dataset.Test, dataset.All)
				if got := sizes(loaded); got != want {
					t.Errorf("%s, %s, %s: %v images, want %v", train, validation, test, got, want)
				}
				for _, set := range []*dataset.Set{loaded.Train, loaded.Validation, loaded.All} {
					checkColours(t, set)
				}
				if len(loaded.Notes) != 1 || !strings.Contains(loaded.Notes[0], fmt.Sprintf("trains on %q and validates on %q", train, validation)) {
					t.Errorf("notes %q", loaded.Notes)
				}
			}
		}
	}
}

// TestLayouts checks how folders of splits are distinguished from classes with the same
// names.
func TestLayouts(t *testing.T) {
	one := encode(t, 2, 2, red)
	flat := func(names ...string) map[string][]byte {
		all := map[string][]byte{}
		for _, name := range names {
			for i := range 5 {
				all[fmt.Sprintf("%s/%d.png", name, i)] = one
			}
		}
		return all
	}
	for _, test := range []struct {
		name    string
		all     map[string][]byte
		want    [4]int
		classes string
		notes   []string // parts of them, in order
	}{
		{"classes", files(t, "", 10), [4]int{16, 4, -1, 20}, "a b", []string{"4 of 20 are held out, 20 % of each class (data.validation_share)"}},
		{"train alone", files(t, "train/", 10), [4]int{16, 4, -1, 20}, "a b", []string{"4 of 20 are held out"}},
		{
			"test alone beside train", join(files(t, "train/", 5), files(t, "test/", 2)),
			[4]int{10, 4, 4, 14},
			"a b",
			[]string{`trains on "train" and, as there is no folder of validation images, validates on "test": the best epoch is chosen on the test images`},
		},
		{
			"test without classes", join(files(t, "train/", 10), flat("test")),
			[4]int{16, 4, -1, 20},
			"a b",
			[]string{`skipped "test", which contains no folders of classes`, "4 of 20 are held out"},
		},
		{
			"other folders", join(files(t, "train/", 5), files(t, "val/", 1), map[string][]byte{"labels/a/1.txt": nil, "holdout/a/1.png": one}),
			[4]int{10, 2, -1, 12},
			"a b",
			[]string{`validates on "val"`, `skipped "holdout", "labels" beside "train" and "val": folders of splits are called train or training; val,`},
		},
		{
			"annotations beside train", join(files(t, "train/", 10), map[string][]byte{"annotations/a.xml": nil}),
			[4]int{16, 4, -1, 20},
			"a b",
			[]string{`skipped "annotations" beside "train"`, "are held out"},
		},
		{"vehicles", flat("bus", "train"), [4]int{8, 2, -1, 10}, "bus train", []string{"are held out"}},
		{"vehicles in folders", join(flat("bus/red", "bus/green", "train/fast", "train/slow")), [4]int{16, 4, -1, 20}, "bus train", []string{"are held out"}},
		{"valid or not", flat("invalid", "valid"), [4]int{8, 2, -1, 10}, "invalid valid", []string{"are held out"}},
		{
			"hidden", join(files(t, "", 5), map[string][]byte{".cache/x.png": one, "a/.DS_Store": nil, "__MACOSX/a/1.png": one, "a/__MACOSX/1.png": one}),
			[4]int{8, 2, -1, 10},
			"a b",
			[]string{"are held out", "skipped 2 hidden files or folders; 2 folders __MACOSX"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			loaded := mustLoad(t, test.all, dataset.Train, dataset.Validation, dataset.Test, dataset.All)
			if got := sizes(loaded); got != test.want {
				t.Errorf("%v images, want %v", got, test.want)
			}
			if got := strings.Join(loaded.Train.Classes, " "); got != test.classes {
				t.Errorf("classes %q, want %q", got, test.classes)
			}
			if len(loaded.Notes) != len(test.notes) {
				t.Fatalf("notes %q, want %q", loaded.Notes, test.notes)
			}
			for i, want := range test.notes {
				if !strings.Contains(loaded.Notes[i], want) {
					t.Errorf("note %q, want %q", loaded.Notes[i], want)
				}
			}
		})
	}
}

// TestOtherSplitsAreNotRead checks that faults in a split that is not wanted do not matter.
func TestOtherSplitsAreNotRead(t *testing.T) {
	all := join(files(t, "train/", 3), files(t, "val/", 1), map[string][]byte{"test/c/1.png": nil})
	if _, err := load(t, all, dataset.Train, dataset.Validation); err != nil {
		t.Error(err)
	}
	_, err := load(t, all, dataset.Test)
	datatest.CheckFault(t, err, dataset.NoRecord, "read", `/test/c": the training images have no such class`)
	loaded := mustLoad(t, files(t, "test/", 2), dataset.Test)
	if loaded.Test.Len() != 4 || loaded.Train != nil {
		t.Errorf("%v images", sizes(loaded))
	}
}

// TestNestedFolders checks that images below the folders of classes are read, as by Keras
// and torchvision, and that other files are counted.
func TestNestedFolders(t *testing.T) {
	all := files(t, "", 3)
	for i := range 20 {
		all[fmt.Sprintf("a/wild/2020/w%d.png", i)] = encode(t, 3, 3, red)
		all[fmt.Sprintf("b/%d/x.jpg", i)] = encode(t, 3, 3, blue) // a PNG, whatever its name
	}
	all["b/deep/er/and/deeper/x.webp"] = encode(t, 3, 3, blue)
	for _, name := range []string{"a/notes.txt", "a/wild/more.TXT", "b/photo.heic", "b/plain", "readme.md"} {
		all[name] = []byte("not an image")
	}
	loaded := mustLoad(t, all, dataset.All)
	if loaded.All.Len() != 6+41 {
		t.Errorf("%d images, want 47", loaded.All.Len())
	}
	checkColours(t, loaded.All)
	if last := loaded.Notes[len(loaded.Notes)-1]; !strings.HasSuffix(last, ": skipped 2 .txt, 1 without extension, 1 .heic, 1 .md (no JPEG, PNG, GIF, BMP or WebP)") {
		t.Errorf("note %q", last)
	}
	if i := slices.Index(loaded.All.Files, "a/wild/2020/w7.png"); i < 0 || loaded.All.Label(i) != 0 {
		t.Errorf("files %q", loaded.All.Files)
	}
}

// TestContentDecides checks that files with no extension, or with an unknown one, count as
// images if they begin like one.
func TestContentDecides(t *testing.T) {
	all := files(t, "", 3)
	var photograph bytes.Buffer
	if err := jpeg.Encode(&photograph, imaging.New(8, 8, red), nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"noext", "x.jpe", "y.jfif", "z.JPG_large", "IMG.0001", "w.dat"} {
		all["a/"+name] = photograph.Bytes()
	}
	all["a/q.ppm"] = []byte("P6 1 1 255 abc")
	loaded := mustLoad(t, all, dataset.All)
	if loaded.All.Len() != 12 || !strings.Contains(loaded.Notes[len(loaded.Notes)-1], "skipped 1 .ppm (") {
		t.Errorf("%d images, notes %q", loaded.All.Len(), loaded.Notes)
	}
}

// TestLinks checks that links to folders and files are followed, but not in a circle.
func TestLinks(t *testing.T) {
	dir := datatest.WriteFiles(t, files(t, "", 3))
	elsewhere := datatest.WriteFiles(t, files(t, "", 2))
	for link, target := range map[string]string{
		"a/more": filepath.Join(elsewhere, "a"), "a/5.png": filepath.Join(elsewhere, "a", "0.png"),
		"a/self": ".", "a/up": "..", "b/class": filepath.Join(dir, "b"), "a/dead.png": "nowhere", "a/dead": "nowhere",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Skip(err)
		}
	}
	loaded, err := Load(t.Context(), Options{Path: dir, SkipBroken: true}, dataset.All)
	if err != nil {
		t.Fatal(err)
	}
	if n := loaded.All.Len(); n != 9 || len(loaded.All.Skipped) != 1 || loaded.All.Skipped[0].File != "a/dead.png" {
		t.Errorf("%d images, skipped %v", n, loaded.All.Skipped)
	}
	checkColours(t, loaded.All)
	if notes := strings.Join(loaded.Notes, "\n"); !strings.Contains(notes, "skipped 1 without extension (no JPEG, PNG, GIF, BMP or WebP); 3 links to folders above") {
		t.Errorf("notes %q", notes)
	}
}

// TestUnicodeForms uses folders of one class whose names are written in two Unicode forms,
// as some systems and programs do.
func TestUnicodeForms(t *testing.T) {
	const composed, apart = "caf\u00e9", "cafe\u0301"
	one := encode(t, 2, 2, red)
	all := map[string][]byte{}
	for i := range 5 {
		all[fmt.Sprintf("train/%s/%d.png", composed, i)] = one
		all[fmt.Sprintf("train/%s/n%d.png", apart, i)] = one
		all[fmt.Sprintf("train/dog/%d.png", i)] = one
		all[fmt.Sprintf("val/%s/%d.png", apart, i)] = one
	}
	loaded := mustLoad(t, all, dataset.Train, dataset.Validation)
	if !slices.Equal(loaded.Train.Classes, []string{composed, "dog"}) || sizes(loaded) != [4]int{15, 5, -1, -1} {
		t.Errorf("classes %q, %v images", loaded.Train.Classes, sizes(loaded))
	}
	if slices.Max(loaded.Validation.Labels) != 0 {
		t.Errorf("labels %v", loaded.Validation.Labels)
	}
	// Images are in the order of their names, whichever form these have.
	a := mustLoad(t, map[string][]byte{"x/" + composed + ".png": one, "x/b.png": one, "y/1.png": one}, dataset.All)
	b := mustLoad(t, map[string][]byte{"x/" + apart + ".png": one, "x/b.png": one, "y/1.png": one}, dataset.All)
	for i, name := range a.All.Files {
		if className(b.All.Files[i]) != name {
			t.Errorf("the files are %q and %q", a.All.Files, b.All.Files)
		}
	}
}

// TestHeldOutShare checks that each class is divided separately.
func TestHeldOutShare(t *testing.T) {
	one := encode(t, 2, 2, red)
	all := map[string][]byte{}
	for class, n := range map[string]int{"many": 100, "few": 5, "two": 2, "one": 1} {
		for i := range n {
			all[fmt.Sprintf("%s/%d.png", class, i)] = one
		}
	}
	dir := datatest.WriteFiles(t, all)
	for share, want := range map[float64][4]int{ // of few, many, one, two
		0: {1, 20, 0, 1}, 0.5: {3, 50, 0, 1}, 0.01: {1, 1, 0, 1}, 0.99: {4, 99, 0, 1},
	} {
		loaded, err := Load(t.Context(), Options{Path: dir, ValidationShare: share}, dataset.Train, dataset.Validation)
		if err != nil {
			t.Fatal(err)
		}
		if got := loaded.Validation.Stats().Counts; !slices.Equal(got, want[:]) || loaded.Train.Len()+loaded.Validation.Len() != 108 {
			t.Errorf("share %v: %v of few, many, one and two are held out, want %v", share, got, want)
		}
		for _, file := range loaded.Validation.Files {
			if slices.Contains(loaded.Train.Files, file) {
				t.Errorf("%s is in both", file)
			}
		}
	}
}

// TestSplitIsStable doubles the number of images, and checks that most of the old ones stay
// in their split.
func TestSplitIsStable(t *testing.T) {
	held := func(n int) map[string]bool {
		names := map[string]bool{}
		for _, file := range mustLoad(t, files(t, "", n), dataset.Validation).Validation.Files {
			names[file] = true
		}
		return names
	}
	few, many := held(100), held(200)
	moved := 0
	for name := range few {
		if !many[name] {
			moved++
		}
	}
	if len(few) != 40 || len(many) != 80 || moved > 10 {
		t.Errorf("%d and %d held out, %d of the old ones left the validation images", len(few), len(many), moved)
	}
}

// TestFirstImagesAreASample checks that limits take the first images of an order that mixes
// the classes.
func TestFirstImagesAreASample(t *testing.T) {
	all := files(t, "", 50)
	train := mustLoad(t, all, dataset.Train).Train
	if first := train.Labels[:20]; !slices.Contains(first, 0) || !slices.Contains(first, 1) {
		t.Errorf("the first images are all of one class: %v", first)
	}
	limited, err := Load(t.Context(), Options{Path: datatest.WriteFiles(t, all), Height: 8, Width: 8, Limits: dataset.Limits{Train: 10}}, dataset.Train)
	if err != nil {
		t.Fatal(err)
	}
	if limited.Train.Hash() != train.Head(10).Hash() || !slices.Equal(limited.Train.Files, train.Head(10).Files) {
		t.Error("the first ten are others when ten are asked for")
	}
}

// TestSizes resizes to images that are not square.
func TestSizes(t *testing.T) {
	loaded, err := Load(t.Context(), Options{Path: datatest.WriteFiles(t, files(t, "", 3)), Height: 3, Width: 7}, dataset.All)
	if err != nil {
		t.Fatal(err)
	}
	if height, width := loaded.All.Size(); height != 3 || width != 7 || len(loaded.All.Image(0)) != 63 || loaded.All.Validate() != nil {
		t.Errorf("images of %dx%d pixels", width, height)
	}
}

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

// TestBrokenFiles checks that the error names files that cannot be read, in both splits, up
// to a dozen.
func TestBrokenFiles(t *testing.T) {
	whole := encode(t, 9, 9, red)
	broken := map[string][]byte{"train/a/x1.jpg": nil, "train/b/x2.jpg": []byte("<html>404"), "val/a/x3.png": whole[:len(whole)-30]}
	all := join(files(t, "train/", 4), files(t, "val/", 2), broken)
	_, err := load(t, all, dataset.Train, dataset.Validation)
	datatest.CheckFault(t, err, dataset.NoRecord, "read ", "; use --set data.broken=skip to leave out what cannot be read")
	for _, want := range []string{
		": 3 of 15 images cannot be read:\n  train/a/x1.jpg: is empty\n  train/b/x2.jpg: is not a JPEG, PNG, GIF, BMP or WebP image: it starts with \"<html>40\"\n  val/a/x3.png: decode PNG image: ",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
	dir := datatest.WriteFiles(t, all)
	loaded, err := Load(t.Context(), Options{Path: dir, Height: 8, Width: 8, SkipBroken: true}, dataset.Train, dataset.Validation)
	if err != nil {
		t.Fatal(err)
	}
	clean := mustLoad(t, join(files(t, "train/", 4), files(t, "val/", 2)), dataset.Train, dataset.Validation)
	if loaded.Train.Hash() != clean.Train.Hash() || loaded.Validation.Hash() != clean.Validation.Hash() {
		t.Error("the other images are not those of a folder without the broken ones")
	}
	if want := []dataset.SkippedFile{{File: "val/a/x3.png", Reason: "decode PNG image: png: invalid format: not enough pixel data"}}; !reflect.DeepEqual(loaded.Validation.Skipped, want) || len(loaded.Train.Skipped) != 2 {
		t.Errorf("skipped %v and %v", loaded.Train.Skipped, loaded.Validation.Skipped)
	}
	if last := loaded.Notes[len(loaded.Notes)-1]; !strings.HasPrefix(last, "left out 3 images that cannot be read, such as train/") {
		t.Errorf("note %q", last)
	}
	for i := range 30 {
		all[fmt.Sprintf("train/a/y%02d.png", i)] = nil
	}
	if _, err = load(t, all, dataset.Train); err == nil || !strings.Contains(err.Error(), "y10.png: is empty\n  and 20 more; use") {
		t.Errorf("error is %v", err)
	}
}

// TestAllBroken checks that there is no set if no image is left.
func TestAllBroken(t *testing.T) {
	all := map[string][]byte{"a/1.png": nil, "b/1.png": nil}
	_, err := Load(t.Context(), Options{Path: datatest.WriteFiles(t, all), SkipBroken: true}, dataset.All)
	datatest.CheckFault(t, err, dataset.NoRecord, "read", "data.broken=skip to leave out what cannot be read")
}

// TestMemoryLimit checks the error for images that would take more memory to decode than
// they may.
func TestMemoryLimit(t *testing.T) {
	all := join(files(t, "", 3), map[string][]byte{"a/large.png": encode(t, 1000, 500, red)})
	o := Options{Path: datatest.WriteFiles(t, all), Photo: photo.Limits{Memory: 1 << 20}}
	_, err := Load(t.Context(), o, dataset.All)
	datatest.CheckFault(t, err, dataset.NoRecord, "read", "a/large.png\": image of 1000x500 pixels would take 6 MB to decode, more than the 1 MB allowed; "+
		"use --set data.broken=skip to leave out what cannot be read, or data.image_memory=6 to read large ones (pipeline evaluate: --image-memory 6)")
	o.Photo.Memory = 6 << 20
	if _, err := Load(t.Context(), o, dataset.All); err != nil {
		t.Error(err)
	}
}

func TestFaults(t *testing.T) {
	one := encode(t, 2, 2, color.White)
	for _, test := range []struct {
		name  string
		all   map[string][]byte
		end   string
		wants []dataset.Split
	}{
		{"one class", map[string][]byte{"a/1.png": one}, "has 1 folder of images, one for each class; at least 2 are needed", nil},
		{"no classes", map[string][]byte{"1.png": one}, "has 0 folders of images, one for each class; at least 2 are needed", nil},
		{"one folder too high", files(t, "photos/", 2), `at least 2 are needed; if the classes are in "photos", use --set data.path=`, nil},
		{"no images", join(files(t, "train/", 2), map[string][]byte{"train/c/x.txt": nil}), `train/c": has no images (JPEG, PNG, GIF, BMP or WebP)`, nil},
		{"class of validation only", join(files(t, "train/", 2), map[string][]byte{"val/c/x.png": one}), `val/c": the training images have no such class`, nil},
		{"class in capitals", join(files(t, "train/", 2), map[string][]byte{"val/A/x.png": one}), `val/A": the training images have no such class; they have "a"`, nil},
		{"two for one", join(files(t, "train/", 2), files(t, "val/", 2), files(t, "valid/", 2)), `has both "val" and "valid" for validation: keep only one of them`, nil},
		{"no training", join(files(t, "val/", 2), files(t, "test/", 2)), `has no folder of training images beside "val" and "test"; name one train or training`, nil},
		{"flat training", join(files(t, "val/", 2), map[string][]byte{"train/1.png": one}), `train": has no folders in it: it needs one folder of images for each class`, nil},
		{"flat training alone", map[string][]byte{"train/cat.1.png": one, "train/dog.1.png": one}, `it needs one folder of images for each class`, nil},
		{"flat splits", map[string][]byte{"train/cat.1.png": one, "test/1.png": one}, `it needs one folder of images for each class`, nil},
		{"too few", map[string][]byte{"a/1.png": one, "b/1.png": one}, "for validation; add images, or sort them into the folders train and validation", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := load(t, test.all, dataset.Train, dataset.Validation)
			var fault *dataset.Error
			if !errors.As(err, &fault) || !strings.Contains(err.Error(), test.end) {
				t.Errorf("error is %v, want %q", err, test.end)
			}
		})
	}
}

func TestOptionFaults(t *testing.T) {
	dir := datatest.WriteFiles(t, files(t, "", 50))
	for _, test := range []struct {
		o    Options
		want string
	}{
		{Options{}, "no path is set for the folder of images; use --set data.path=DIR"},
		{Options{Path: filepath.Join(dir, "absent")}, "no such file or directory; use --set data.path=DIR with a folder that has one folder of images for each class"},
		{Options{Path: dir, Limits: dataset.Limits{Validation: 60}}, "60 validation images wanted, 20 available; use --set data.validation=20, or 0 for all"},
	} {
		_, err := Load(t.Context(), test.o, dataset.Train, dataset.Validation)
		datatest.CheckFault(t, err, dataset.NoRecord, "", test.want)
	}
	for _, o := range []Options{{Path: dir, Height: -1}, {Path: dir, ValidationShare: 1}, {Path: dir, ValidationShare: -0.1}} {
		if _, err := Load(t.Context(), o, dataset.Train); err == nil || errors.As(err, new(*dataset.Error)) {
			t.Errorf("error %v, want one about the options", err)
		}
	}
}

// TestSurvey checks that the splits and classes are known without reading images.
func TestSurvey(t *testing.T) {
	for _, test := range []struct {
		all  map[string][]byte
		want []dataset.Split
	}{
		{files(t, "", 2), nil},
		{join(files(t, "train/", 2), files(t, "testing/", 2)), []dataset.Split{dataset.Train, dataset.Test}},
	} {
		test.all["a/empty.png"], test.all["train/a/empty.png"] = nil, nil
		if test.want == nil {
			delete(test.all, "train/a/empty.png")
		} else {
			delete(test.all, "a/empty.png")
		}
		got, err := Survey(Options{Path: datatest.WriteFiles(t, test.all)}, dataset.Train)
		if err != nil || !slices.Equal(got.Own, test.want) || !slices.Equal(got.Classes, []string{"a", "b"}) || len(got.Notes) != 1 {
			t.Errorf("%+v, error %v, want %v", got, err, test.want)
		}
	}
}

// TestAmongImages checks which folders count as folders of images. Folders beside those of
// splits do not.
func TestAmongImages(t *testing.T) {
	whole := datatest.WriteFiles(t, files(t, "", 1))
	split := datatest.WriteFiles(t, join(files(t, "train/", 1), files(t, "val/", 1)))
	for _, c := range []struct {
		root, dir string
		want      bool
	}{
		{whole, "", false},
		{whole, "new", true},
		{whole, "new/below", true},
		{whole, "a/.hidden/below", false},
		{whole, "__MACOSX", false},
		{whole, "../beside", false},
		{split, "new", false},
		{split, "train/a", true},
		{split, "val/new", true},
		{split, "Testing", true},
		{split, "absent/..", false},
	} {
		if got := AmongImages(c.root, filepath.Join(c.root, c.dir)); got != c.want {
			t.Errorf("%q: %v, want %v", c.dir, got, c.want)
		}
	}
	if AmongImages("absent", "absent/new") {
		t.Error("a folder that does not exist has images")
	}
}
