package augment

// chosen is a step of a policy.
type chosen struct {
	op          string
	probability float64
	magnitude   int
}

// policy is two steps, one after the other.
type policy [2]chosen

// imagenetPolicies are those of AutoAugment for ImageNet (Cubuk et al. 2019, tables 9 and 7): two steps each,
// with their probabilities and magnitudes 0..9.
var imagenetPolicies = []policy{
	{{StepPosterize, 0.4, 8}, {StepRotate, 0.6, 9}},
	{{StepSolarize, 0.6, 5}, {StepAutocontrast, 0.6, 0}},
	{{StepEqualize, 0.8, 0}, {StepEqualize, 0.6, 0}},
	{{StepPosterize, 0.6, 7}, {StepPosterize, 0.6, 6}},
	{{StepEqualize, 0.4, 0}, {StepSolarize, 0.2, 4}},
	{{StepEqualize, 0.4, 0}, {StepRotate, 0.8, 8}},
	{{StepSolarize, 0.6, 3}, {StepEqualize, 0.6, 0}},
	{{StepPosterize, 0.8, 5}, {StepEqualize, 1, 0}},
	{{StepRotate, 0.2, 3}, {StepSolarize, 0.6, 8}},
	{{StepEqualize, 0.6, 0}, {StepPosterize, 0.4, 6}},
	{{StepRotate, 0.8, 8}, {StepSaturation, 0.4, 0}},
	{{StepRotate, 0.4, 9}, {StepEqualize, 0.6, 0}},
	{{StepEqualize, 0, 0}, {StepEqualize, 0.8, 0}},
	{{StepInvert, 0.6, 0}, {StepEqualize, 1, 0}},
	{{StepSaturation, 0.6, 4}, {StepContrast, 1, 8}},
	{{StepRotate, 0.8, 8}, {StepSaturation, 1, 2}},
	{{StepSaturation, 0.8, 8}, {StepSolarize, 0.8, 7}},
	{{StepSharpness, 0.4, 7}, {StepInvert, 0.6, 0}},
	{{StepShearX, 0.6, 5}, {StepEqualize, 1, 0}},
	{{StepSaturation, 0.4, 0}, {StepEqualize, 0.6, 0}},
	{{StepEqualize, 0.4, 0}, {StepSolarize, 0.2, 4}},
	{{StepSolarize, 0.6, 5}, {StepAutocontrast, 0.6, 0}},
	{{StepInvert, 0.6, 0}, {StepEqualize, 1, 0}},
	{{StepSaturation, 0.6, 4}, {StepContrast, 1, 8}},
	{{StepEqualize, 0.8, 0}, {StepEqualize, 0.6, 0}},
}

// cifarPolicies are those of AutoAugment for CIFAR-10 (Cubuk et al. 2019, tables 9 and 7): two steps each,
// with their probabilities and magnitudes 0..9.
var cifarPolicies = []policy{
	{{StepInvert, 0.1, 0}, {StepContrast, 0.2, 6}},
	{{StepRotate, 0.7, 2}, {StepTranslateX, 0.3, 9}},
	{{StepSharpness, 0.8, 1}, {StepSharpness, 0.9, 3}},
	{{StepShearY, 0.5, 8}, {StepTranslateY, 0.7, 9}},
	{{StepAutocontrast, 0.5, 0}, {StepEqualize, 0.9, 0}},
	{{StepShearY, 0.2, 7}, {StepPosterize, 0.3, 7}},
	{{StepSaturation, 0.4, 3}, {StepBrightness, 0.6, 7}},
	{{StepSharpness, 0.3, 9}, {StepBrightness, 0.7, 9}},
	{{StepEqualize, 0.6, 0}, {StepEqualize, 0.5, 0}},
	{{StepContrast, 0.6, 7}, {StepSharpness, 0.6, 5}},
	{{StepSaturation, 0.7, 7}, {StepTranslateX, 0.5, 8}},
	{{StepEqualize, 0.3, 0}, {StepAutocontrast, 0.4, 0}},
	{{StepTranslateY, 0.4, 3}, {StepSharpness, 0.2, 6}},
	{{StepBrightness, 0.9, 6}, {StepSaturation, 0.2, 8}},
	{{StepSolarize, 0.5, 2}, {StepInvert, 0, 0}},
	{{StepEqualize, 0.2, 0}, {StepAutocontrast, 0.6, 0}},
	{{StepEqualize, 0.2, 0}, {StepEqualize, 0.6, 0}},
	{{StepSaturation, 0.9, 9}, {StepEqualize, 0.6, 0}},
	{{StepAutocontrast, 0.8, 0}, {StepSolarize, 0.2, 8}},
	{{StepBrightness, 0.1, 3}, {StepSaturation, 0.7, 0}},
	{{StepSolarize, 0.4, 5}, {StepAutocontrast, 0.9, 0}},
	{{StepTranslateY, 0.9, 9}, {StepTranslateY, 0.7, 9}},
	{{StepAutocontrast, 0.9, 0}, {StepSolarize, 0.8, 3}},
	{{StepEqualize, 0.8, 0}, {StepInvert, 0.1, 0}},
	{{StepTranslateY, 0.7, 9}, {StepAutocontrast, 0.9, 0}},
}
