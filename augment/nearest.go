package augment

import "math"

// inverse maps the position of a pixel of the result to where it comes from. x and y are
// the distances from the middle of the image to the middle of the pixel.
type inverse struct{ xx, xy, x0, yx, yy, y0 float64 }

// moveNearest warps the image and takes the nearest pixel of the source. Pixels that come
// from outside are black. torchvision's affine and rotate do the same by default.
func (w *Workspace) moveNearest(pixels []uint8, height, width int, m inverse) {
	before := w.copyOf(pixels)
	halfWidth, halfHeight := float64(width)/2, float64(height)/2
	for row := range height {
		y := float64(row) + 0.5 - halfHeight
		for column := range width {
			x := float64(column) + 0.5 - halfWidth
			fromColumn := math.RoundToEven(m.xx*x + m.xy*y + m.x0 + halfWidth - 0.5)
			fromRow := math.RoundToEven(m.yx*x + m.yy*y + m.y0 + halfHeight - 0.5)
			to := pixels[3*(row*width+column):][:3]
			if fromColumn < 0 || fromRow < 0 || fromColumn >= float64(width) || fromRow >= float64(height) {
				clear(to)
				continue
			}
			copy(to, before[3*(int(fromRow)*width+int(fromColumn)):][:3])
		}
	}
}

// rotateNearest turns the image counter-clockwise about its middle.
func (w *Workspace) rotateNearest(pixels []uint8, height, width int, degrees float64) {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	w.moveNearest(pixels, height, width, inverse{cos, -sin, 0, sin, cos, 0})
}

// shearX shifts each row to the left by slope pixels more than the row above it.
func (w *Workspace) shearX(pixels []uint8, height, width int, slope float64) {
	w.moveNearest(pixels, height, width, inverse{1, slope, slope * float64(height) / 2, 0, 1, 0})
}

// shearY shifts each column up by slope pixels more than the column to its left.
func (w *Workspace) shearY(pixels []uint8, height, width int, slope float64) {
	w.moveNearest(pixels, height, width, inverse{1, 0, 0, slope, 1, slope * float64(width) / 2})
}

// translateX moves the image to the right by whole pixels.
func (w *Workspace) translateX(pixels []uint8, height, width int, by float64) {
	w.moveNearest(pixels, height, width, inverse{1, 0, -math.Trunc(by), 0, 1, 0})
}

// translateY moves the image down by whole pixels.
func (w *Workspace) translateY(pixels []uint8, height, width int, by float64) {
	w.moveNearest(pixels, height, width, inverse{1, 0, 0, 0, 1, -math.Trunc(by)})
}
