package folder

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/disintegration/imaging"

	"onnxlab/dataset"
	"onnxlab/dataset/photo"
)

// photographs writes a folder of JPEG images of two classes and different sizes.
func photographs(t testing.TB, each int) string {
	t.Helper()
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(7, 7))
	for i := range 2 * each {
		class := []string{"cat", "dog"}[i%2]
		picture := imaging.New(40+rng.IntN(60), 40+rng.IntN(60), color.NRGBA{uint8(100 * (i % 2)), uint8(rng.UintN(200)), 90, 255})
		for k := range picture.Pix {
			if k%4 < 3 {
				picture.Pix[k] += uint8(k / 40 % 50)
			}
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, picture, nil); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, class, string(rune('a'+i/2%26))+string(rune('a'+i/52))+".jpg")
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestStreamGivesTheSamePixels checks that a folder gives the same pixels from memory and
// from its files.
func TestStreamGivesTheSamePixels(t *testing.T) {
	dir := photographs(t, 20)
	for _, transform := range []photo.Transform{photo.Square, photo.Torchvision, photo.Timm} {
		o := Options{Path: dir, Height: 24, Width: 20, Transform: transform}
		kept, err := Load(t.Context(), o, dataset.Train)
		if err != nil {
			t.Fatal(err)
		}
		o.Stream = true
		streamed, err := Load(t.Context(), o, dataset.Train)
		if err != nil {
			t.Fatal(err)
		}
		if kept.Train.Streams() || !streamed.Train.Streams() || streamed.Train.Images(0, 1) != nil {
			t.Fatal("the wrong set streams")
		}
		pixels, err := streamed.Train.ReadImages(t.Context(), 0, streamed.Train.Len(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(pixels, kept.Train.Pixels) {
			t.Errorf("%s: the pixels are different", transform)
		}
		stats, err := streamed.Train.StatsContext(t.Context())
		if want := kept.Train.Stats(); err != nil || !slices.Equal(stats.Mean, want.Mean) || !slices.Equal(stats.Deviation, want.Deviation) {
			t.Errorf("%s: statistics %v, %v, want %v", transform, stats, err, want)
		}
	}
}

// TestStreamsWhatIsTooLarge reads a set whose pixels take more than the memory allowed.
func TestStreamsWhatIsTooLarge(t *testing.T) {
	o := Options{Path: photographs(t, 10), Height: 32, Width: 32, Memory: 20*32*32*3 - 1}
	loaded, err := Load(t.Context(), o, dataset.Train, dataset.Validation)
	if err != nil || !loaded.Train.Streams() || !loaded.Validation.Streams() {
		t.Fatalf("%v: the set is in memory", err)
	}
	if note := strings.Join(loaded.Notes, " "); !strings.Contains(note, "20 images are read from their files as they are needed, JPEG with go") {
		t.Errorf("notes %q", note)
	}
	o.Memory++
	if loaded, err = Load(t.Context(), o, dataset.Train, dataset.Validation); err != nil || loaded.Train.Streams() {
		t.Errorf("%v: the set streams", err)
	}
}

// TestStreamIdentity checks that other files, names, sizes and transforms change the hash,
// and that a copy of the folder elsewhere has the same hash.
func TestStreamIdentity(t *testing.T) {
	dir := photographs(t, 10)
	hash := func(o Options) string {
		o.Stream = true
		loaded, err := Load(t.Context(), o, dataset.Train)
		if err != nil {
			t.Fatal(err)
		}
		return loaded.Train.Hash()
	}
	plain := Options{Path: dir, Height: 16, Width: 16}
	first := hash(plain)
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.CopyFS(moved, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if hash(Options{Path: moved, Height: 16, Width: 16}) != first {
		t.Error("a copy has another hash")
	}
	other := plain
	other.Transform = photo.Timm
	if hash(other) == first {
		t.Error("another transform has the same hash")
	}
	fewer := plain
	fewer.Limits.Train = 5
	if hash(fewer) == first {
		t.Error("fewer images have the same hash")
	}
	file, err := os.OpenFile(filepath.Join(dir, "cat", "aa.jpg"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = file.WriteString("more")
	}
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	if hash(plain) == first {
		t.Error("a longer file has the same hash")
	}
}

// TestStreamCutsTheOriginal checks that the chosen part of the original is read.
func TestStreamCutsTheOriginal(t *testing.T) {
	o := Options{Path: photographs(t, 5), Height: 12, Width: 12, Stream: true}
	loaded, err := Load(t.Context(), o, dataset.Train)
	if err != nil {
		t.Fatal(err)
	}
	set := loaded.Train
	for i := range set.Len() {
		p, err := photo.ReadFile(filepath.Join(o.Path, set.Files[i]), photo.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		h, w := p.Size()
		got := make([]uint8, 3*12*12)
		err = set.ReadImage(t.Context(), i, got, func(height, width int) image.Rectangle {
			if height != h || width != w {
				t.Errorf("the original has %dx%d pixels, want %dx%d", width, height, w, h)
			}
			return image.Rect(3, 5, 15, 17) // exactly the size that is wanted
		})
		if err != nil {
			t.Fatal(err)
		}
		whole := p.Fill(h, w)
		for row := range 12 {
			if from := 3 * ((5+row)*w + 3); !bytes.Equal(got[36*row:36*row+36], whole[from:from+36]) {
				t.Fatalf("image %d: row %d is %v, want %v", i, row, got[36*row:36*row+36], whole[from:from+36])
			}
		}
	}
}

// TestStreamOfBrokenFiles checks that a broken file is an error that names it, or that the
// next image of its class takes its place.
func TestStreamOfBrokenFiles(t *testing.T) {
	dir := photographs(t, 6)
	for _, name := range []string{"cat/ba.jpg", "cat/ca.jpg"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("\xff\xd8\xff no picture"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	o := Options{Path: dir, Height: 8, Width: 8, Stream: true}
	loaded, err := Load(t.Context(), o, dataset.All)
	if err != nil {
		t.Fatal(err)
	}
	_, err = loaded.All.ReadImages(t.Context(), 0, 12, nil)
	if fault := (*dataset.Error)(nil); !errors.As(err, &fault) || !strings.Contains(fault.Path, "cat/") || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
	o.SkipBroken = true
	if loaded, err = Load(t.Context(), o, dataset.All); err != nil {
		t.Fatal(err)
	}
	pixels, err := loaded.All.ReadImages(t.Context(), 0, 12, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range loaded.All.Files {
		if name != "cat/ba.jpg" && name != "cat/ca.jpg" {
			continue
		}
		next := i + 1
		for loaded.All.Label(next%12) != 0 || strings.Contains("cat/ba.jpg cat/ca.jpg", loaded.All.Files[next%12]) {
			next++
		}
		next %= 12
		if !bytes.Equal(pixels[192*i:192*i+192], pixels[192*next:192*next+192]) {
			t.Errorf("%s is not replaced by %s", name, loaded.All.Files[next])
		}
	}
}

// TestStreamEndsWithItsContext checks that nothing is read after the context is done.
func TestStreamEndsWithItsContext(t *testing.T) {
	loaded, err := Load(t.Context(), Options{Path: photographs(t, 2), Stream: true}, dataset.All)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := loaded.All.ReadImages(ctx, 0, 4, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// BenchmarkList lists a folder of 100,000 files.
func BenchmarkList(b *testing.B) {
	dir := b.TempDir()
	for i := range 100 {
		class := filepath.Join(dir, string(rune('a'+i/26))+string(rune('a'+i%26)))
		if err := os.Mkdir(class, 0o777); err != nil {
			b.Fatal(err)
		}
		for k := range 1000 {
			name := string([]byte{byte('0' + k/100), byte('0' + k/10%10), byte('0' + k%10)}) + ".jpg"
			if err := os.WriteFile(filepath.Join(class, name), nil, 0o666); err != nil {
				b.Fatal(err)
			}
		}
	}
	for b.Loop() {
		loaded, err := Load(b.Context(), Options{Path: dir, Stream: true}, dataset.Train, dataset.Validation)
		if err != nil {
			b.Fatal(err)
		}
		loaded.Train.Hash()
	}
}
