package augment_test

import (
	"fmt"
	"log"

	"onnxlab/augment"
)

// A recipe of your own, and what it accepts.
func ExampleCustom() {
	_, err := augment.Custom("keras-2018", []augment.Spec{
		{Kind: "flip"},
		{Kind: "rotation", Ranges: map[string]float64{"degrees": 370}},
	})
	fmt.Println(err)
	// Output: augment.operations[1].degrees: 370 is outside 0..180
}

// A plan can be read from JSON. Fields that are left out change nothing.
func ExamplePlan() {
	var plan augment.Plan
	if err := plan.UnmarshalJSON([]byte(`{"flip": true}`)); err != nil {
		log.Fatal(err)
	}
	flipped := make([]uint8, 6)
	if err := plan.Apply(flipped, []uint8{1, 2, 3, 4, 5, 6}, 1, 2); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d\n", flipped)
	// Output: [4 5 6 1 2 3]
}
