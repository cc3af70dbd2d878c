package augment

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat"
)

// draws is how many plans a distribution is tested with.
const draws = 100_000

func strong(t testing.TB) *Recipe {
	t.Helper()
	recipe, err := NewRecipe("strong", "keras-2018")
	if err != nil {
		t.Fatal(err)
	}
	return recipe
}

// plans draws plans as the epochs of a training run do: each with its own key.
func plans(t testing.TB, recipe *Recipe, count, height, width int) []Plan {
	t.Helper()
	drawn := make([]Plan, count)
	for i := range drawn {
		drawn[i] = recipe.PlanFor(11, uint64(i%100), i/100, height, width)
	}
	return drawn
}

// checkUniform is a Kolmogorov-Smirnov test against the uniform distribution
// at the level 0.001. The draws are the same each time, so it does not fail by
// chance.
func checkUniform(t *testing.T, name string, values []float64, lo, hi float64) {
	t.Helper()
	const critical = 1.95 // times 1/sqrt(n), Kolmogorov's distribution at 0.001
	values = slices.Sorted(slices.Values(values))
	if values[0] < lo || values[len(values)-1] > hi {
		t.Errorf("%s: %v..%v is outside %v..%v", name, values[0], values[len(values)-1], lo, hi)
	}
	n, distance := float64(len(values)), 0.0
	for i, x := range values {
		uniform := (x - lo) / (hi - lo)
		distance = max(distance, math.Abs(uniform-float64(i)/n), math.Abs(uniform-float64(i+1)/n))
	}
	if limit := critical / math.Sqrt(n); distance > limit {
		t.Errorf("%s: distance from uniform in %v..%v is %.5f, above %.5f", name, lo, hi, distance, limit)
	}
}

// checkShare tests how often something happens, within four standard deviations.
func checkShare(t *testing.T, name string, times, of int, want float64) {
	t.Helper()
	limit := 4 * math.Sqrt(want*(1-want)/float64(of))
	if got := float64(times) / float64(of); math.Abs(got-want) > limit {
		t.Errorf("%s: %.4f of the draws, want %v ± %.4f", name, got, want, limit)
	}
}

func TestCheckUniformRefusesOtherDistributions(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	values := make([]float64, draws)
	for i := range values {
		values[i] = math.Pow(rng.Float64(), 1.02)
	}
	probe := &testing.T{}
	checkUniform(probe, "skewed", values, 0, 1)
	if !probe.Failed() {
		t.Error("u^1.02 passes for uniform")
	}
}

// TestDrawnParametersFollowTheStudy checks, on an image that is not square, that
// the parameters of strong and medium have the study's distributions.
func TestDrawnParametersFollowTheStudy(t *testing.T) {
	const height, width = 32, 48
	for _, name := range []string{"shift", "medium", "strong"} {
		recipe, err := NewRecipe(name, "keras-2018")
		if err != nil {
			t.Fatal(err)
		}
		drawn := plans(t, recipe, draws, height, width)
		check := func(parameter string, value func(*Plan) float64, lo, hi float64) {
			t.Helper()
			values := make([]float64, len(drawn))
			for i := range drawn {
				values[i] = value(&drawn[i])
			}
			checkUniform(t, name+" "+parameter, values, lo, hi)
		}
		check("shift_rows", func(p *Plan) float64 { return p.ShiftRows }, -4, 4)
		check("shift_columns", func(p *Plan) float64 { return p.ShiftColumns }, -6, 6)
		flips := 0
		for i := range drawn {
			if drawn[i].Flip {
				flips++
			}
		}
		if name == "shift" {
			if flips != 0 {
				t.Errorf("shift flips %d times", flips)
			}
			continue
		}
		checkShare(t, name+" flip", flips, draws, 0.5)
		if name == "medium" {
			continue
		}
		check("rotation", func(p *Plan) float64 { return p.Rotation }, -10, 10)
		check("zoom_rows", func(p *Plan) float64 { return p.ZoomRows }, 0.75, 1.25)
		check("zoom_columns", func(p *Plan) float64 { return p.ZoomColumns }, 0.75, 1.25)
		check("channel_shift", func(p *Plan) float64 { return p.ChannelShift }, -50, 50)
	}
}

// Parameters of one image say nothing about each other.
func TestDrawnParametersAreIndependent(t *testing.T) {
	drawn := plans(t, strong(t), draws, 32, 32)
	columns := make([][]float64, 7)
	for _, p := range drawn {
		flip := 0.0
		if p.Flip {
			flip = 1
		}
		for k, x := range []float64{p.Rotation, p.ShiftRows, p.ShiftColumns, p.ZoomRows, p.ZoomColumns, p.ChannelShift, flip} {
			columns[k] = append(columns[k], x)
		}
	}
	for i := range columns {
		for k := range i {
			if r := stat.Correlation(columns[i], columns[k], nil); math.Abs(r) > 4/math.Sqrt(draws) {
				t.Errorf("parameters %d and %d correlate by %.4f", k, i, r)
			}
		}
	}
}

