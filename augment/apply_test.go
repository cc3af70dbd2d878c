package augment

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"onnxlab/internal/keyed"
)

// noise is an image of random bytes, the same each time.
func noise(seed uint64, height, width int) []uint8 {
	rng := rand.New(rand.NewPCG(seed, 1))
	pixels := make([]uint8, height*width*3)
	for i := range pixels {
		pixels[i] = uint8(rng.Uint32())
	}
	return pixels
}

// BenchmarkRecipe draws and applies, as the loader does for each image.
func BenchmarkRecipe(b *testing.B) {
	for _, name := range []string{"none", "shift", "medium", "strong"} {
		for _, size := range []int{32, 224} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				recipe, err := NewRecipe(name, "keras-2018")
				if err != nil {
					b.Fatal(err)
				}
				var source rand.PCG
				rng := rand.New(&source)
				var space Workspace
				var plan Plan
				src := noise(1, size, size)
				dst := make([]uint8, len(src))
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					keyed.Seed(&source, 1, 1, uint64(i), keyed.Augment)
					recipe.draw(rng, size, size, &plan)
					space.apply(&plan, dst, src, size, size)
				}
			})
		}
	}
}
