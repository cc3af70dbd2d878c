package augment

import "math/rand/v2"

// rotation draws theta in ±degrees: Keras's rotation_range.
type rotation struct{ degrees float64 }

func newRotation(r *ranges) operation {
	return rotation{r.need("degrees", 0, 180)}
}

func (rotation) kind() string { return "rotation" }

func (o rotation) draw(rng *rand.Rand, _, _ int, p *Plan) {
	p.Rotation = around(rng, o.degrees)
}
