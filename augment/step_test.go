package augment

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"onnxlab/internal/npz"
)

// TestStepsAreTorchvisions compares every step with torchvision's bytes.
func TestStepsAreTorchvisions(t *testing.T) {
	archive, err := npz.Read("testdata/steps.npz")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile("testdata/steps.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []Step
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	source := archive["source"]
	height, width := source.Shape[0], source.Shape[1]
	tried := map[string]bool{}
	for i, step := range cases {
		tried[step.Op] = true
		plan := Identity()
		plan.Steps = []Step{step}
		got, want := make([]uint8, height*width*3), archive[fmt.Sprintf("case%d", i)].Uint8()
		if err := plan.Apply(got, source.Uint8(), height, width); err != nil {
			t.Fatal(err)
		}
		off, largest := 0, 0
		for k := range got {
			if d := int(got[k]) - int(want[k]); d != 0 {
				off++
				largest = max(largest, d, -d)
			}
		}
		most, share := tolerance(step.Op)
		if largest > most || float64(off) > share*float64(len(got)) {
			t.Errorf("%s %v: %d of %d bytes differ, by %d at most", step.Op, step.Value, off, len(got), largest)
		}
	}
	for _, name := range stepNames() {
		if !tried[name] {
			t.Errorf("%s is not compared", name)
		}
	}
}

// tolerance returns by how much bytes may differ, and how large a share of them may. Float
// sums are rounded in another order, and a position halfway between two pixels may go to
// either.
func tolerance(op string) (most int, share float64) {
	switch op {
	case StepBlur, StepHue, StepContrast, StepSaturation, StepGray, StepSharpness, StepBrightness, StepAutocontrast:
		return 1, 0.002
	case StepRotate, StepShearX, StepShearY:
		return 255, 0.06
	}
	return 0, 0
}

// drawn returns the steps of many plans of a custom recipe with one operation.
func drawn(t *testing.T, kind string, ranges map[string]float64) [][]Step {
	t.Helper()
	recipe, err := Custom("keras-2018", []Spec{{kind, ranges}})
	if err != nil {
		t.Fatal(err)
	}
	const images = 20_000
	all := make([][]Step, images)
	for i := range all {
		plan := recipe.PlanFor(5, uint64(i%7), i, 224, 331)
		if err := plan.Validate(); err != nil {
			t.Fatal(err)
		}
		all[i] = plan.Steps
	}
	return all
}

// values returns the values of all steps of one operation.
func values(all [][]Step, op string) (list []float64) {
	for _, steps := range all {
		for _, s := range steps {
			if s.Op == op {
				list = append(list, s.Value)
			}
		}
	}
	return list
}

// TestColorJitterIsUniform tests the factors and the order.
func TestColorJitterIsUniform(t *testing.T) {
	all := drawn(t, "color_jitter", map[string]float64{"brightness": 0.4, "contrast": 0.3, "saturation": 2, "hue": 0.1})
	checkUniform(t, "brightness", values(all, StepBrightness), 0.6, 1.4)
	checkUniform(t, "contrast", values(all, StepContrast), 0.7, 1.3)
	checkUniform(t, "saturation", values(all, StepSaturation), 0, 3)
	checkUniform(t, "hue", values(all, StepHue), -0.1, 0.1)
	orders := map[string]int{}
	for _, steps := range all {
		order := ""
		for _, s := range steps {
			order += s.Op[:1]
		}
		orders[order]++
	}
	if len(orders) != 24 {
		t.Fatalf("%d orders of four steps", len(orders))
	}
	for order, n := range orders {
		checkShare(t, order, n, len(all), 1.0/24)
	}
}

// TestChances tests how often steps that are drawn by a probability come.
func TestChances(t *testing.T) {
	for _, c := range []struct {
		kind, op string
		ranges   map[string]float64
		share    float64
	}{
		{"grayscale", StepGray, nil, 0.1},
		{"equalize", StepEqualize, map[string]float64{"probability": 0.3}, 0.3},
		{"autocontrast", StepAutocontrast, nil, 0.5},
		{"posterize", StepPosterize, map[string]float64{"bits": 3}, 0.5},
		{"solarize", StepSolarize, map[string]float64{"threshold": 99}, 0.5},
		{"sharpness", StepSharpness, map[string]float64{"factor": 2, "probability": 0.25}, 0.25},
		{"gaussian_blur", StepBlur, map[string]float64{"probability": 0.5}, 0.5},
	} {
		all := drawn(t, c.kind, c.ranges)
		checkShare(t, c.kind, len(values(all, c.op)), len(all), c.share)
	}
	checkUniform(t, "sigma", values(drawn(t, "gaussian_blur", nil), StepBlur), 0.1, 2)
}

// TestRandAugment tests that all operations are equally likely, and that their magnitudes are
// torchvision's.
func TestRandAugment(t *testing.T) {
	all := drawn(t, "rand_augment", nil)
	steps := 0
	for _, list := range all {
		steps += len(list)
	}
	const kinds = 14
	checkShare(t, "steps", steps, 2*len(all), 13.0/kinds) // the 14th leaves the image as it is
	for op, want := range map[string][]float64{
		StepShearX: {-0.09, 0.09}, StepTranslateX: {-45, 45}, StepTranslateY: {-30, 30}, StepRotate: {-9, 9},
		StepBrightness: {0.73, 1.27}, StepPosterize: {7}, StepSolarize: {178.5}, StepEqualize: {0},
	} {
		got := values(all, op)
		checkShare(t, op, len(got), 2*len(all), 1.0/kinds)
		for _, v := range got {
			if !slices.ContainsFunc(want, func(w float64) bool { return math.Abs(v-w) < 1e-9 }) {
				t.Fatalf("%s: %v, want one of %v", op, v, want)
			}
		}
	}
	if len(values(all, StepInvert)) > 0 {
		t.Error("RandAugment has no invert")
	}
}

// TestTrivialAugment tests that a plan has at most one step, and that all magnitudes occur.
func TestTrivialAugment(t *testing.T) {
	all := drawn(t, "trivial_augment", nil)
	for _, list := range all {
		if len(list) > 1 {
			t.Fatalf("%d steps", len(list))
		}
	}
	rotations := values(all, StepRotate)
	checkShare(t, "rotate", len(rotations), len(all), 1.0/14)
	different := map[float64]bool{}
	for _, v := range rotations {
		different[v] = true
	}
	if len(different) != 61 || !different[135] || !different[-4.5] {
		t.Errorf("%d different rotations", len(different))
	}
	least := slices.Min(values(all, StepPosterize))
	if least != 2 {
		t.Errorf("posterize keeps %v bits at least", least)
	}
}

// TestAutoAugment compares how often some steps occur with the probabilities in the tables.
func TestAutoAugment(t *testing.T) {
	all := drawn(t, "auto_augment", nil)
	want := map[string]float64{}
	for _, p := range imagenetPolicies {
		for _, c := range p {
			want[c.op] += c.probability / float64(len(imagenetPolicies))
		}
	}
	for op, expected := range want {
		got := float64(len(values(all, op))) / float64(len(all))
		if math.Abs(got-expected) > 0.02 {
			t.Errorf("%s comes %.3f times an image, want %.3f", op, got, expected)
		}
	}
	for _, v := range values(all, StepShearX) { // magnitude 5 of 0..9
		if math.Abs(math.Abs(v)-0.3*5/9) > 1e-9 {
			t.Fatalf("shear %v", v)
		}
	}
	if len(imagenetPolicies) != 25 || len(cifarPolicies) != 25 {
		t.Error("the tables have other lengths than the paper's")
	}
}

// TestResizedCrop tests the distribution of parts, and sizes for which no part fits.
func TestResizedCrop(t *testing.T) {
	o := defaultCrop()
	rng := rand.New(rand.NewPCG(1, 9))
	var areas, aspects []float64
	for range draws {
		c := o.pick(rng, 2000, 2000)
		if c.Row < 0 || c.Column < 0 || c.Row+c.Height > 2000 || c.Column+c.Width > 2000 {
			t.Fatalf("%+v is outside", c)
		}
		if area := float64(c.Height*c.Width) / 4e6; area < 0.7 { // larger ones may not fit and are drawn again
			areas = append(areas, area)
			aspects = append(aspects, math.Log(float64(c.Width)/float64(c.Height)))
		}
	}
	// Rounding to pixels moves the ends a little.
	inside := func(list []float64, lo, hi float64) (kept []float64) {
		for _, v := range list {
			if v >= lo && v <= hi {
				kept = append(kept, v)
			}
		}
		return kept
	}
	checkUniform(t, "area", inside(areas, 0.1, 0.69), 0.1, 0.69)
	checkUniform(t, "log of aspect", inside(aspects, -0.28, 0.28), -0.28, 0.28)
	for size, want := range map[[2]int]Crop{{10, 1000}: {0, 494, 10, 13}, {1000, 10}: {494, 0, 13, 10}} {
		if got := o.pick(rng, size[0], size[1]); got != want && float64(got.Width)/float64(got.Height) > 4.0/3+0.2 {
			t.Errorf("%v: %+v, want %+v", size, got, want)
		}
	}
	if got := o.central(10, 1000); got != (Crop{0, 493, 10, 13}) {
		t.Errorf("central part %+v", got)
	}
	if got := o.central(1000, 10); got != (Crop{493, 0, 13, 10}) {
		t.Errorf("central part %+v", got)
	}
}

// TestCropOfAnImage resizes a part of an image in memory to its own size.
func TestCropOfAnImage(t *testing.T) {
	src := make([]uint8, 8*8*3)
	for i := range src {
		src[i] = uint8(i)
	}
	plan := Identity()
	plan.Crop = Crop{2, 4, 1, 1}
	dst := make([]uint8, len(src))
	if err := plan.Apply(dst, src, 8, 8); err != nil {
		t.Fatal(err)
	}
	for i, v := range dst {
		if want := src[3*(2*8+4)+i%3]; v != want {
			t.Fatalf("byte %d is %d, want %d", i, v, want)
		}
	}
	plan.Crop.Width = 5
	if err := plan.Apply(dst, src, 8, 8); err == nil {
		t.Error("no error of a part that is outside")
	}
}

// TestStepsRefuse tests that errors name the step and what is wrong with it.
func TestStepsRefuse(t *testing.T) {
	for want, step := range map[string]Step{
		`steps[0].op: "sepia" is not one of`:                 {"sepia", 0},
		`steps[0].value: 11 of brightness is outside 0..10`:  {StepBrightness, 11},
		`steps[0].value: NaN of hue is outside -0.5..0.5`:    {StepHue, math.NaN()},
		`steps[0].value: 0 of blur is outside 0.01..64`:      {StepBlur, 0},
		`steps[0].value: 1 of gray is outside 0..0`:          {StepGray, 1},
		`steps[0].value: 181 of rotate is outside -180..180`: {StepRotate, 181},
		`steps[0].value: 9 of posterize is outside 0..8`:     {StepPosterize, 9},
		`steps[0].value: -1 of solarize is outside 0..255`:   {StepSolarize, -1},
		`steps[0].value: 2 of shear_x is outside -1..1`:      {StepShearX, 2},
	} {
		plan := Identity()
		plan.Steps = []Step{step}
		if err := plan.Validate(); err == nil || len(err.Error()) < len(want) || err.Error()[:len(want)] != want {
			t.Errorf("%+v: error %v, want %q", step, err, want)
		}
	}
}

func BenchmarkColorJitter(b *testing.B) {
	plan := Identity()
	plan.Steps = []Step{{StepBrightness, 1.2}, {StepContrast, 0.9}, {StepSaturation, 1.1}, {StepHue, 0.05}}
	benchmarkStep(b, plan)
}

func BenchmarkBlur(b *testing.B) {
	plan := Identity()
	plan.Steps = []Step{{StepBlur, 1}}
	benchmarkStep(b, plan)
}

func benchmarkStep(b *testing.B, plan Plan) {
	const side = 224
	src, dst := make([]uint8, side*side*3), make([]uint8, side*side*3)
	for i := range src {
		src[i] = uint8(i * i)
	}
	var space Workspace
	for b.Loop() {
		if err := space.Apply(&plan, dst, src, side, side); err != nil {
			b.Fatal(err)
		}
	}
}
