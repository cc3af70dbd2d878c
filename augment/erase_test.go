package augment

import "testing"

// The box has one value in all channels, and nothing else changes.
func TestErase(t *testing.T) {
	src := noise(1, 6, 7)
	want := noise(1, 6, 7)
	for row := 2; row < 4; row++ {
		for i := 3 * 3; i < 3*6; i++ {
			want[row*21+i] = 128
		}
	}
	checkImage(t, func(p *Plan) { p.Erase = Patch{2, 3, 2, 3, 0.5} }, src, want, 6, 7)
}

func TestEraseIsCutAtTheEdge(t *testing.T) {
	black := make([]uint8, 6*7*3)
	checkImage(t, func(p *Plan) { p.Erase = Patch{-3, -65536, 65536, 65536, 0} }, noise(1, 6, 7), noise(1, 6, 7), 6, 7)
	checkImage(t, func(p *Plan) { p.Erase = Patch{-3, -9, 20, 40, 0} }, noise(1, 6, 7), black, 6, 7)
	checkImage(t, func(p *Plan) { p.Erase = Patch{6, 0, 3, 3, 0} }, noise(1, 6, 7), noise(1, 6, 7), 6, 7)
}

// Drawing ends for images of every shape, even if none of the boxes drawn fits,
// and boxes stay inside the image.
func TestEraseAlwaysEnds(t *testing.T) {
	for _, kind := range []string{"erase", "erase_published"} {
		for _, ranges := range []map[string]float64{{"probability": 1}, {"probability": 1, "min_area": 1, "max_area": 1}, {"probability": 1, "min_aspect": 100, "max_aspect": 100}} {
			recipe, err := Custom("keras-2018", []Spec{{kind, ranges}})
			if err != nil {
				t.Fatal(err)
			}
			for _, size := range [][2]int{{1, 1}, {2, 40}, {40, 2}, {1, 1000}, {1000, 1}, {3, 3}} {
				for _, p := range plans(t, recipe, 300, size[0], size[1]) {
					b := p.Erase
					if b.Row < 0 || b.Column < 0 || b.Height < 0 || b.Width < 0 || b.Row+b.Height > size[0] || b.Column+b.Width > size[1] {
						t.Fatalf("%s on %dx%d: box %+v is not inside", kind, size[0], size[1], b)
					}
				}
			}
		}
	}
}

// The areas and aspect ratios of boxes are within their ranges, except for the
// rounding to whole pixels.
func TestPublishedEraseDrawsItsRanges(t *testing.T) {
	recipe, err := Custom("keras-2018", []Spec{{"erase_published", nil}})
	if err != nil {
		t.Fatal(err)
	}
	const side = 1000
	erased, tall := 0, 0
	for _, p := range plans(t, recipe, draws, side, side) {
		if p.Erase.Empty() {
			continue
		}
		erased++
		height, width := float64(p.Erase.Height), float64(p.Erase.Width)
		if (height+1)*(width+1) < 0.02*side*side || (height-1)*(width-1) > 0.4*side*side {
			t.Fatalf("area of %+v", p.Erase)
		}
		if (height+1)/(width-1) < 0.3 || (height-1)/(width+1) > 1/0.3 {
			t.Fatalf("aspect of %+v", p.Erase)
		}
		if height > width {
			tall++
		}
	}
	checkShare(t, "published erase", erased, draws, 0.5)
	if tall < erased/2 {
		t.Errorf("%d of %d boxes are tall, want most: r is uniform in 0.3..3.3", tall, erased)
	}
}

func BenchmarkErase(b *testing.B) {
	benchmarkPlan(b, func(p *Plan) { p.Erase = Patch{5, 5, 10, 12, 0.3} })
}
