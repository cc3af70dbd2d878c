package augment

import "testing"

func TestBrightness(t *testing.T) {
	src := []uint8{0, 10, 200, 250, 255, 100}
	checkImage(t, func(p *Plan) { p.Brightness = 20.4 }, src, []uint8{20, 30, 220, 255, 255, 120}, 1, 2)
	checkImage(t, func(p *Plan) { p.Brightness = -20.6 }, src, []uint8{0, 0, 179, 229, 234, 79}, 1, 2)
}

func BenchmarkBrightness(b *testing.B) { benchmarkPlan(b, func(p *Plan) { p.Brightness = 20 }) }
