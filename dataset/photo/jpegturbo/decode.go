package jpegturbo

import (
	"fmt"
	"image"
)

// Request says which part of a picture is wanted.
type Request struct {
	// Width and Height are the size of the whole stored picture, according to its header.
	// If the file turns out to have another size, it is an error.
	Width, Height int
	// Part is the wanted part, in pixels of the stored picture. It must be within the
	// picture.
	Part image.Rectangle
	// Scale reduces the picture to Scale/8 while it is decoded, which saves time: 1, 2, 4
	// or 8.
	Scale int
	// Memory is the most bytes that the library may take.
	Memory int64
}

// Part is the decoded part.
type Part struct {
	// Pixels are red, green and blue, row by row: shape [Rect.Dy(), Rect.Dx(), 3].
	Pixels []uint8
	// Rect is the rectangle of the reduced picture that the pixels cover. It contains the
	// wanted part.
	Rect image.Rectangle
}

// Room returns the largest number of bytes that the pixels of a request take.
func (r Request) Room() int {
	// Columns come in whole blocks of at most 4 times 8 pixels, with a border of 2.
	const border, block = 2, 32
	columns := min(r.Part.Dx(), r.Width)*r.Scale/8 + 2*(border+block)
	rows := r.Part.Dy()*r.Scale/8 + 2*border + 2
	return 3 * rows * min(columns, r.Width*r.Scale/8+1)
}

// check returns an error for requests that the C code cannot handle.
func (r Request) check() error {
	switch {
	case r.Width < 1 || r.Height < 1 || r.Width >= 1<<16 || r.Height >= 1<<16:
		return fmt.Errorf("decode JPEG: %dx%d pixels: a side is outside 1..65535", r.Width, r.Height)
	case r.Scale != 1 && r.Scale != 2 && r.Scale != 4 && r.Scale != 8:
		return fmt.Errorf("decode JPEG: scale %d is not 1, 2, 4 or 8", r.Scale)
	case r.Part.Empty() || !r.Part.In(image.Rect(0, 0, r.Width, r.Height)):
		return fmt.Errorf("decode JPEG: part %v is not within %dx%d pixels", r.Part, r.Width, r.Height)
	}
	return nil
}
