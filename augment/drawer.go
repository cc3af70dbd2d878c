package augment

import (
	"math/rand/v2"

	"onnxlab/internal/keyed"
)

// PlanFor returns the plan that the image with this index in the source has in an epoch. A
// batch.Loader with this seed and recipe applies the same plan.
func (r *Recipe) PlanFor(seed, epoch uint64, image, height, width int) Plan {
	return *NewDrawer(r, seed).Draw(epoch, uint64(image), height, width)
}

// Drawer draws the plans that a recipe and a seed give, into memory that it reuses. One
// goroutine at a time may use it.
type Drawer struct {
	recipe *Recipe
	seed   uint64
	source rand.PCG
	rng    *rand.Rand
	plan   Plan
}

// NewDrawer returns a Drawer of a recipe's plans.
func NewDrawer(r *Recipe, seed uint64) *Drawer {
	d := &Drawer{recipe: r, seed: seed}
	d.rng = rand.New(&d.source)
	return d
}

// Draw draws the plan of a sample of height·width pixels in an epoch. A sample is an
// image's index, or any other number that tells one image of an epoch from the others.
// The plan is valid until the next call. Draw does not allocate.
func (d *Drawer) Draw(epoch, sample uint64, height, width int) *Plan {
	keyed.Seed(&d.source, d.seed, epoch, sample, keyed.Augment)
	d.recipe.draw(d.rng, height, width, &d.plan)
	d.plan.Crop = d.Crop(epoch, sample, height, width)
	return &d.plan
}

// Crop draws which part of an original of height·width pixels a sample shows in an epoch.
// It is empty if the recipe does not crop. Draw calls Crop with the size of the image. If
// the image is read from a larger original, call Crop again with the size of the original.
func (d *Drawer) Crop(epoch, sample uint64, height, width int) Crop {
	if !d.recipe.Crops() {
		return Crop{}
	}
	keyed.Seed(&d.source, d.seed, epoch, sample, keyed.Crop)
	return d.recipe.crop(d.rng, height, width)
}
