package dataset

import (
	"errors"
	"math"
	"slices"
	"testing"
)

// tinySet returns two images of 1x2 pixels.
func tinySet() *Set {
	return &Set{
		Name: "tiny", Classes: []string{"a", "b"}, Height: 1, Width: 2,
		Pixels: []uint8{0, 10, 20, 255, 30, 40, 0, 50, 60, 255, 70, 80},
		Labels: []int32{1, 0},
	}
}

func TestHashSeesEverything(t *testing.T) {
	hashes := map[string]string{}
	for name, change := range map[string]func(s *Set){
		"nothing": func(*Set) {},
		"pixel":   func(s *Set) { s.Pixels[11]++ },
		"label":   func(s *Set) { s.Labels[0] = 0 },
		"order":   func(s *Set) { s.Labels[0], s.Labels[1] = 0, 1 },
		"class":   func(s *Set) { s.Classes = []string{"a", "c"} },
		"border":  func(s *Set) { s.Classes = []string{"", "ab"} },
		"size":    func(s *Set) { s.Height, s.Width = 2, 1 },
		"count":   func(s *Set) { *s = *s.Head(1) },
	} {
		set := tinySet()
		change(set)
		hash := set.Hash()
		if other, ok := hashes[hash]; ok {
			t.Errorf("%s and %s have the same hash", name, other)
		}
		hashes[hash] = name
	}
	renamed := tinySet()
	renamed.Name = "other"
	if renamed.Hash() != tinySet().Hash() {
		t.Error("the hash depends on the name")
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(s *Set)
		want   string
	}{
		{"nothing", func(*Set) {}, ""},
		{"size", func(s *Set) { s.Height = -1 }, "images of -1x2 pixels: a side is outside 1..65535"},
		{"zero", func(s *Set) { *s = Set{} }, "images of 0x0 pixels: a side is outside 1..65535"},
		{"pixels", func(s *Set) { s.Pixels = s.Pixels[:7] }, "2 images of 1x2 pixels have 12 bytes, got 7"},
		{"labels", func(s *Set) { s.Labels = s.Labels[:1] }, "1 images of 1x2 pixels have 6 bytes, got 12"},
		{"files", func(s *Set) { s.Files = []string{"a.png"} }, "1 files for 2 images"},
		{"classes", func(s *Set) { s.Classes = nil }, "the set has no names of classes"},
		{"label", func(s *Set) { s.Labels[1] = 2 }, "record 1: label 2 is outside 0..1"},
		{"negative", func(s *Set) { s.Labels[0] = -1 }, "record 0: label -1 is outside 0..1"},
	} {
		set := tinySet()
		c.change(set)
		err := set.Validate()
		var data *Error
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &data) || err.Error() != c.want) {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
}

func TestHead(t *testing.T) {
	set := tinySet()
	for n, want := range map[int]int{-1: 0, 0: 0, 1: 1, 2: 2, 3: 2} {
		head := set.Head(n)
		if head.Len() != want || len(head.Pixels) != 6*want {
			t.Errorf("Head(%d) has %d images and %d values", n, head.Len(), len(head.Pixels))
		}
	}
	if got := set.Image(1); !slices.Equal(got, []uint8{0, 50, 60, 255, 70, 80}) {
		t.Errorf("image 1 is %v", got)
	}
}

func TestStats(t *testing.T) {
	stats := tinySet().Stats()
	if !slices.Equal(stats.Counts, []int{1, 1}) {
		t.Errorf("counts %v, want 1 and 1", stats.Counts)
	}
	// Red is 0, 1, 0, 1; green is 10, 30, 50, 70, and blue is green + 10, in units of
	// 1/255.
	wantMean := [3]float64{0.5, 40. / 255, 50. / 255}
	wantDeviation := [3]float64{0.5, math.Sqrt(500) / 255, math.Sqrt(500) / 255}
	for c := range 3 {
		if math.Abs(stats.Mean[c]-wantMean[c]) > 1e-12 || math.Abs(stats.Deviation[c]-wantDeviation[c]) > 1e-12 {
			t.Errorf("channel %d: %v and %v, want %v and %v", c, stats.Mean[c], stats.Deviation[c], wantMean[c], wantDeviation[c])
		}
	}
	if empty := tinySet().Head(0).Stats(); !slices.Equal(empty.Mean, []float64{0, 0, 0}) || len(empty.Counts) != 2 {
		t.Errorf("empty set has %+v", empty)
	}
}

// TestSheet checks that the pixels of the images are in the right places.
func TestSheet(t *testing.T) {
	sheet := tinySet().Sheet(1)
	// One image is 64 pixels wide and 32 high, in a cell with 2 pixels of gap.
	if size := sheet.Rect.Size(); size.X != 110+66 || size.Y != 2*34 {
		t.Fatalf("size %v", size)
	}
	// The first row is class a, which is image 1.
	for _, test := range []struct {
		x, y int
		want [3]uint8
	}{{110, 0, [3]uint8{0, 50, 60}}, {110 + 63, 31, [3]uint8{255, 70, 80}}, {110, 34, [3]uint8{0, 10, 20}}, {110 + 64, 0, [3]uint8{255, 255, 255}}} {
		c := sheet.NRGBAAt(test.x, test.y)
		if got := [3]uint8{c.R, c.G, c.B}; got != test.want {
			t.Errorf("at %d, %d: %v, want %v", test.x, test.y, got, test.want)
		}
	}
	dark := 0
	for x := range 108 {
		for y := range 32 {
			if sheet.NRGBAAt(x, y).R < 128 {
				dark++
			}
		}
	}
	if dark < 5 {
		t.Error("the class has no name on the sheet")
	}
}
