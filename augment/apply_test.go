package augment

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// noise returns an image of random bytes, the same for each seed.
func noise(seed uint64, height, width int) []uint8 {
	rng := rand.New(rand.NewPCG(seed, 1))
	pixels := make([]uint8, height*width*3)
	for i := range pixels {
		pixels[i] = uint8(rng.Uint32())
	}
	return pixels
}

// paint returns an image whose channels are value, value+1 and value+2.
func paint(height, width int, value func(row, column int) uint8) []uint8 {
	var pixels []uint8
	for row := range height {
		for column := range width {
			v := value(row, column)
			pixels = append(pixels, v, v+1, v+2)
		}
	}
	return pixels
}

// show returns the first channel, for messages.
func show(pixels []uint8, width int) string {
	text := ""
	for i := 0; i < len(pixels); i += 3 {
		if i%(3*width) == 0 {
			text += "\n"
		}
		text += fmt.Sprintf("%4d", pixels[i])
	}
	return text
}

// checkImage changes the identity in both geometries, applies the plan to src
// and compares the result with want.
func checkImage(t *testing.T, change func(*Plan), src, want []uint8, height, width int) {
	t.Helper()
	for _, geometry := range []Geometry{Keras2018, Keras3} {
		p := Identity()
		p.Geometry = geometry
		change(&p)
		if got := apply(t, p, src, height, width); !bytes.Equal(got, want) {
			t.Errorf("%v: got%s\nwant%s", p, show(got, width), show(want, width))
		}
	}
}

// benchmarkPlan measures applying one plan to a CIFAR image.
func benchmarkPlan(b *testing.B, change func(*Plan)) {
	p := Identity()
	change(&p)
	var space Workspace
	src := noise(1, 32, 32)
	dst := make([]uint8, len(src))
	b.ReportAllocs()
	for b.Loop() {
		if err := space.Apply(&p, dst, src, 32, 32); err != nil {
			b.Fatal(err)
		}
	}
}

// A workspace gives the same result after larger images and other plans.
func TestWorkspaceLeavesNothingBehind(t *testing.T) {
	var space Workspace
	drawn := plans(t, strong(t), 300, 16, 16)
	for i, size := range [][2]int{{40, 40}, {3, 17}, {32, 32}, {1, 1}, {32, 31}, {2, 40}} {
		src := noise(uint64(i), size[0], size[1])
		dst := make([]uint8, len(src))
		for _, p := range drawn {
			if err := space.Apply(&p, dst, src, size[0], size[1]); err != nil {
				t.Fatal(err)
			}
			if want := apply(t, p, src, size[0], size[1]); !bytes.Equal(dst, want) {
				t.Fatalf("%dx%d: a used workspace gives another image by %v", size[0], size[1], p)
			}
		}
	}
}

func TestApplyReadsOnly(t *testing.T) {
	src := noise(1, 20, 20)
	for _, p := range plans(t, strong(t), 100, 20, 20) {
		apply(t, p, src, 20, 20)
	}
	if !bytes.Equal(src, noise(1, 20, 20)) {
		t.Error("the source was changed")
	}
}

// A translation and the general warp are the same function.
func TestTranslationEqualsWarp(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, size := range [][2]int{{32, 32}, {7, 12}, {1, 1}, {1, 9}, {9, 1}} {
		height, width := size[0], size[1]
		src := noise(3, height, width)
		pairs := make([]uint64, 2*(height+1)*(width+1)+2)
		packPairs(pairs, src, height, width)
		lines := make([]uint64, 2*(width+1))
		got, want := make([]uint64, height*width), make([]uint64, height*width)
		for range 500 {
			p := Identity()
			p.ShiftRows, p.ShiftColumns = around(rng, 1.5*float64(height)), around(rng, 1.5*float64(width))
			p.Flip, p.VerticalFlip = rng.IntN(2) == 0, rng.IntN(2) == 0
			m := p.affine(height, width).flipped(p.Flip, p.VerticalFlip, height, width)
			tr := newTranslation(m, height, width)
			tr.apply(got, lines, src)
			warp(want, pairs, height, width, m)
			a, b := make([]uint8, len(src)), make([]uint8, len(src))
			unpackRow(a, got)
			unpackRow(b, want)
			for i := range a {
				// Weights halfway between two numbers may be rounded differently.
				if d := int(a[i]) - int(b[i]); d < -1 || d > 1 {
					t.Fatalf("%dx%d byte %d: %d translated, %d warped, by %v", height, width, i, a[i], b[i], p)
				}
			}
		}
	}
}

// BenchmarkRecipe draws and applies, as the loader does for each image.
func BenchmarkRecipe(b *testing.B) {
	for _, name := range []string{"none", "shift", "medium", "strong"} {
		for _, size := range []int{32, 224} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				recipe, err := NewRecipe(name, "keras-2018")
				if err != nil {
					b.Fatal(err)
				}
				d := NewDrawer(recipe, 1)
				var space Workspace
				src := noise(1, size, size)
				dst := make([]uint8, len(src))
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if err := space.Apply(d.Draw(0, uint64(i), size, size), dst, src, size, size); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
