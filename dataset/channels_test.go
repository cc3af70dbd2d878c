package dataset

import (
	"slices"
	"testing"
)

// TestInGrey compares with Pillow: Image.new("RGB", (1, 1),
// pixel).convert("L").getpixel((0, 0)).
func TestInGrey(t *testing.T) {
	colours := []uint8{
		255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 1, 2, 3, 200, 100, 50, 10, 250, 130, 127, 128, 129,
	}
	want := []uint8{76, 150, 29, 255, 0, 2, 124, 165, 128}
	s := &Set{Name: "colours", Classes: []string{"a", "b"}, Height: 3, Width: 3, Pixels: colours, Labels: []int32{1}}
	grey := s.InGrey()
	if !slices.Equal(grey.Image(0), want) || !grey.Grey || grey.Channels() != 1 || grey.Validate() != nil || grey.Label(0) != 1 {
		t.Errorf("grey is %+v, %v", grey, grey.Validate())
	}
	if s.Grey || s.Channels() != 3 || s.InColour() != s || grey.InGrey() != grey {
		t.Error("a set was changed, or copied needlessly")
	}
	back := grey.WithChannels(3)
	if back.Grey || back.Validate() != nil || !slices.Equal(back.Image(0)[:6], []uint8{76, 76, 76, 150, 150, 150}) {
		t.Errorf("in colour again it is %+v", back)
	}
	if grey.WithChannels(0) != grey || s.WithChannels(1).Hash() != grey.Hash() || s.Hash() == grey.Hash() {
		t.Error("hashes")
	}
}

// TestGreyHash checks that a grey set has another hash than a set in colour with the same
// bytes.
func TestGreyHash(t *testing.T) {
	a := &Set{Classes: []string{"a", "b"}, Height: 3, Width: 3, Pixels: make([]uint8, 27), Labels: []int32{0}}
	b := &Set{Classes: []string{"a", "b"}, Height: 3, Width: 9, Grey: true, Pixels: make([]uint8, 27), Labels: []int32{0}}
	if a.Hash() == b.Hash() || a.Validate() != nil || b.Validate() != nil {
		t.Errorf("%v, %v", a.Validate(), b.Validate())
	}
	if stats := b.Stats(); len(stats.Mean) != 1 || stats.Mean[0] != 0 {
		t.Errorf("%+v", stats)
	}
	if b.Sheet(1).Bounds().Empty() {
		t.Error("the sheet is empty")
	}
}
