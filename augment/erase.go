package augment

import (
	"math"
	"math/rand/v2"
)

// erase sets a random box to one random value: random erasing (Zhong et al.
// 2017, "Random Erasing Data Augmentation", algorithm 1), with one value for
// the whole box as the study had it.
type erase struct {
	probability          float64
	minArea, maxArea     float64 // of the box, as a share of the image
	minAspect, maxAspect float64 // height over width
}

// defaultErase returns the operation with the study's probability and ranges.
func defaultErase() erase { return erase{0.5, 0.05, 0.2, 0.2, 0.8} }

// newErase makes the operation with the study's values where r has none.
func newErase(r *ranges) operation { return eraseFrom(r, defaultErase()) }

// newPublishedErase has the defaults of the paper, section 4.2: p = 0.5,
// s_l = 0.02, s_h = 0.4, r_1 = 0.3 and r_2 = 1/0.3.
func newPublishedErase(r *ranges) operation {
	return eraseFrom(r, erase{0.5, 0.02, 0.4, 0.3, 1 / 0.3})
}

func eraseFrom(r *ranges, d erase) operation {
	d.probability = r.get("probability", d.probability, 0, 1)
	d.minArea, d.maxArea = r.intervalOr("min_area", "max_area", d.minArea, d.maxArea, 0, 1)
	d.minAspect, d.maxAspect = r.intervalOr("min_aspect", "max_aspect", d.minAspect, d.maxAspect, 0.01, 100)
	return d
}

// eraseTries limits how often a box is drawn. On the study's images more than
// a third of the boxes fit, so that the limit is never reached. On images of a
// few pixels or a few rows it is.
const eraseTries = 100

func (erase) kind() string { return "erase" }

func (o erase) draw(rng *rand.Rand, height, width int, p *Plan) {
	if rng.Float64() >= o.probability {
		return
	}
	h, w := float64(height), float64(width)
	for range eraseTries {
		boxHeight, boxWidth := o.box(rng, h*w)
		column, row := rng.Float64()*w, rng.Float64()*h
		if column+boxWidth <= w && row+boxHeight <= h {
			p.Erase = patch(row, column, boxHeight, boxWidth, rng.Float64())
			return
		}
	}
	boxHeight, boxWidth := o.box(rng, h*w)
	boxHeight, boxWidth = min(boxHeight, h), min(boxWidth, w)
	row, column := rng.Float64()*(h-boxHeight), rng.Float64()*(w-boxWidth)
	p.Erase = patch(row, column, boxHeight, boxWidth, rng.Float64())
}

// box draws a height and a width in pixels.
func (o erase) box(rng *rand.Rand, pixels float64) (height, width float64) {
	area := pixels * between(rng, o.minArea, o.maxArea)
	aspect := between(rng, o.minAspect, o.maxAspect)
	return math.Sqrt(area * aspect), math.Sqrt(area / aspect)
}

// patch cuts a box to whole pixels: rows int(row)..int(row+height). It returns
// the empty box if the box spans no whole pixel.
func patch(row, column, height, width, value float64) Patch {
	b := Patch{Row: int(row), Column: int(column), Value: value}
	b.Height, b.Width = int(row+height)-b.Row, int(column+width)-b.Column
	if b.Empty() {
		return Patch{}
	}
	return b
}
