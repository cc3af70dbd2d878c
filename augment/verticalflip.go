package augment

import "math/rand/v2"

// verticalFlip mirrors top and bottom with a probability: Keras's
// vertical_flip, whose probability is 0.5.
type verticalFlip struct{ probability float64 }

func newVerticalFlip(r *ranges) operation {
	return verticalFlip{r.get("probability", 0.5, 0, 1)}
}

func (verticalFlip) kind() string { return "vertical_flip" }

func (o verticalFlip) draw(rng *rand.Rand, _, _ int, p *Plan) {
	p.VerticalFlip = rng.Float64() < o.probability
}
