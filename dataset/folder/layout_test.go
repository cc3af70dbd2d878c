package folder

import (
	"bytes"
	"fmt"
	"image/jpeg"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/disintegration/imaging"

	"onnxlab/dataset"
	"onnxlab/dataset/internal/datatest"
)

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
