package augment

import (
	"slices"
	"strings"
	"testing"
)

// TestRecipeWithout leaves operations out, and draws the others.
func TestRecipeWithout(t *testing.T) {
	recipe, err := NewRecipe("strong", "keras-2018", "flip", "erase", "shear")
	if err != nil {
		t.Fatal(err)
	}
	rotated, shifted, zoomed, channels := 0, 0, 0, 0
	for i := range 100 {
		p := recipe.PlanFor(1, 0, i, 28, 28)
		if p.Flip || !p.Erase.Empty() {
			t.Fatalf("plan %v", p)
		}
		for _, c := range []struct {
			changed bool
			count   *int
		}{{p.Rotation != 0, &rotated}, {p.ShiftRows != 0, &shifted}, {p.ZoomRows != 1, &zoomed}, {p.ChannelShift != 0, &channels}} {
			if c.changed {
				*c.count++
			}
		}
	}
	if counts := []int{rotated, shifted, zoomed, channels}; slices.Min(counts) < 99 {
		t.Errorf("of 100 plans %v rotate, shift, zoom and shift channels", counts)
	}
	_, err = NewRecipe("strong", "keras-2018", "flop")
	if err == nil || !strings.Contains(err.Error(), `augment.without: "flop" is not a kind of operation`) {
		t.Errorf("error is %v", err)
	}
}

// BenchmarkStrongGrey is one image of MNIST's size with the recipe strong.
func BenchmarkStrongGrey(b *testing.B) {
	src := noise(1, 28, 28)[:28*28]
	recipe, err := NewRecipe("strong", "keras-2018")
	if err != nil {
		b.Fatal(err)
	}
	var space Workspace
	dst := make([]uint8, len(src))
	for i := 0; b.Loop(); i++ {
		plan := recipe.PlanFor(1, 0, i, 28, 28)
		if err := space.Apply(&plan, dst, src, 28, 28); err != nil {
			b.Fatal(err)
		}
	}
}
