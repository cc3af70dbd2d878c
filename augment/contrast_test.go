package augment

import "testing"

// Each channel is stretched about its own mean: here 50, 100 and 200.
func TestContrast(t *testing.T) {
	src := []uint8{40, 60, 190, 60, 140, 210}
	checkImage(t, func(p *Plan) { p.Contrast = 0.5 }, src, []uint8{35, 40, 185, 65, 160, 215}, 1, 2)
	checkImage(t, func(p *Plan) { p.Contrast = -1 }, src, []uint8{50, 100, 200, 50, 100, 200}, 1, 2)
	checkImage(t, func(p *Plan) { p.Contrast = 9 }, src, []uint8{0, 0, 100, 150, 255, 255}, 1, 2)
}

func BenchmarkContrast(b *testing.B) { benchmarkPlan(b, func(p *Plan) { p.Contrast = 0.3 }) }
