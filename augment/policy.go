package augment

import (
	"math"
	"math/rand/v2"
)

// space describes one operation of torchvision's augmentation spaces: the value of its step
// at each magnitude. If signed is true, half of the values drawn are negative.
type space struct {
	op     string
	signed bool
	value  func(share float64, height, width int) float64 // share is magnitude/(bins-1)
}

func linear(lo, hi float64) func(float64, int, int) float64 {
	return func(share float64, _, _ int) float64 { return lo + (hi-lo)*share }
}

// bits returns how many bits posterize keeps: 8 at magnitude 0, and 8-span at the greatest.
func bits(span float64) func(float64, int, int) float64 {
	return func(share float64, _, _ int) float64 { return 8 - math.RoundToEven(share*span) }
}

func none(float64, int, int) float64 { return 0 }

// identity is the operation that changes nothing: it adds no step.
const identity = ""

// randSpace is the space of RandAugment and, including invert, of AutoAugment. Translations
// are a share of the image, at most 150/331, from the 150 pixels of 331 in the paper.
var randSpace = []space{
	{identity, false, none},
	{StepShearX, true, linear(0, 0.3)},
	{StepShearY, true, linear(0, 0.3)},
	{StepTranslateX, true, func(share float64, _, width int) float64 { return share * 150 / 331 * float64(width) }},
	{StepTranslateY, true, func(share float64, height, _ int) float64 { return share * 150 / 331 * float64(height) }},
	{StepRotate, true, linear(0, 30)},
	{StepBrightness, true, linear(0, 0.9)},
	{StepSaturation, true, linear(0, 0.9)},
	{StepContrast, true, linear(0, 0.9)},
	{StepSharpness, true, linear(0, 0.9)},
	{StepPosterize, false, bits(4)},
	{StepSolarize, false, linear(255, 0)},
	{StepAutocontrast, false, none},
	{StepEqualize, false, none},
	{StepInvert, false, none},
}

// wideSpace is the space of torchvision's TrivialAugmentWide.
var wideSpace = []space{
	{identity, false, none},
	{StepShearX, true, linear(0, 0.99)},
	{StepShearY, true, linear(0, 0.99)},
	{StepTranslateX, true, linear(0, 32)},
	{StepTranslateY, true, linear(0, 32)},
	{StepRotate, true, linear(0, 135)},
	{StepBrightness, true, linear(0, 0.99)},
	{StepSaturation, true, linear(0, 0.99)},
	{StepContrast, true, linear(0, 0.99)},
	{StepSharpness, true, linear(0, 0.99)},
	{StepPosterize, false, bits(6)},
	{StepSolarize, false, linear(255, 0)},
	{StepAutocontrast, false, none},
	{StepEqualize, false, none},
}

// add adds the operation's step to the plan, at a share of the greatest magnitude and with a
// random sign if it is signed.
func (s space) add(rng *rand.Rand, p *Plan, share float64, height, width int) {
	value := s.value(share, height, width)
	if s.signed && rng.Float64() < 0.5 {
		value = -value
	}
	switch s.op {
	case identity:
		return
	case StepBrightness, StepSaturation, StepContrast, StepSharpness:
		value++ // a factor
	case StepTranslateX, StepTranslateY:
		value = math.Trunc(value)
	}
	p.step(s.op, value)
}

// autoAugment applies one of its policies at random (Cubuk et al. 2019, "AutoAugment:
// Learning Augmentation Strategies from Data").
type autoAugment struct{ policies []policy }

func newAutoAugment(policies []policy) func(*ranges) operation {
	return func(*ranges) operation { return autoAugment{policies} }
}

func (autoAugment) kind() string { return "auto_augment" }

func (o autoAugment) draw(rng *rand.Rand, height, width int, p *Plan) {
	const bins = 10
	for _, c := range o.policies[rng.IntN(len(o.policies))] {
		if rng.Float64() >= c.probability {
			continue
		}
		for _, s := range randSpace {
			if s.op == c.op {
				s.add(rng, p, float64(c.magnitude)/(bins-1), height, width)
			}
		}
	}
}

// randAugment applies a number of steps at random, all of one magnitude (Cubuk et al.
// 2020, "RandAugment: Practical automated data augmentation with a reduced search space").
type randAugment struct {
	count int
	share float64 // of the greatest magnitude
}

func newRandAugment(r *ranges) operation {
	const mostCount, mostMagnitude = 16, 30
	return randAugment{int(r.get("operations", 2, 0, mostCount)), r.get("magnitude", 9, 0, mostMagnitude) / mostMagnitude}
}

func (randAugment) kind() string { return "rand_augment" }

func (o randAugment) draw(rng *rand.Rand, height, width int, p *Plan) {
	steps := randSpace[:len(randSpace)-1] // without invert
	for range o.count {
		steps[rng.IntN(len(steps))].add(rng, p, o.share, height, width)
	}
}

// trivialAugment applies one step of a random magnitude (Müller and Hutter 2021,
// "TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation").
type trivialAugment struct{}

func newTrivialAugment(*ranges) operation { return trivialAugment{} }

func (trivialAugment) kind() string { return "trivial_augment" }

func (trivialAugment) draw(rng *rand.Rand, height, width int, p *Plan) {
	const bins = 31
	s := wideSpace[rng.IntN(len(wideSpace))]
	s.add(rng, p, float64(rng.IntN(bins))/(bins-1), height, width)
}
