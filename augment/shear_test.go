package augment

import "testing"

// In keras-3 a shear by 30 degrees, whose sine is 1/2, moves each row by half a
// column against the row above it. It also moves rows by the cosine, but all rows
// of the ramp are the same.
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
