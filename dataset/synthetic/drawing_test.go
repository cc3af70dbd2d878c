package synthetic

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"onnxlab/dataset"
)

func loadDrawn(t *testing.T, train, validation int) (trainSet, validationSet *dataset.Set) {
	t.Helper()
	splits, err := Load(t.Context(), "", dataset.Limits{Train: train, Validation: validation}, dataset.Train, dataset.Validation, dataset.Test)
	if err != nil || splits.Test != nil {
		t.Fatal(err, splits.Test)
	}
	return splits.Train, splits.Validation
}

// TestDrawnWhenAskedFor reads a set in any order from several goroutines, and compares with
// the images of a set that is drawn at once.
func TestDrawnWhenAskedFor(t *testing.T) {
	const n = 300
	want, wantHeld := synthetic(t, Seed, n, n)
	train, held := loadDrawn(t, n, n)
	var readers sync.WaitGroup
	for reader := range 4 {
		readers.Go(func() {
			for _, i := range rand.New(rand.NewPCG(1, uint64(reader))).Perm(n) {
				if !bytes.Equal(train.Image(i), want.Image(i)) || train.Label(i) != want.Label(i) {
					t.Errorf("image %d is different", i)
				}
			}
		})
		readers.Go(func() {
			from, to := 50*reader, 50*reader+150
			if !bytes.Equal(held.Images(from, to), wantHeld.Images(from, to)) {
				t.Errorf("images %d..%d are different", from, to-1)
			}
		})
	}
	readers.Wait()
	if train.Hash() != want.Hash() || held.Head(7).Hash() != wantHeld.Head(7).Hash() {
		t.Error("the hash is different")
	}
	if train, _ := loadDrawn(t, n, 1); !slices.Equal(train.Stats().Mean, want.Stats().Mean) {
		t.Error("the statistics are of images that are not drawn")
	}
}

// TestNothingDrawnInVain checks that only images that are needed are drawn.
func TestNothingDrawnInVain(t *testing.T) {
	train, d := undrawnOf(Train)
	train.Hash()
	train.Image(7)
	train.Head(300).Images(200, 203)
	drawn := map[int]bool{7: true, 200: true, 201: true, 202: true}
	black := make([]uint8, imageBytes)
	for i := range 400 {
		pixels := d.Pixels()[i*imageBytes : (i+1)*imageBytes]
		if bytes.Equal(pixels, black) == drawn[i] {
			t.Errorf("image %d is drawn: %v, want %v", i, !drawn[i], drawn[i])
		}
	}
	if allocated := testing.AllocsPerRun(100, func() { train.Image(7) }); allocated != 0 {
		t.Errorf("an image that is drawn takes %v allocations", allocated)
	}
}

// TestDraw checks that Draw draws all images of a set, only those of a head, and none after
// the context is done.
func TestDraw(t *testing.T) {
	const n = 100
	want, _ := synthetic(t, Seed, n, 1)
	train, d := undrawnOf(n)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	drawn := d.Pixels
	if err := train.Draw(cancelled); !errors.Is(err, context.Canceled) || !bytes.Equal(drawn(), make([]uint8, n*imageBytes)) {
		t.Errorf("error %v, want that of the context and nothing drawn", err)
	}
	if err := train.Head(7).Draw(t.Context()); err != nil || !bytes.Equal(drawn()[7*imageBytes:], make([]uint8, (n-7)*imageBytes)) {
		t.Errorf("error %v, want the first 7 drawn alone", err)
	}
	if err := train.Draw(t.Context()); err != nil || !bytes.Equal(drawn(), want.Pixels) {
		t.Errorf("error %v, or other images", err)
	}
	if hash, err := train.HashContext(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("hash %q, error %v, want that of the context", hash, err)
	}
	if err := want.Draw(cancelled); err != nil {
		t.Errorf("if nothing is left to draw: %v", err)
	}
}

// TestKnownHash draws the whole set to verify the known hash, and checks that a changed
// pixel is found.
func TestKnownHash(t *testing.T) {
	train, validation := loadDrawn(t, 0, 0)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for known, set := range map[string]*dataset.Set{hashTrain: train, hashValidation: validation} {
		if hash, err := set.HashContext(cancelled); err != nil || hash != known {
			t.Errorf("before it is drawn: hash %q, error %v", hash, err)
		}
		if err := set.Check(); err != nil {
			t.Fatal(err)
		}
		if hash := inMemory(set).Hash(); set.Hash() != known || hash != known {
			t.Errorf("%d images have hash %s", set.Len(), hash)
		}
	}
	validation.Image(9999)[imageBytes-1] ^= 1
	err := validation.Check()
	if err == nil || !strings.Contains(err.Error(), inMemory(validation).Hash()) || !strings.Contains(err.Error(), hashValidation) {
		t.Errorf("error %v, want one with both hashes", err)
	}
	few, _ := loadDrawn(t, 10, 1)
	if err := few.Check(); err != nil {
		t.Errorf("10 images: %v", err)
	}
}

// undrawnOf returns n training images of the default set, and their drawing.
func undrawnOf(n int) (*dataset.Set, dataset.Drawing) {
	set := undrawn(Seed, splitTrain, n)
	d := &drawing{Seed, splitTrain, set.Labels, make([]uint8, n*imageBytes), make([]sync.Once, n)}
	return dataset.NewDrawn(*set, d), d
}

// inMemory returns the set with its pixels and without a known hash.
func inMemory(s *dataset.Set) *dataset.Set {
	return &dataset.Set{Name: s.Name, Classes: s.Classes, Height: s.Height, Width: s.Width, Pixels: s.Images(0, s.Len()), Labels: s.Labels}
}
