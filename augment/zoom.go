package augment

import "math/rand/v2"

// zoom draws zx and zy separately in min..max: Keras's zoom_range.
type zoom struct{ lo, hi float64 }

func newZoom(r *ranges) operation {
	lo, hi := r.interval("min", "max", 0.1, 10)
	return zoom{lo, hi}
}

func (zoom) kind() string { return "zoom" }

func (o zoom) draw(rng *rand.Rand, _, _ int, p *Plan) {
	p.ZoomRows = between(rng, o.lo, o.hi)
	p.ZoomColumns = between(rng, o.lo, o.hi)
}
