package augment

import "math/rand/v2"

// step adds a step to the plan.
func (p *Plan) step(op string, value float64) { p.Steps = append(p.Steps, Step{op, value}) }

// chance adds a step that takes no value with a probability: torchvision's
// RandomGrayscale, RandomEqualize and RandomAutocontrast.
type chance struct {
	op          string
	probability float64
}

func newChance(op string, probability float64) func(*ranges) operation {
	return func(r *ranges) operation { return chance{op, r.get("probability", probability, 0, 1)} }
}

func (o chance) kind() string {
	if o.op == StepGray {
		return "grayscale"
	}
	return o.op
}

func (o chance) draw(rng *rand.Rand, _, _ int, p *Plan) {
	if rng.Float64() < o.probability {
		p.step(o.op, 0)
	}
}

// valued adds a step of one value with a probability: torchvision's RandomPosterize,
// RandomSolarize and RandomAdjustSharpness.
type valued struct {
	chance
	value float64
}

func newPosterize(r *ranges) operation {
	bits := r.need("bits", 0, 8)
	return valued{chance{StepPosterize, r.get("probability", 0.5, 0, 1)}, float64(int(bits))}
}

func newSolarize(r *ranges) operation {
	return valued{chance{StepSolarize, r.get("probability", 0.5, 0, 1)}, r.get("threshold", 128, 0, 255)}
}

func newSharpness(r *ranges) operation {
	return valued{chance{StepSharpness, r.get("probability", 0.5, 0, 1)}, r.need("factor", 0, 10)}
}

func (o valued) draw(rng *rand.Rand, _, _ int, p *Plan) {
	if rng.Float64() < o.probability {
		p.step(o.op, o.value)
	}
}

// gaussianBlur blurs with a sigma uniform in a range of pixels: torchvision's
// GaussianBlur, and SimCLR's (Chen et al. 2020) with probability 0.5.
type gaussianBlur struct{ probability, least, most float64 }

func newGaussianBlur(r *ranges) operation {
	o := gaussianBlur{probability: r.get("probability", 1, 0, 1)}
	o.least, o.most = r.intervalOr("min_sigma", "max_sigma", 0.1, 2, 0.01, 64)
	return o
}

func (gaussianBlur) kind() string { return "gaussian_blur" }

func (o gaussianBlur) draw(rng *rand.Rand, _, _ int, p *Plan) {
	if rng.Float64() < o.probability {
		p.step(StepBlur, between(rng, o.least, o.most))
	}
}

// colorJitter multiplies brightness, contrast and saturation by factors that are uniform in
// 1±range, but not below 0, and turns the hue, all in a random order: torchvision's
// ColorJitter.
type colorJitter struct{ brightness, contrast, saturation, hue float64 }

func newColorJitter(r *ranges) operation {
	const most = 9
	r.needOneOf("brightness", "contrast", "saturation", "hue")
	return colorJitter{r.get("brightness", 0, 0, most), r.get("contrast", 0, 0, most), r.get("saturation", 0, 0, most), r.get("hue", 0, 0, 0.5)}
}

func (colorJitter) kind() string { return "color_jitter" }

func (o colorJitter) draw(rng *rand.Rand, _, _ int, p *Plan) {
	factor := func(amount float64) float64 { return between(rng, max(1-amount, 0), 1+amount) }
	for _, k := range permuted(rng) {
		switch {
		case k == 0 && o.brightness > 0:
			p.step(StepBrightness, factor(o.brightness))
		case k == 1 && o.contrast > 0:
			p.step(StepContrast, factor(o.contrast))
		case k == 2 && o.saturation > 0:
			p.step(StepSaturation, factor(o.saturation))
		case k == 3 && o.hue > 0:
			p.step(StepHue, around(rng, o.hue))
		}
	}
}

// permuted returns 0..3 in a random order. It does not allocate.
func permuted(rng *rand.Rand) [4]int {
	order := [4]int{0, 1, 2, 3}
	for i := 3; i > 0; i-- {
		j := rng.IntN(i + 1)
		order[i], order[j] = order[j], order[i]
	}
	return order
}
