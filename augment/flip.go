package augment

import "math/rand/v2"

// flip mirrors left and right with a probability: Keras's horizontal_flip,
// whose probability is 0.5.
type flip struct{ probability float64 }

func newFlip(r *ranges) operation {
	return flip{r.get("probability", 0.5, 0, 1)}
}

func (flip) kind() string { return "flip" }

func (o flip) draw(rng *rand.Rand, _, _ int, p *Plan) {
	p.Flip = rng.Float64() < o.probability
}

// copyFlipped copies an image and mirrors it horizontally, vertically or both: Keras's flip_axis.
func copyFlipped(dst, src []uint8, width int, horizontal, vertical bool) {
	stride := width * 3
	for from := 0; from < len(src); from += stride {
		to := from
		if vertical {
			to = len(src) - stride - from
		}
		if horizontal {
			mirror(dst[to:to+stride], src[from:from+stride])
		} else {
			copy(dst[to:to+stride], src[from:from+stride])
		}
	}
}

// mirror copies a row of pixels in reverse order.
func mirror(dst, src []uint8) {
	for i, j := 0, len(src)-3; j >= 0; i, j = i+3, j-3 {
		d, s := dst[i:i+3:i+3], src[j:j+3:j+3]
		d[0], d[1], d[2] = s[0], s[1], s[2]
	}
}
