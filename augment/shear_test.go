package augment

import "testing"

// A shear leaves the axis that it is along: with sin 30 = 1/2, a pixel in the
// row below takes from half a column less in keras-3, where it mixes columns
// with rows, and rows shrink by the cosine.
func TestShearOnARamp(t *testing.T) {
	src := paint(9, 9, func(_, column int) uint8 { return uint8(80 + 8*column) })
	p := Identity()
	p.Geometry, p.Shear = Keras3, 30
	want := paint(9, 9, func(row, column int) uint8 {
		doubled := min(max(2*column-(row-4), 0), 16)
		return uint8(80 + 4*doubled)
	})
	if got := apply(t, p, src, 9, 9); string(got) != string(want) {
		t.Errorf("got%s\nwant%s", show(got, 9), show(want, 9))
	}
}

func BenchmarkShear(b *testing.B) { benchmarkPlan(b, func(p *Plan) { p.Shear = 12 }) }
