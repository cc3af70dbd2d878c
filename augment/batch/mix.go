package batch

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"

	"onnxlab/augment"
	"onnxlab/internal/keyed"
)

// Mixing says how the images of a batch are mixed with each other. If both mixup and CutMix
// are on, each image is mixed by one of them, each with probability 1/2.
type Mixing struct {
	// Mixup, if above 0, is alpha of mixup (Zhang et al. 2018): the shares of two images
	// are drawn from Beta(alpha, alpha).
	Mixup float64
	// CutMix, if above 0, is alpha of CutMix (Yun et al. 2019), which pastes a box of one
	// image into the other; the shares are their shares of the area.
	CutMix float64
}

// maxAlpha is the greatest alpha: with it, all images are mixed half and half to within a few
// percent.
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

// Mix is what is drawn for one image that is mixed with another. The loss of the mixed image
// is the mean of the losses for both classes, weighted by their shares.
type Mix struct {
	// Share is the share of the image itself, 0.5..1. It loses nothing to give the image
	// always the larger share, since each image of a batch is also mixed into another.
	Share float64 `json:"share"`
	// Pastes is true for CutMix: the pixels of a box come from the other image. Otherwise,
	// for mixup, each pixel is a weighted mean of both.
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

// pasted returns the mix that pastes a box around a pixel. The box leaves about this share of
// the image and is clipped at its edges, as in torchvision's CutMix.
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

// largerShare draws a share x from Beta(alpha, alpha) and returns the larger of x and 1-x.
func largerShare(rng *rand.Rand, alpha float64) float64 {
	share := distuv.Beta{Alpha: alpha, Beta: alpha, Src: rng}.Rand()
	if math.IsNaN(share) { // alpha is so small that both of its gamma variates are 0
		return 1
	}
	return max(share, 1-share)
}

// Apply mixes the other image into the image in dst. Both hold height rows of width pixels
// of 3 channels, or of 1. Means are rounded to the nearest integer.
func (x Mix) Apply(dst, other []uint8, height, width int) error {
	if err := augment.CheckSides(height, width); err != nil {
		return fmt.Errorf("mix images: %w", err)
	}
	if size := height * width * 3; len(dst) != len(other) || len(dst) != size && len(dst) != height*width {
		return fmt.Errorf("mix images: images of %dx%d pixels need %d bytes, or %d if they are grey, got %d and %d", height, width, size, height*width, len(dst), len(other))
	}
	inside := x.Row >= 0 && x.Column >= 0 && x.Height >= 0 && x.Width >= 0 && x.Row+x.Height <= height && x.Column+x.Width <= width
	if !(x.Share >= 0 && x.Share <= 1) || !inside {
		return fmt.Errorf("mix images: %+v does not fit images of %dx%d pixels", x, height, width)
	}
	x.apply(dst, other, width, len(dst)/(height*width))
	return nil
}

// apply is Apply for arguments that are known to be right.
func (x Mix) apply(dst, other []uint8, width, channels int) {
	if x.Pastes {
		for row := x.Row; row < x.Row+x.Height; row++ {
			from, to := (row*width+x.Column)*channels, (row*width+x.Column+x.Width)*channels
			copy(dst[from:to], other[from:to])
		}
		return
	}
	const one = 1 << 16
	weight := uint32(math.Round(x.Share * one))
	for i, o := range other[:len(dst)] {
		dst[i] = uint8((weight*uint32(dst[i]) + (one-weight)*uint32(o) + one/2) / one)
	}
}

// mix mixes each image of a batch with the one before it, and the first with the last. It
// is called when all images of the batch are made. last is room for one image.
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

// copyMixed copies the second labels and the shares into the slices that are not nil.
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

// draw returns the mix of a pick in an epoch.
func (l *Loader) draw(epoch uint64, p pick) Mix {
	var source rand.PCG
	keyed.Seed(&source, l.options.Seed, epoch, p.sample(), keyed.Mixing)
	height, width := l.source.Size()
	return l.options.Mixing.Draw(rand.New(&source), height, width)
}
