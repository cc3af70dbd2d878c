package augment

import "math/rand/v2"

// shift draws tx and ty, as fractions of the height and the width: Keras's
// height_shift_range and width_shift_range below 1.
type shift struct{ rows, columns float64 }

func newShift(r *ranges) operation {
	r.needOneOf("rows", "columns")
	return shift{r.get("rows", 0, 0, 1), r.get("columns", 0, 0, 1)}
}

func (shift) kind() string { return "shift" }

func (o shift) draw(rng *rand.Rand, height, width int, p *Plan) {
	p.ShiftRows = around(rng, o.rows) * float64(height)
	p.ShiftColumns = around(rng, o.columns) * float64(width)
}
