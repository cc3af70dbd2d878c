package photo

import (
	"image"

	"github.com/disintegration/imaging"
)

// swaps reports whether turning the picture swaps its width and height.
func (o orientation) swaps() bool { return o >= 5 }

// upright returns the stored picture turned upright (EXIF 2.32, tag 0x0112).
func (o orientation) upright(stored *image.NRGBA) *image.NRGBA {
	switch o {
	case 2:
		return imaging.FlipH(stored)
	case 3:
		return imaging.Rotate180(stored)
	case 4:
		return imaging.FlipV(stored)
	case 5:
		return imaging.Transpose(stored)
	case 6:
		return imaging.Rotate270(stored)
	case 7:
		return imaging.Transverse(stored)
	case 8:
		return imaging.Rotate90(stored)
	}
	return stored
}

// storedPart returns where a part of the upright picture is in the stored one, which has
// this size.
func (o orientation) storedPart(part image.Rectangle, size image.Point) image.Rectangle {
	if o.swaps() {
		part = image.Rect(part.Min.Y, part.Min.X, part.Max.Y, part.Max.X)
	}
	if o == 2 || o == 3 || o == 7 || o == 8 {
		part.Min.X, part.Max.X = size.X-part.Max.X, size.X-part.Min.X
	}
	if o == 3 || o == 4 || o == 6 || o == 7 {
		part.Min.Y, part.Max.Y = size.Y-part.Max.Y, size.Y-part.Min.Y
	}
	return part
}

// turn writes the pixels upright, 3 bytes each. src has the stored pixels: height rows of
// width pixels.
func (o orientation) turn(dst, src []uint8, height, width int) {
	// The upright picture's pixel (row, column) is the stored one's at
	// start + row*down + column*right, in pixels.
	start, down, right := 0, width, 1
	rows, columns := height, width
	if o.swaps() {
		down, right = 1, width
		rows, columns = width, height
	}
	if o == 2 || o == 3 { // mirrored along the stored rows
		start, right = start+width-1, -right
	}
	if o == 3 || o == 4 {
		start, down = start+(height-1)*width, -down
	}
	if o == 6 || o == 7 { // upright columns run up the stored ones
		start, right = start+(height-1)*width, -right
	}
	if o == 7 || o == 8 {
		start, down = start+width-1, -down
	}
	for row := range rows {
		at := 3 * (start + row*down)
		for column := range columns {
			to := 3 * (row*columns + column)
			copy(dst[to:to+3], src[at:at+3])
			at += 3 * right
		}
	}
}
