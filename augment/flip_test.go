package augment

import "testing"

func TestFlip(t *testing.T) {
	src := paint(3, 5, func(row, column int) uint8 { return uint8(60*row + 10*column) })
	want := paint(3, 5, func(row, column int) uint8 { return uint8(60*row + 10*(4-column)) })
	checkImage(t, func(p *Plan) { p.Flip = true }, src, want, 3, 5)
}

// Flipping twice changes nothing, for each flip alone and for both together.
func TestFlipsAreInvolutions(t *testing.T) {
	for _, size := range [][2]int{{32, 32}, {5, 8}, {1, 1}, {1, 6}, {6, 1}} {
		src := noise(1, size[0], size[1])
		for _, flips := range [][2]bool{{true, false}, {false, true}, {true, true}} {
			p := Identity()
			p.Flip, p.VerticalFlip = flips[0], flips[1]
			once := apply(t, p, src, size[0], size[1])
			if size[0] > 1 && size[1] > 1 && string(once) == string(src) {
				t.Errorf("%dx%d: flips %v change nothing", size[0], size[1], flips)
			}
			if twice := apply(t, p, once, size[0], size[1]); string(twice) != string(src) {
				t.Errorf("%dx%d: flips %v twice change the image", size[0], size[1], flips)
			}
		}
	}
}

func BenchmarkFlip(b *testing.B) { benchmarkPlan(b, func(p *Plan) { p.Flip = true }) }
