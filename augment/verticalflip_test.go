package augment

import "testing"

func TestVerticalFlip(t *testing.T) {
	src := paint(3, 5, func(row, column int) uint8 { return uint8(60*row + 10*column) })
	want := paint(3, 5, func(row, column int) uint8 { return uint8(60*(2-row) + 10*column) })
	checkImage(t, func(p *Plan) { p.VerticalFlip = true }, src, want, 3, 5)
}

func TestVerticalFlipProbability(t *testing.T) {
	recipe, err := Custom("keras-2018", []Spec{{"vertical_flip", map[string]float64{"probability": 0.25}}})
	if err != nil {
		t.Fatal(err)
	}
	flips := 0
	for _, p := range plans(t, recipe, draws, 8, 8) {
		if p.VerticalFlip {
			flips++
		}
	}
	checkShare(t, "vertical_flip", flips, draws, 0.25)
}

func BenchmarkVerticalFlip(b *testing.B) { benchmarkPlan(b, func(p *Plan) { p.VerticalFlip = true }) }
