package augment

import "testing"

// A quarter turn about the centre of a square in keras-3 moves whole pixels:
// with x to the right, the matrix of +90 degrees takes the result's column to
// the source's row.
func TestQuarterTurn(t *testing.T) {
	src := paint(5, 5, func(row, column int) uint8 { return uint8(40*row + 7*column) })
	want := paint(5, 5, func(row, column int) uint8 { return uint8(40*column + 7*(4-row)) })
	p := Identity()
	p.Geometry, p.Rotation = Keras3, 90
	if got := apply(t, p, src, 5, 5); string(got) != string(want) {
		t.Errorf("got%s\nwant%s", show(got, 5), show(want, 5))
	}
}

// keras-2018 turns about the corner (h/2 + 0.5, w/2 + 0.5): the pixel that is
// one below and right of the centre of an image of odd size stays.
func TestHalfTurnKeepsTheCentreOfItsGeometry(t *testing.T) {
	src := paint(7, 7, func(row, column int) uint8 { return uint8(30*row + 4*column) })
	for geometry, centre := range map[Geometry]int{Keras2018: 4, Keras3: 3} {
		p := Identity()
		p.Geometry, p.Rotation = geometry, 180
		got := apply(t, p, src, 7, 7)
		want := paint(7, 7, func(row, column int) uint8 {
			inside := func(i int) int { return min(max(2*centre-i, 0), 6) }
			return uint8(30*inside(row) + 4*inside(column))
		})
		if string(got) != string(want) {
			t.Errorf("%s: got%s\nwant%s", geometry, show(got, 7), show(want, 7))
		}
	}
}

func BenchmarkRotation(b *testing.B) { benchmarkPlan(b, func(p *Plan) { p.Rotation = 7 }) }
