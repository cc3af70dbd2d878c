package augment

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Recipe draws plans: a geometry and a list of operations with their ranges.
// It does not change after it is made, and may be shared.
type Recipe struct {
	geometry   Geometry
	operations []operation
}

// operation draws its part of a plan.
type operation interface {
	// kind is its name in kinds.
	kind() string
	draw(rng *rand.Rand, height, width int, p *Plan)
}

// Spec is one operation of a custom recipe: its kind and its ranges.
type Spec struct {
	Kind   string
	Ranges map[string]float64
}

// kind is a kind of operation: its name, and the function that makes one from its ranges.
type kind struct {
	name string
	make func(*ranges) operation
}

// kinds are in the order in which operations draw and apply, which is
// Keras's; the order in a recipe does not matter.
func kinds() []kind {
	return []kind{
		{"rotation", newRotation},
		{"shift", newShift},
		{"shear", newShear},
		{"zoom", newZoom},
		{"flip", newFlip},
		{"vertical_flip", newVerticalFlip},
		{"channel_shift", newChannelShift},
		{"brightness", newBrightness},
		{"contrast", newContrast},
		{"erase", newErase},
		{"erase_published", newPublishedErase},
		{"cutout", newCutout},
		{"random_resized_crop", newResizedCrop},
		{"color_jitter", newColorJitter},
		{"grayscale", newChance(StepGray, 0.1)},
		{"gaussian_blur", newGaussianBlur},
		{"posterize", newPosterize},
		{"solarize", newSolarize},
		{"equalize", newChance(StepEqualize, 0.5)},
		{"autocontrast", newChance(StepAutocontrast, 0.5)},
		{"sharpness", newSharpness},
		{"auto_augment", newAutoAugment(imagenetPolicies)},
		{"auto_augment_cifar10", newAutoAugment(cifarPolicies)},
		{"rand_augment", newRandAugment},
		{"trivial_augment", newTrivialAugment},
	}
}

// preset returns the operations of a named recipe, in the order of kinds.
func preset(name string) ([]operation, error) {
	// 4 of the 32 pixels of the study's images.
	const few = 4.0 / 32
	switch name {
	case "none":
		return nil, nil
	case "shift":
		return []operation{shift{few, few}}, nil
	case "medium":
		return []operation{shift{few, few}, flip{0.5}}, nil
	case "strong":
		return []operation{
			rotation{10},
			shift{few, few},
			zoom{0.75, 1.25},
			flip{0.5},
			channelShift{50},
			defaultErase(),
		}, nil
	case "photo":
		return []operation{defaultCrop(), flip{0.5}}, nil
	}
	return nil, fmt.Errorf("augment.recipe: %q is not one of none, shift, medium, strong, photo", name)
}

// NewRecipe returns one of these recipes of the study: "none"; "shift", by up to 4 of 32
// pixels each way; "medium", shift and flip; or "strong": rotation by up to 10 degrees,
// shift, zoom by 0.75 to 1.25, channel shift by up to 50, flip and erasing. A fifth one,
// "photo", is the recipe of ImageNet training (Szegedy et al. 2015): it cuts out 8 % to
// 100 % of the area with proportions between 3:4 and 4:3, resizes that part to the size of
// the image, and flips. NewRecipe leaves out the kinds of operation listed in without:
// "flip", for example, for digits, whose mirror images are not digits.
func NewRecipe(name, geometry string, without ...string) (*Recipe, error) {
	g := Geometry(geometry)
	if err := g.validate(); err != nil {
		return nil, fmt.Errorf("augment.%w", err)
	}
	operations, err := preset(name)
	if err != nil {
		return nil, err
	}
	for _, left := range without {
		i := slices.IndexFunc(kinds(), func(k kind) bool { return k.name == left })
		if i < 0 {
			return nil, fmt.Errorf("augment.without: %q is not a kind of operation", left)
		}
		operations = slices.DeleteFunc(operations, func(o operation) bool { return o.kind() == left })
	}
	return &Recipe{g, operations}, nil
}

// Custom makes a recipe of the given operations, each kind at most once. They
// draw and apply in Keras's order, not in that of the list. Kinds and their
// ranges are in the package's documentation. An error names the operation by
// its place in the list, the value, and what is accepted.
func Custom(geometry string, specs []Spec) (*Recipe, error) {
	g := Geometry(geometry)
	if err := g.validate(); err != nil {
		return nil, fmt.Errorf("augment.%w", err)
	}
	type placed struct {
		place int
		operation
	}
	var made []placed
	for i, spec := range specs {
		place, o, err := makeOperation(spec)
		if err != nil {
			return nil, fmt.Errorf("augment.operations[%d]%w", i, err)
		}
		if slices.ContainsFunc(made, func(m placed) bool { return m.place == place }) {
			return nil, fmt.Errorf("augment.operations[%d]: a second %q: each kind is applied once", i, spec.Kind)
		}
		made = append(made, placed{place, o})
	}
	slices.SortFunc(made, func(a, b placed) int { return cmp.Compare(a.place, b.place) })
	operations := make([]operation, len(made))
	for i, m := range made {
		operations[i] = m.operation
	}
	return &Recipe{g, operations}, nil
}

// makeOperation makes the operation that spec describes, and returns its place in the order
// of kinds. The text of an error continues the place of the operation in the list.
func makeOperation(spec Spec) (place int, o operation, err error) {
	all := kinds()
	place = slices.IndexFunc(all, func(k kind) bool { return k.name == spec.Kind })
	if place < 0 {
		names := make([]string, len(all))
		for i, k := range all {
			names[i] = k.name
		}
		return 0, nil, fmt.Errorf(".kind: %q is not one of %s", spec.Kind, strings.Join(names, ", "))
	}
	r := ranges{given: spec.Ranges}
	o = all[place].make(&r)
	if spec.Kind == "erase_published" {
		place-- // with other defaults, but the same operation
	}
	return place, o, r.finish()
}

// Geometry returns the geometry of the plans that the recipe draws.
func (r *Recipe) Geometry() Geometry { return r.geometry }

// Draw draws the plan of one image of height·width pixels.
func (r *Recipe) Draw(rng *rand.Rand, height, width int) Plan {
	var p Plan
	r.draw(rng, height, width, &p)
	p.Crop = r.crop(rng, height, width)
	return p
}

// Crops tells whether images are random parts of their originals.
func (r *Recipe) Crops() bool {
	return slices.ContainsFunc(r.operations, func(o operation) bool { _, crops := o.(resizedCrop); return crops })
}

// crop draws which part of an original of height·width pixels an image is.
func (r *Recipe) crop(rng *rand.Rand, height, width int) Crop {
	for _, o := range r.operations {
		if c, crops := o.(resizedCrop); crops {
			return c.pick(rng, height, width)
		}
	}
	return Crop{}
}

// draw is Draw into an existing plan, without allocation and without the crop.
func (r *Recipe) draw(rng *rand.Rand, height, width int, p *Plan) {
	steps := p.Steps[:0]
	*p = Identity()
	p.Geometry, p.Steps = r.geometry, steps
	for _, o := range r.operations {
		o.draw(rng, height, width, p)
	}
}

// around draws a number that is uniform in ±limit.
func around(rng *rand.Rand, limit float64) float64 {
	return between(rng, -limit, limit)
}

// between draws a number that is uniform in lo..hi.
func between(rng *rand.Rand, lo, hi float64) float64 {
	return lo + (hi-lo)*rng.Float64()
}
