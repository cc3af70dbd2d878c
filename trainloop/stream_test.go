package trainloop

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io/fs"
	"slices"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"onnxlab/augment"
	"onnxlab/augment/batch"
	"onnxlab/dataset"
	"onnxlab/dataset/folder"
)

// countingFS counts the files that are opened.
type countingFS struct {
	fstest.MapFS
	opened *atomic.Int64
}

func (c countingFS) Open(name string) (fs.File, error) {
	c.opened.Add(1)
	return c.MapFS.Open(name)
}

// Stat is implemented so that fs.Stat does not open the file.
func (c countingFS) Stat(name string) (fs.FileInfo, error) { return c.MapFS.Stat(name) }

// photographs returns 40 JPEG images of two classes by their names.
func photographs(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for i := range 40 {
		picture := image.NewRGBA(image.Rect(0, 0, 30+i, 70-i))
		for y := range 70 - i {
			for x := range 30 + i {
				picture.Set(x, y, color.RGBA{uint8(6 * i), uint8(4 * x), uint8(3 * y), 255})
			}
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, picture, nil); err != nil {
			t.Fatal(err)
		}
		files[fmt.Sprintf("class%d/%02d.jpg", i%2, i)] = b.Bytes()
	}
	return files
}

// streamed returns a set of photographs that are read when they are needed, and the number
// of files opened so far.
func streamed(t *testing.T) (*dataset.Set, *atomic.Int64) {
	t.Helper()
	files := countingFS{fstest.MapFS{}, new(atomic.Int64)}
	for name, data := range photographs(t) {
		files.MapFS[name] = &fstest.MapFile{Data: data}
	}
	loaded, err := folder.Load(t.Context(), folder.Options{FS: files, Height: 16, Width: 16, Stream: true}, dataset.All)
	if err != nil {
		t.Fatal(err)
	}
	return loaded.All, files.opened
}

// batches reads batches with the recipe photo.
func batches(t *testing.T, set *dataset.Set, o batch.LoaderOptions, count int) [][]uint8 {
	t.Helper()
	recipe, err := augment.NewRecipe("photo", "keras-2018")
	if err != nil {
		t.Fatal(err)
	}
	o.Seed, o.BatchSize, o.Recipe = 3, 8, recipe
	loader, err := batch.NewLoader(set, o)
	if err != nil {
		t.Fatal(err)
	}
	defer loader.Close()
	var read [][]uint8
	for range count {
		images, labels := make([]uint8, 8*16*16*3), make([]int64, 8)
		if _, err := loader.Next(context.Background(), images, labels); err != nil {
			t.Fatal(err)
		}
		for i, label := range labels {
			images = append(images, uint8(label), uint8(i))
		}
		read = append(read, images)
	}
	return read
}

// TestStreamedBatches checks that batches of photographs are the same for any number of
// workers, and from wherever the loader starts. The loader must not open files of earlier
// batches.
func TestStreamedBatches(t *testing.T) {
	set, opened := streamed(t)
	want := batches(t, set, batch.LoaderOptions{Workers: 1}, 12)
	if slices.EqualFunc(want[:5], want[5:10], bytes.Equal) {
		t.Error("two epochs are the same")
	}
	for _, workers := range []int{2, 5} {
		if got := batches(t, set, batch.LoaderOptions{Workers: workers}, 12); !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("%d workers make other batches", workers)
		}
	}
	opened.Store(0)
	if got := batches(t, set, batch.LoaderOptions{Workers: 3, Epoch: 1, Step: 4}, 3); !slices.EqualFunc(got, want[9:], bytes.Equal) {
		t.Error("starting at the second epoch's last step gives another batch")
	}
	// 3 batches, and those that are made in advance.
	if n := opened.Load(); n < 24 || n > 24+8*4 {
		t.Errorf("%d files were opened", n)
	}
}

// TestStreamedCrops compares a batch with the crops of its plans.
func TestStreamedCrops(t *testing.T) {
	set, _ := streamed(t)
	recipe, err := augment.NewRecipe("photo", "keras-2018")
	if err != nil {
		t.Fatal(err)
	}
	got := batches(t, set, batch.LoaderOptions{}, 1)[0]
	order := batch.Picks(set, batch.LoaderOptions{Seed: 3, BatchSize: 8}, 0)
	for position, index := range order[:8] {
		drawer := augment.NewDrawer(recipe, 3)
		plan := *drawer.Draw(0, uint64(index), 16, 16)
		read := make([]uint8, 16*16*3)
		err := set.ReadImage(t.Context(), int(index), read, func(height, width int) image.Rectangle {
			return drawer.Crop(0, uint64(index), height, width).Rectangle()
		})
		if err != nil {
			t.Fatal(err)
		}
		plan.Crop = augment.Crop{}
		want := make([]uint8, len(read))
		if err := plan.Apply(want, read, 16, 16); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got[768*position:768*position+768], want) {
			t.Errorf("image %d is different", index)
		}
	}
}
