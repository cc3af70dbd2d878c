package augment

import "testing"

// A zoom of 0.5 about the middle of a ramp halves its slope. In keras-2018 the
// middle is one pixel further.
func TestZoomOnARamp(t *testing.T) {
	src := paint(9, 9, func(_, column int) uint8 { return uint8(16 * column) })
	for geometry, centre := range map[Geometry]int{Keras2018: 5, Keras3: 4} {
		p := Identity()
		p.Geometry, p.ZoomRows, p.ZoomColumns = geometry, 0.5, 0.5
		want := paint(9, 9, func(_, column int) uint8 { return uint8(8*(column-centre) + 16*centre) })
		if got := apply(t, p, src, 9, 9); string(got) != string(want) {
			t.Errorf("%s: got%s\nwant%s", geometry, show(got, 9), show(want, 9))
		}
	}
}

func BenchmarkZoom(b *testing.B) {
	benchmarkPlan(b, func(p *Plan) { p.ZoomRows, p.ZoomColumns = 0.8, 1.1 })
}
