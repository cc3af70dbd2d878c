package folder

import (
	"errors"
	"fmt"
	"image/color"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"onnxlab/dataset"
	"onnxlab/dataset/internal/datatest"
	"onnxlab/dataset/photo"
)

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
