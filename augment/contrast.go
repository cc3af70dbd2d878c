package augment

import "math/rand/v2"

// maxContrast is the greatest contrast that a plan may hold.
const maxContrast = 10

// contrast draws c in ±amount, and multiplies each channel's distance from
// its mean by 1+c: keras.layers.RandomContrast, whose factor is amount.
type contrast struct{ amount float64 }

func newContrast(r *ranges) operation {
	return contrast{r.need("amount", 0, 1)}
}

func (contrast) kind() string { return "contrast" }

func (o contrast) draw(rng *rand.Rand, _, _ int, p *Plan) {
	p.Contrast = around(rng, o.amount)
}

// stretch is tf.image.adjust_contrast with the factor 1+c, clipped to 0..255.
func stretch(pixels []uint8, c float64) {
	if c == 0 {
		return
	}
	var sums [3]int
	for i := 0; i < len(pixels); i += 3 {
		b := pixels[i : i+3 : i+3]
		sums[0] += int(b[0])
		sums[1] += int(b[1])
		sums[2] += int(b[2])
	}
	var tables [3][256]uint8
	for channel := range tables {
		mean := float64(sums[channel]) / float64(len(pixels)/3)
		for v := range tables[channel] {
			tables[channel][v] = round(mean + (float64(v)-mean)*(1+c))
		}
	}
	for i := 0; i < len(pixels); i += 3 {
		b := pixels[i : i+3 : i+3]
		b[0], b[1], b[2] = tables[0][b[0]], tables[1][b[1]], tables[2][b[2]]
	}
}
