package dataset

import (
	"errors"
	"math"
	"slices"
	"testing"
)

// TestNew makes sets with several types of labels, and checks that the images are in the
// right places.
func TestNew(t *testing.T) {
	pixels := make([]uint8, 2*3*3*3)
	for i := range pixels {
		pixels[i] = uint8(i)
	}
	a, err := New(pixels, []int{1, 0}, []string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(pixels, []int64{1, 0}, []string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	if h, w := a.Size(); h != 3 || w != 3 || a.Len() != 2 || a.Label(0) != 1 || a.Image(1)[0] != 27 {
		t.Errorf("%d images of %dx%d pixels, labels %v, image 1 begins with %v", a.Len(), h, w, a.Labels, a.Image(1)[:3])
	}
	if a.Hash() != b.Hash() {
		t.Error("the type of the labels makes a difference")
	}
	wide, err := NewSized(1, 9, pixels, []uint8{0, 1}, []string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	if h, w := wide.Size(); h != 1 || w != 9 || !slices.Equal(wide.Labels, []int32{0, 1}) {
		t.Errorf("images of %dx%d pixels, labels %v", h, w, wide.Labels)
	}
}

func TestNewRefuses(t *testing.T) {
	classes := []string{"a", "b"}
	for want, err := range map[string]error{
		"54 bytes are not 3 square images of 3 channels (NewSized takes others)": newError(54, []int{0, 1, 1}, classes),
		"0 bytes are not 0 square images of 3 channels (NewSized takes others)":  newError(0, []int{}, classes),
		"0 bytes are not 1 square images of 3 channels (NewSized takes others)":  newError(0, []int{0}, classes),
		"55 bytes are not 2 square images of 3 channels (NewSized takes others)": newError(55, []int{0, 1}, classes),
		"record 1: label 2 is outside 0..1":                                      newError(54, []int{0, 2}, classes),
		"record 1: label 4294967296 is outside 0..1":                             newError(54, []int64{0, 1 << 32}, classes),
		"record 0: label 4294967295 is outside 0..1":                             newError(54, []uint32{math.MaxUint32, 0}, classes),
		"record 0: label -1 is outside 0..1":                                     newError(54, []int8{-1, 0}, classes),
		"the set has no names of classes":                                        newError(54, []int{0, 1}, nil),
	} {
		var fault *Error
		if !errors.As(err, &fault) || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if _, err := NewSized(2, 4, make([]uint8, 54), []int{0, 1}, classes); err == nil || err.Error() != "2 images of 2x4 pixels have 48 bytes, got 54" {
		t.Errorf("error %v", err)
	}
}

func newError[L Integer](bytes int, labels []L, classes []string) error {
	_, err := New(make([]uint8, bytes), labels, classes)
	return err
}
