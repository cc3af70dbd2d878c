package augment

import "testing"

func TestCutout(t *testing.T) {
	src := noise(1, 5, 5)
	want := noise(1, 5, 5)
	for _, pixel := range []int{0, 1, 5, 6} {
		copy(want[3*pixel:], []uint8{51, 51, 51})
	}
	checkImage(t, func(p *Plan) { p.Cutout = Patch{-1, -1, 3, 3, 0.2} }, src, want, 5, 5)
}

// The square always has its full size, and its centre can be any pixel.
func TestCutoutIsASquareAboutAnyPixel(t *testing.T) {
	recipe, err := Custom("keras-2018", []Spec{{"cutout", map[string]float64{"probability": 0.7}}})
	if err != nil {
		t.Fatal(err)
	}
	var rows, columns [10]int
	cut := 0
	for _, p := range plans(t, recipe, draws, 10, 12) {
		if p.Cutout.Empty() {
			continue
		}
		cut++
		if p.Cutout.Height != 5 || p.Cutout.Width != 5 || p.Cutout.Value != 0 {
			t.Fatalf("cutout %+v, want a black square of 5", p.Cutout)
		}
		rows[p.Cutout.Row+2]++
		if column := p.Cutout.Column + 2; column < 10 {
			columns[column]++
		}
	}
	checkShare(t, "cutout", cut, draws, 0.7)
	for i := range 10 {
		checkShare(t, "row of a cutout", rows[i], cut, 1.0/10)
		checkShare(t, "column of a cutout", columns[i], cut, 1.0/12)
	}
}

func BenchmarkCutout(b *testing.B) {
	benchmarkPlan(b, func(p *Plan) { p.Cutout = Patch{5, 5, 16, 16, 0} })
}
