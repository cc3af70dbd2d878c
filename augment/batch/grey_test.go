package batch

import "testing"

// greyImages are images of one channel.
type greyImages struct{ *images }

func (greyImages) Channels() int { return 1 }

// Image returns the first channel of the image in colour.
func (g greyImages) Image(i int) []uint8 {
	colour := g.images.Image(i)
	grey := make([]uint8, len(colour)/3)
	for k := range grey {
		grey[k] = colour[3*k]
	}
	return grey
}

// TestGreyBatches: recipes and mixing give images of one channel the same values as images of
// three equal channels, in the same order.
func TestGreyBatches(t *testing.T) {
	const size, side = 8, 12
	grey := greyImages{newImages(24, side, side)}
	colour := newImages(24, side, side)
	for i := range colour.pixels {
		for k, v := range grey.Image(i) {
			copy(colour.pixels[i][3*k:3*k+3], []uint8{v, v, v})
		}
	}
	for _, mixing := range []Mixing{{}, {Mixup: 0.4, CutMix: 1}} {
		options := LoaderOptions{Seed: 3, BatchSize: size, Recipe: strong(t), Mixing: mixing}
		one, three := make([]uint8, size*side*side), make([]uint8, size*side*side*3)
		readMixed(t, grey, options, one)
		readMixed(t, colour, options, three)
		for i, v := range one {
			if pixel := three[3*i : 3*i+3]; v != pixel[0] || v != pixel[1] || v != pixel[2] {
				t.Fatalf("mixing %+v: byte %d is %d, in colour %v", mixing, i, v, pixel)
			}
		}
	}
}

// readMixed reads the second batch of a loader into images.
func readMixed(t *testing.T, source Source, options LoaderOptions, images []uint8) {
	t.Helper()
	l, err := NewLoader(source, options)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	labels, second, shares := make([]int64, options.BatchSize), make([]int64, options.BatchSize), make([]float32, options.BatchSize)
	for range 2 {
		if _, err := l.NextMixed(t.Context(), images, labels, second, shares); err != nil {
			t.Fatal(err)
		}
	}
}
