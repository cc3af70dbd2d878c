package dataset

import (
	"context"
	"image"
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

// fromMemory is a stream of the images of a set in memory.
type fromMemory struct {
	Stream
	set *Set
}

func (f fromMemory) ReadImage(ctx context.Context, i int, dst []uint8, choose func(height, width int) image.Rectangle) error {
	return f.set.ReadImage(ctx, i, dst, choose)
}

// TestStreamedChannels checks that conversions of a set that streams give the same pixels as
// those of a set in memory, also of parts of images.
func TestStreamedChannels(t *testing.T) {
	kept := &Set{Classes: []string{"a", "b"}, Height: 4, Width: 3, Labels: []int32{1, 0}}
	for i := range 2 * 4 * 3 * 3 {
		kept.Pixels = append(kept.Pixels, uint8(37*i))
	}
	streamed := NewStreamed(*kept, fromMemory{set: kept})
	left := func(height, width int) image.Rectangle { return image.Rect(0, 0, width-1, height) }
	for name, convert := range map[string]func(*Set) *Set{
		"grey":                func(s *Set) *Set { return s.InGrey() },
		"grey in 3 channels":  func(s *Set) *Set { return s.InGrey().InColour() },
		"unchanged in colour": func(s *Set) *Set { return s.InColour() },
	} {
		want, from := convert(kept), convert(streamed)
		got, err := from.ReadImages(t.Context(), 0, 2, nil)
		if err != nil || !from.Streams() || !slices.Equal(got, want.Images(0, 2)) {
			t.Errorf("%s: %v, %v, want %v", name, err, got, want.Images(0, 2))
		}
		part, wanted := make([]uint8, want.imageSize()), make([]uint8, want.imageSize())
		if err := want.ReadImage(t.Context(), 1, wanted, left); err != nil {
			t.Fatal(err)
		}
		if err := from.ReadImage(t.Context(), 1, part, left); err != nil || slices.Equal(part, got[len(part):]) {
			t.Errorf("%s: %v, the part is the whole image", name, err)
		}
		// Grey is rounded before or after resizing.
		for k, v := range wanted {
			if difference := int(part[k]) - int(v); difference < -1 || difference > 1 {
				t.Errorf("%s: byte %d of the part is %d, want %d", name, k, part[k], v)
			}
		}
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
