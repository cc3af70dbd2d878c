package batch

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"

	"onnxlab/augment"
	"onnxlab/internal/keyed"
)

// Mixing says how the images of a batch are mixed with others of it. With both, each
// image is mixed in one way or the other, by a toss of a coin.
type Mixing struct {
	// Mixup, if above 0, is alpha of mixup (Zhang et al. 2018): the shares of two images
	// are drawn from Beta(alpha, alpha).
	Mixup float64
	// CutMix, if above 0, is alpha of CutMix (Yun et al. 2019), which pastes a box of one
	// image into the other; the shares are those of their areas.
	CutMix float64
}

// maxAlpha is where two images are mixed half and half, but for a few percent.
const maxAlpha = 100

func (m Mixing) mixes() bool { return m.Mixup > 0 || m.CutMix > 0 }

func (m Mixing) check() error {
	for _, f := range []struct {
		name  string
		alpha float64
	}{{"mixup", m.Mixup}, {"cutmix", m.CutMix}} {
		if !(f.alpha >= 0 && f.alpha <= maxAlpha) {
			return fmt.Errorf("augment.%s: %v is outside 0..%d", f.name, f.alpha, maxAlpha)
		}
	}
	return nil
}

// Mix is what is drawn for one image that is mixed with another. Both are in the
// image afterwards, and the loss is that of both classes, by their shares.
type Mix struct {
	// Share is that of the image itself, 0.5..1. Which of two images has the larger one
	// does not matter, as each of a batch is once the one and once the other.
	Share float64 `json:"share"`
	// Pastes tells CutMix: the pixels of a box are the other image's. Otherwise each
	// pixel is a mean of both.
	Pastes bool `json:"pastes,omitempty"`
	// Row, Column, Height and Width are the box, within the image.
	Row    int `json:"row,omitempty"`
	Column int `json:"column,omitempty"`
	Height int `json:"height,omitempty"`
	Width  int `json:"width,omitempty"`
}

// Draw draws the mix of one image of height·width pixels.
func (m Mixing) Draw(rng *rand.Rand, height, width int) Mix {
	if m.Mixup > 0 && (m.CutMix == 0 || rng.Float64() < 0.5) {
		return Mix{Share: largerShare(rng, m.Mixup)}
	}
	return pasted(largerShare(rng, m.CutMix), rng.IntN(height), rng.IntN(width), height, width)
}

// pasted is the box around a pixel that leaves the image about the share, and is cut at
// its edge, as torchvision's CutMix does it.
func pasted(share float64, row, column, height, width int) Mix {
	half := 0.5 * math.Sqrt(1-share)
	span := func(centre, size int) (from, length int) {
		reach := int(half * float64(size))
		from = max(centre-reach, 0)
		return from, min(centre+reach, size) - from
	}
	x := Mix{Pastes: true}
	x.Row, x.Height = span(row, height)
	x.Column, x.Width = span(column, width)
	x.Share = 1 - float64(x.Height*x.Width)/float64(height*width)
	return x
}

// largerShare is the larger part of a whole that is parted by Beta(alpha, alpha).
func largerShare(rng *rand.Rand, alpha float64) float64 {
	share := distuv.Beta{Alpha: alpha, Beta: alpha, Src: rng}.Rand()
	if math.IsNaN(share) { // alpha is so small that both parts are 0
		return 1
	}
	return max(share, 1-share)
}

// Apply mixes the other image into dst, which holds the image. Both hold height rows of
// width pixels of 3 channels, or of 1. Means are rounded to the nearest integer.
func (x Mix) Apply(dst, other []uint8, height, width int) error {
	if err := augment.CheckSides(height, width); err != nil {
		return fmt.Errorf("mix images: %w", err)
	}
	if size := height * width * 3; len(dst) != len(other) || len(dst) != size && len(dst) != height*width {
		return fmt.Errorf("mix images: images of %dx%d pixels need %d bytes, or %d if they are grey, got %d and %d", height, width, size, height*width, len(dst), len(other))
	}
	inside := x.Row >= 0 && x.Column >= 0 && x.Height >= 0 && x.Width >= 0 && x.Row+x.Height <= height && x.Column+x.Width <= width
	if !(x.Share >= 0 && x.Share <= 1) || !inside {
		return fmt.Errorf("mix images: %+v is no mix of images of %dx%d pixels", x, height, width)
	}
	x.apply(dst, other, width, len(dst)/(height*width))
	return nil
}

// apply is Apply for sizes that are known to be right.
func (x Mix) apply(dst, other []uint8, width, channels int) {
	if x.Pastes {
		for row := x.Row; row < x.Row+x.Height; row++ {
			from, to := (row*width+x.Column)*channels, (row*width+x.Column+x.Width)*channels
			copy(dst[from:to], other[from:to])
		}
		return
	}
	const one = 1 << 16
	own := uint32(math.Round(x.Share * one))
	for i, o := range other[:len(dst)] {
		dst[i] = uint8((own*uint32(dst[i]) + (one-own)*uint32(o) + one/2) / one)
	}
}

// mix mixes each image of a batch with the one before it, the first with the last. It
// comes when all images are made.
func (l *Loader) mix(b *batch, last []uint8) {
	height, width := l.source.Size()
	channels := channelsOf(l.source)
	size := height * width * channels
	image := func(i int) []uint8 { return b.images[i*size : (i+1)*size] }
	end := len(b.picks) - 1
	copy(last, image(end))
	for i := end; i >= 0; i-- {
		other, label := last, b.labels[end]
		if i > 0 {
			other, label = image(i-1), b.labels[i-1]
		}
		x := l.draw(b.epoch, b.picks[i])
		x.apply(image(i), other, width, channels)
		b.second[i], b.shares[i] = label, float32(x.Share)
	}
}

// copyMixed fills what is asked for of the second labels and the shares.
func (b *batch) copyMixed(second []int64, shares []float32) {
	if b.second != nil {
		copy(second, b.second)
		copy(shares, b.shares)
		return
	}
	copy(second, b.labels)
	for i := range shares {
		shares[i] = 1
	}
}

// draw is the mix of a pick in an epoch.
func (l *Loader) draw(epoch uint64, p pick) Mix {
	var source rand.PCG
	keyed.Seed(&source, l.options.Seed, epoch, p.sample(), keyed.Mixing)
	height, width := l.source.Size()
	return l.options.Mixing.Draw(rand.New(&source), height, width)
}
