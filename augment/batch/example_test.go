package batch_test

import (
	"context"
	"fmt"
	"log"

	"onnxlab/augment"
	"onnxlab/augment/batch"
)

// gradients is a Source: images of 4x4 pixels that grow lighter to the right.
type gradients int

func (g gradients) Len() int                { return int(g) }
func (gradients) Size() (height, width int) { return 4, 4 }
func (gradients) Label(i int) int32         { return int32(i % 10) }
func (gradients) Image(i int) (pixels []uint8) {
	for p := range 4 * 4 {
		value := uint8(i + 60*(p%4))
		pixels = append(pixels, value, value, value)
	}
	return pixels
}

// Batches are made ahead of the training loop, and any image of them can be
// made again from its plan.
func Example() {
	recipe, err := augment.NewRecipe("strong", string(augment.Keras2018))
	if err != nil {
		log.Fatal(err)
	}
	source := gradients(100)
	loader, err := batch.NewLoader(source, batch.LoaderOptions{Seed: 1, BatchSize: 32, Recipe: recipe})
	if err != nil {
		log.Fatal(err)
	}
	defer loader.Close()
	images, labels := make([]uint8, 32*4*4*3), make([]int64, 32)
	if _, err := loader.Next(context.Background(), images, labels); err != nil {
		log.Fatal(err)
	}
	fmt.Println(loader.StepsPerEpoch(), "steps in an epoch, labels", labels[:4])

	first := int(batch.Order(source.Len(), 1, 0)[0])
	plan := recipe.PlanFor(1, 0, first, 4, 4)
	again := make([]uint8, 4*4*3)
	if err := plan.Apply(again, source.Image(first), 4, 4); err != nil {
		log.Fatal(err)
	}
	fmt.Println("image", first, "made again:", string(again) == string(images[:4*4*3]))
	// Output:
	// 3 steps in an epoch, labels [2 0 1 4]
	// image 52 made again: true
}
