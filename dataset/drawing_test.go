package dataset

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

func loadDrawn(t *testing.T, train, validation int) (trainSet, validationSet *Set) {
	t.Helper()
	trainSet, validationSet, err := Load(t.Context(), Options{Source: SourceSynthetic, Train: train, Validation: validation})
	if err != nil {
		t.Fatal(err)
	}
	return trainSet, validationSet
}

// TestDrawnWhenAskedFor reads a set in disorder from several goroutines, and
// wants the images of one that is drawn at once.
func TestDrawnWhenAskedFor(t *testing.T) {
	const n = 300
	want, wantHeld := synthetic(t, SyntheticSeed, n, n)
	train, held := loadDrawn(t, n, n)
	var readers sync.WaitGroup
	for reader := range 4 {
		readers.Go(func() {
			for _, i := range rand.New(rand.NewPCG(1, uint64(reader))).Perm(n) {
				if !bytes.Equal(train.Image(i), want.Image(i)) || train.Label(i) != want.Label(i) {
					t.Errorf("image %d is another", i)
				}
			}
		})
		readers.Go(func() {
			from, to := 50*reader, 50*reader+150
			if !bytes.Equal(held.Images(from, to), wantHeld.Images(from, to)) {
				t.Errorf("images %d..%d are others", from, to-1)
			}
		})
	}
	readers.Wait()
	if train.Hash() != want.Hash() || held.Head(7).Hash() != wantHeld.Head(7).Hash() {
		t.Error("the set has another hash")
	}
	if train, _ := loadDrawn(t, n, 1); train.Stats().Mean != want.Stats().Mean {
		t.Error("the statistics are of images that are not drawn")
	}
}

// TestNothingDrawnInVain wants images drawn that are asked for, and no others.
func TestNothingDrawnInVain(t *testing.T) {
	train, _ := loadDrawn(t, 0, 0)
	train.Hash()
	train.Image(7)
	train.Head(300).Images(200, 203)
	drawn := map[int]bool{7: true, 200: true, 201: true, 202: true}
	black := make([]uint8, cifarImage)
	for i := range 400 {
		pixels := train.drawing.pixels[i*cifarImage : (i+1)*cifarImage]
		if bytes.Equal(pixels, black) == drawn[i] {
			t.Errorf("image %d is drawn: %v, want %v", i, !drawn[i], drawn[i])
		}
	}
	if allocated := testing.AllocsPerRun(100, func() { train.Image(7) }); allocated != 0 {
		t.Errorf("an image that is drawn takes %v allocations", allocated)
	}
}

// TestDraw wants all images of a set drawn, of a head those alone, and none once
// the context is done.
func TestDraw(t *testing.T) {
	const n = 100
	want, _ := synthetic(t, SyntheticSeed, n, 1)
	train, _ := loadDrawn(t, n, 1)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	drawn := func() []uint8 { return train.drawing.pixels }
	if err := train.Draw(cancelled); !errors.Is(err, context.Canceled) || !bytes.Equal(drawn(), make([]uint8, n*cifarImage)) {
		t.Errorf("error %v, want that of the context and nothing drawn", err)
	}
	if err := train.Head(7).Draw(t.Context()); err != nil || !bytes.Equal(drawn()[7*cifarImage:], make([]uint8, (n-7)*cifarImage)) {
		t.Errorf("error %v, want the first 7 drawn alone", err)
	}
	if err := train.Draw(t.Context()); err != nil || !bytes.Equal(drawn(), want.Pixels) {
		t.Errorf("error %v, or other images", err)
	}
	if hash, err := train.HashContext(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("hash %q, error %v, want that of the context", hash, err)
	}
	if err := want.Draw(cancelled); err != nil {
		t.Errorf("where nothing is to be drawn: %v", err)
	}
}

// TestKnownHash draws the whole set for the hash that is known without, and
// finds a pixel that is another.
func TestKnownHash(t *testing.T) {
	train, validation := loadDrawn(t, 0, 0)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, set := range []*Set{train, validation} {
		if hash, err := set.HashContext(cancelled); err != nil || hash != set.knownHash() {
			t.Errorf("before it is drawn: hash %q, error %v", hash, err)
		}
		if err := set.Check(); err != nil {
			t.Fatal(err)
		}
		if hash := set.Hash(); hash != set.knownHash() || hash != set.hash() {
			t.Errorf("%d images have hash %s", set.Len(), hash)
		}
	}
	validation.Image(9999)[cifarImage-1] ^= 1
	err := validation.Check()
	if err == nil || !strings.Contains(err.Error(), validation.hash()) || !strings.Contains(err.Error(), hashValidation) {
		t.Errorf("error %v, want one with both hashes", err)
	}
	few, _ := loadDrawn(t, 10, 1)
	if err := few.Check(); err != nil || few.knownHash() != "" {
		t.Errorf("10 images: error %v, known hash %q", err, few.knownHash())
	}
}
