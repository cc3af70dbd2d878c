package augment

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestRecipesRefuseNames(t *testing.T) {
	if _, err := NewRecipe("srtong", "keras-3"); err == nil || err.Error() != `augment.recipe: "srtong" is not one of none, shift, medium, strong, photo` {
		t.Errorf("error %v", err)
	}
	want := `augment.geometry: "keras" is not one of keras-2018, keras-3`
	if _, err := NewRecipe("strong", "keras"); err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
	if _, err := Custom("keras", nil); err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}

func TestCustomNamesWhatIsWrong(t *testing.T) {
	for want, spec := range map[string]Spec{
		`augment.operations[1].degrees: 370 is outside 0..180`:                             {"rotation", map[string]float64{"degrees": 370}},
		`augment.operations[1].degrees: -1 is outside 0..80`:                               {"shear", map[string]float64{"degrees": -1}},
		`augment.operations[1].degrees: missing; give a number in 0..180`:                  {"rotation", nil},
		`augment.operations[1].angle: unknown range; the known ones are degrees`:           {"rotation", map[string]float64{"degrees": 3, "angle": 4}},
		`augment.operations[1].rows: 2 is outside 0..1`:                                    {"shift", map[string]float64{"rows": 2}},
		`augment.operations[1]: needs rows or columns`:                                     {"shift", nil},
		`augment.operations[1].min: 1.5 is above max, which is 1.2`:                        {"zoom", map[string]float64{"min": 1.5, "max": 1.2}},
		`augment.operations[1].max: missing; give a number in 0.1..10`:                     {"zoom", map[string]float64{"min": 1.5}},
		`augment.operations[1].min: 0 is outside 0.1..10`:                                  {"zoom", map[string]float64{"min": 0, "max": 2}},
		`augment.operations[1].amount: 256 is outside 0..255`:                              {"channel_shift", map[string]float64{"amount": 256}},
		`augment.operations[1].probability: 1.1 is outside 0..1`:                           {"vertical_flip", map[string]float64{"probability": 1.1}},
		`augment.operations[1].min_area: 0.3 is above max_area, which is 0.2`:              {"erase", map[string]float64{"min_area": 0.3}},
		`augment.operations[1].max_aspect: 1000 is outside 0.01..100`:                      {"erase_published", map[string]float64{"max_aspect": 1000}},
		`augment.operations[1].value: 7 is outside 0..1`:                                   {"cutout", map[string]float64{"value": 7}},
		`augment.operations[1]: a second "flip": each kind is applied once`:                {"flip", nil},
		`augment.operations[1].kind: "blur" is not one of rotation, shift, shear, zoom, f`: {"blur", nil},
	} {
		_, err := Custom("keras-3", []Spec{{Kind: "flip"}, spec})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	_, err := Custom("keras-3", []Spec{{Kind: "erase"}, {Kind: "erase_published"}})
	if err == nil || !strings.Contains(err.Error(), `a second "erase_published"`) {
		t.Errorf("two kinds of erasing: error %v", err)
	}
}

// The study's strong recipe, written as a custom recipe in another order.
func TestCustomEqualsPreset(t *testing.T) {
	custom, err := Custom("keras-2018", []Spec{
		{"erase", nil},
		{"channel_shift", map[string]float64{"amount": 50}},
		{"zoom", map[string]float64{"min": 0.75, "max": 1.25}},
		{"flip", map[string]float64{"probability": 0.5}},
		{"rotation", map[string]float64{"degrees": 10}},
		{"shift", map[string]float64{"rows": 0.125, "columns": 0.125}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(plans(t, custom, 1000, 32, 40), plans(t, strong(t), 1000, 32, 40)) {
		t.Error("other plans than strong")
	}
}

// Every kind with its ranges at zero leaves images as they are.
func TestOperationsAtZeroAreIdentities(t *testing.T) {
	src := noise(1, 13, 21)
	for kind, ranges := range map[string]map[string]float64{
		"rotation":        {"degrees": 0},
		"shift":           {"rows": 0, "columns": 0},
		"shear":           {"degrees": 0},
		"zoom":            {"min": 1, "max": 1},
		"flip":            {"probability": 0},
		"vertical_flip":   {"probability": 0},
		"channel_shift":   {"amount": 0},
		"brightness":      {"amount": 0},
		"contrast":        {"amount": 0},
		"erase":           {"probability": 0},
		"erase_published": {"probability": 0},
		"cutout":          {"size": 0},
	} {
		recipe, err := Custom("keras-2018", []Spec{{kind, ranges}})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range plans(t, recipe, 50, 13, 21) {
			if !bytes.Equal(apply(t, p, src, 13, 21), src) {
				t.Errorf("%s changes the image by %v", kind, p)
			}
		}
	}
	none, err := NewRecipe("none", "keras-3")
	if err != nil {
		t.Fatal(err)
	}
	if got := none.PlanFor(1, 2, 3, 13, 21); got.Geometry != Keras3 || got.moves() || got.Flip || !got.Erase.Empty() {
		t.Errorf("none draws %v", got)
	}
}

// No name stands for two kinds.
func TestKindsAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range kinds() {
		seen[k.name] = true
	}
	if len(seen) != len(kinds()) {
		t.Errorf("kinds repeat: %v", slices.Sorted(maps.Keys(seen)))
	}
}
