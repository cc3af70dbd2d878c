package augment

import (
	"math"
	"math/rand/v2"
)

// cutout sets a square about a random pixel to one value (DeVries and Taylor
// 2017, "Improved Regularization of Convolutional Neural Networks with
// Cutout"). The square may reach over the edge of the image.
type cutout struct{ probability, size, value float64 }

// newCutout has the paper's defaults for CIFAR-10: a square of half the side.
func newCutout(r *ranges) operation {
	return cutout{
		probability: r.get("probability", 1, 0, 1),
		size:        r.get("size", 0.5, 0, 1),
		value:       r.get("value", 0, 0, 1),
	}
}

func (cutout) kind() string { return "cutout" }

func (o cutout) draw(rng *rand.Rand, height, width int, p *Plan) {
	if rng.Float64() >= o.probability {
		return
	}
	side := int(math.Round(o.size * float64(min(height, width))))
	row, column := rng.IntN(height)-side/2, rng.IntN(width)-side/2
	if side > 0 {
		p.Cutout = Patch{row, column, side, side, o.value}
	}
}
