package augment

import "math/rand/v2"

// maxShear keeps the matrix of a shear away from being singular.
const maxShear = 80

// shear draws an angle in ±degrees: Keras's shear_range.
type shear struct{ degrees float64 }

func newShear(r *ranges) operation {
	return shear{r.need("degrees", 0, maxShear)}
}

func (shear) kind() string { return "shear" }

func (o shear) draw(rng *rand.Rand, _, _ int, p *Plan) {
	p.Shear = around(rng, o.degrees)
}
