package dataset

import (
	"fmt"
	"math"
)

// Integer is a type that the labels of New may have.
type Integer interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32
}

// New returns a set of square images that are already in memory: one after the other, each
// row by row, each pixel as red, green, blue, so that the pixels have the shape
// [len(labels), side, side, 3] and values 0..255. The side follows from the number of
// pixels. A label is an index into the names of the classes. [Set.InGrey] turns the images
// into grey ones; to make a set from grey pixels, fill in a [Set] with Grey.
//
// The set keeps the pixels, which must not change from now on, and copies the labels. If
// they do not fit together, the error is an [*Error].
func New[L Integer](pixels []uint8, labels []L, classes []string) (*Set, error) {
	each := colour * max(len(labels), 1)
	side := int(math.Round(math.Sqrt(float64(len(pixels) / each))))
	if len(labels) == 0 || side == 0 || side*side*each != len(pixels) {
		return nil, &Error{Record: NoRecord, Err: fmt.Errorf("%d bytes are not %d square images of 3 channels (NewSized takes others)", len(pixels), len(labels))}
	}
	return NewSized(side, side, pixels, labels, classes)
}

// NewSized is New for images of any height and width, in pixels.
func NewSized[L Integer](height, width int, pixels []uint8, labels []L, classes []string) (*Set, error) {
	s := &Set{Name: "memory", Classes: classes, Height: height, Width: width, Pixels: pixels, Labels: make([]int32, len(labels))}
	for i, label := range labels {
		// A label that an int32 cannot hold is out of range too.
		if s.Labels[i] = int32(label); int64(s.Labels[i]) != int64(label) {
			return nil, &Error{Record: i, Err: fmt.Errorf("label %d is outside 0..%d", label, len(classes)-1)}
		}
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return s, nil
}
