package photo

import (
	"fmt"
	"image"
	"math"

	"onnxlab/internal/resize"
)

// Transform is how pictures become images of one size when nothing is drawn at random, as
// for validation.
type Transform string

// The transforms. For 224x224 pixels, Torchvision and Timm resize the shorter side to 256 and
// cut out the middle: 224/256 = 0.875.
const (
	// Square cuts out the largest middle part of the wanted proportions, and resizes it
	// with the Catmull-Rom spline.
	Square Transform = "square"
	// Torchvision is that of torchvision's classification presets: Resize(256), bilinear and
	// antialiased, then CenterCrop(224).
	Torchvision Transform = "torchvision"
	// Timm is that of timm's models with crop_pct 0.875: the same, bicubic.
	Timm Transform = "timm"
)

// Transforms are all there are.
var Transforms = []Transform{Square, Torchvision, Timm}

// Cut is the part of a picture that the transform makes height x width pixels of.
// pictureHeight and pictureWidth are those of the upright picture.
func (t Transform) Cut(pictureHeight, pictureWidth, height, width int) Cut {
	if t == Square || t == "" {
		cut := Whole(middle(pictureHeight, pictureWidth, height, width), height, width)
		cut.Filter, cut.fill = resize.Bicubic, true
		return cut
	}
	cut := Cut{Box: image.Rect(0, 0, pictureWidth, pictureHeight)}
	cut.Height, cut.Width = resized(pictureHeight, pictureWidth, height, width)
	// torchvision's center_crop rounds halves to even.
	top := int(math.RoundToEven(float64(cut.Height-height) / 2))
	left := int(math.RoundToEven(float64(cut.Width-width) / 2))
	cut.Window = image.Rect(left, top, left+width, top+height)
	if t == Timm {
		cut.Filter = resize.Bicubic
	}
	return cut
}

// middle is the largest part in the middle that has the proportions.
func middle(pictureHeight, pictureWidth, height, width int) image.Rectangle {
	h, w := pictureHeight, pictureWidth
	cut := image.Pt(min(w, max(h*width/height, 1)), min(h, max(w*height/width, 1)))
	corner := image.Pt((w-cut.X)/2, (h-cut.Y)/2)
	return image.Rectangle{corner, corner.Add(cut)}
}

// resized is the size of the whole picture before its middle is cut out: the side that
// limits it becomes 8/7 of what is wanted, and the other follows, rounded down as
// torchvision does it. A panorama is wide, but never narrower than what is cut out.
func resized(pictureHeight, pictureWidth, height, width int) (h, w int) {
	larger := func(side int) int { return side * 8 / 7 }
	if pictureHeight*width < pictureWidth*height { // its height limits it
		h = larger(height)
		return h, max(h*pictureWidth/pictureHeight, width)
	}
	w = larger(width)
	return max(w*pictureHeight/pictureWidth, height), w
}

// ParseTransform is the transform of a name.
func ParseTransform(name string) (Transform, error) {
	for _, t := range Transforms {
		if string(t) == name {
			return t, nil
		}
	}
	return "", fmt.Errorf("transform %q is not one of %v", name, Transforms)
}
