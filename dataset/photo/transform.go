package photo

import (
	"fmt"
	"image"
	"math"

	"onnxlab/internal/resize"
)

// Transform says how pictures become images of one size without random crops, as for
// validation.
type Transform string

// The transforms. For images of 224x224 pixels, Torchvision and Timm resize the shorter
// side to 256 and cut out the middle: 224/256 = 0.875.
const (
	// Square cuts out the largest part in the middle with the proportions of the image, and
	// resizes it with the Catmull-Rom spline.
	Square Transform = "square"
	// Torchvision is the transform of torchvision's classification presets: Resize(256),
	// bilinear and antialiased, then CenterCrop(224).
	Torchvision Transform = "torchvision"
	// Timm is the transform of timm's models with crop_pct 0.875: the same, but bicubic.
	Timm Transform = "timm"
)

// Transforms has all transforms.
var Transforms = []Transform{Square, Torchvision, Timm}

// Cut returns the cut that the transform makes of a picture, for images of height x width
// pixels. pictureHeight and pictureWidth are the size of the upright picture.
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

// middle returns the largest part in the middle with these proportions.
func middle(pictureHeight, pictureWidth, height, width int) image.Rectangle {
	h, w := pictureHeight, pictureWidth
	cut := image.Pt(min(w, max(h*width/height, 1)), min(h, max(w*height/width, 1)))
	corner := image.Pt((w-cut.X)/2, (h-cut.Y)/2)
	return image.Rectangle{corner, corner.Add(cut)}
}

// resized returns the size of the whole picture before its middle is cut out: the side that
// limits it becomes 8/7 of the wanted size, and the other one follows in proportion,
// rounded down as by torchvision. It is never smaller than the part that is cut out.
func resized(pictureHeight, pictureWidth, height, width int) (h, w int) {
	larger := func(side int) int { return side * 8 / 7 }
	if pictureHeight*width < pictureWidth*height { // the height limits the size
		h = larger(height)
		return h, max(h*pictureWidth/pictureHeight, width)
	}
	w = larger(width)
	return max(w*pictureHeight/pictureWidth, height), w
}

// ParseTransform returns the transform with this name.
func ParseTransform(name string) (Transform, error) {
	for _, t := range Transforms {
		if string(t) == name {
			return t, nil
		}
	}
	return "", fmt.Errorf("transform %q is not one of %v", name, Transforms)
}
