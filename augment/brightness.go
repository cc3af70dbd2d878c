package augment

import "math/rand/v2"

// brightness draws a value in ±amount, on the scale 0..255, that is added to
// all channels and clipped to 0..255: keras.layers.RandomBrightness, whose
// factor is amount/255.
type brightness struct{ amount float64 }

func newBrightness(r *ranges) operation {
	return brightness{r.need("amount", 0, 255)}
}

func (brightness) kind() string { return "brightness" }

func (o brightness) draw(rng *rand.Rand, _, _ int, p *Plan) {
	p.Brightness = around(rng, o.amount)
}

func brighten(pixels []uint8, amount float64) {
	if amount == 0 {
		return
	}
	var table [256]uint8
	for v := range table {
		table[v] = round(float64(v) + amount)
	}
	for i, v := range pixels {
		pixels[i] = table[v]
	}
}
