package augment

import "testing"

// On a ramp, a shift by half a pixel gives the mean of two pixels, and the edge is
// repeated. tx moves rows in keras-2018 and columns in keras-3.
func TestShiftOnARamp(t *testing.T) {
	src := paint(4, 4, func(row, _ int) uint8 { return uint8(20 * row) })
	want := paint(4, 4, func(row, _ int) uint8 { return []uint8{30, 50, 60, 60}[row] })
	p := Identity()
	p.ShiftRows = 1.5
	if got := apply(t, p, src, 4, 4); string(got) != string(want) {
		t.Errorf("keras-2018: got%s\nwant%s", show(got, 4), show(want, 4))
	}
	p.Geometry, p.ShiftRows, p.ShiftColumns = Keras3, 0, 1.5
	if got := apply(t, p, src, 4, 4); string(got) != string(want) {
		t.Errorf("keras-3: got%s\nwant%s", show(got, 4), show(want, 4))
	}
}

func TestShiftBeyondTheImageRepeatsTheEdge(t *testing.T) {
	src := paint(3, 5, func(row, column int) uint8 { return uint8(60*row + 10*column) })
	want := paint(3, 5, func(int, int) uint8 { return 0 })
	checkImage(t, func(p *Plan) { p.ShiftRows, p.ShiftColumns = -65536, -65536 }, src, want, 3, 5)
	want = paint(3, 5, func(int, int) uint8 { return 160 })
	checkImage(t, func(p *Plan) { p.ShiftRows, p.ShiftColumns = 65536, 65536 }, src, want, 3, 5)
}

// A shift and a flip is the shift, and then the flip.
func TestShiftThenFlip(t *testing.T) {
	src := paint(3, 5, func(row, column int) uint8 { return uint8(60*row + 10*column) })
	p := Identity()
	p.ShiftColumns, p.Flip = 1, true
	want := paint(3, 5, func(row, column int) uint8 { return uint8(60*row + 10*min(5-column, 4)) })
	if got := apply(t, p, src, 3, 5); string(got) != string(want) {
		t.Errorf("got%s\nwant%s", show(got, 5), show(want, 5))
	}
}

func BenchmarkShift(b *testing.B) {
	benchmarkPlan(b, func(p *Plan) { p.ShiftRows, p.ShiftColumns = 1.3, -2.6 })
}