// studyErase is the study's own loop, without a bound on its tries, for an
// image that boxes fit.
func studyErase(rng *rand.Rand, height, width float64) Patch {
	for {
		area := height * width * (0.05 + 0.15*rng.Float64())
		aspect := 0.2 + 0.6*rng.Float64()
		h, w := math.Sqrt(area*aspect), math.Sqrt(area/aspect)
		x, y := rng.Float64()*width, rng.Float64()*height
		if x+w <= width && y+h <= height {
			return Patch{int(y), int(x), int(y+h) - int(y), int(x+w) - int(x), rng.Float64()}
		}
	}
}

// Boxes are not uniform, since those that do not fit are drawn again: they are
// compared with the study's loop.
func TestErasedBoxesFollowTheStudy(t *testing.T) {
	var ours, reference []Patch
	for _, p := range plans(t, strong(t), 2*draws, 32, 32) {
		if !p.Erase.Empty() {
			ours = append(ours, p.Erase)
		}
	}
	checkShare(t, "erase", len(ours), 2*draws, 0.5)
	rng := rand.New(rand.NewPCG(3, 4))
	for range draws {
		reference = append(reference, studyErase(rng, 32, 32))
	}
	for name, value := range map[string]func(Patch) float64{
		"row":    func(b Patch) float64 { return float64(b.Row) },
		"column": func(b Patch) float64 { return float64(b.Column) },
		"height": func(b Patch) float64 { return float64(b.Height) },
		"width":  func(b Patch) float64 { return float64(b.Width) },
		"area":   func(b Patch) float64 { return float64(b.Height * b.Width) },
	} {
		var a, b []float64
		for _, box := range ours {
			a = append(a, value(box))
		}
		for _, box := range reference {
			b = append(b, value(box))
		}
		slices.Sort(a)
		slices.Sort(b)
		distance := stat.KolmogorovSmirnov(a, nil, b, nil)
		if limit := 1.95 * math.Sqrt(float64(len(a)+len(b))/float64(len(a)*len(b))); distance > limit {
			t.Errorf("%s of boxes: distance from the study's is %.5f, above %.5f", name, distance, limit)
		}
	}
	values := make([]float64, len(ours))
	for i, box := range ours {
		values[i] = box.Value
	}
	checkUniform(t, "erase value", values, 0, 1)
}

// Every custom operation draws from its whole range, and changes no other field.
func TestCustomOperationsDrawTheirRanges(t *testing.T) {
	identity := Identity()
	for _, c := range []struct {
		spec   Spec
		value  func(*Plan) *float64
		lo, hi float64
	}{
		{Spec{"rotation", map[string]float64{"degrees": 30}}, func(p *Plan) *float64 { return &p.Rotation }, -30, 30},
		{Spec{"shift", map[string]float64{"rows": 0.5}}, func(p *Plan) *float64 { return &p.ShiftRows }, -10, 10},
		{Spec{"shift", map[string]float64{"columns": 0.5}}, func(p *Plan) *float64 { return &p.ShiftColumns }, -15, 15},
		{Spec{"shear", map[string]float64{"degrees": 20}}, func(p *Plan) *float64 { return &p.Shear }, -20, 20},
		{Spec{"channel_shift", map[string]float64{"amount": 80}}, func(p *Plan) *float64 { return &p.ChannelShift }, -80, 80},
		{Spec{"brightness", map[string]float64{"amount": 70}}, func(p *Plan) *float64 { return &p.Brightness }, -70, 70},
		{Spec{"contrast", map[string]float64{"amount": 0.4}}, func(p *Plan) *float64 { return &p.Contrast }, -0.4, 0.4},
	} {
		recipe, err := Custom("keras-2018", []Spec{c.spec})
		if err != nil {
			t.Fatal(err)
		}
		var values []float64
		for _, p := range plans(t, recipe, draws, 20, 30) {
			value := c.value(&p)
			values = append(values, *value)
			*value = *c.value(&identity)
			if !reflect.DeepEqual(p, identity) {
				t.Fatalf("%s changes more than its own: %v", c.spec.Kind, p)
			}
		}
		checkUniform(t, c.spec.Kind, values, c.lo, c.hi)
	}
}

func TestDrawDoesNotAllocate(t *testing.T) {
	d := NewDrawer(strong(t), 1)
	i := 0
	if n := testing.AllocsPerRun(1000, func() { d.Draw(0, uint64(i), 32, 32); i++ }); n != 0 {
		t.Errorf("drawing allocates %v times", n)
	}
}

func BenchmarkDraw(b *testing.B) {
	d := NewDrawer(strong(b), 1)
	for i := 0; b.Loop(); i++ {
		d.Draw(0, uint64(i), 32, 32)
	}
}
