package folder

import (
	"bytes"
	"fmt"
	"image/color"
	"image/png"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/disintegration/imaging"

	"onnxlab/dataset"
	"onnxlab/dataset/internal/datatest"
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
