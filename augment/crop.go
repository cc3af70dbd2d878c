package augment

import (
	"fmt"
	"image"
	"math"
	"math/rand/v2"

	"onnxlab/internal/resize"
)

// Crop is the part of an original that is resized to become the image. An empty Crop
// stands for the whole original.
type Crop struct {
	Row    int `json:"row"`
	Column int `json:"column"`
	Height int `json:"height"`
	Width  int `json:"width"`
}

// Empty tells whether the part has no pixels.
func (c Crop) Empty() bool { return c.Height <= 0 || c.Width <= 0 }

// IsZero is Empty, so that JSON leaves an empty part out of fields with omitzero.
func (c Crop) IsZero() bool { return c.Empty() }

// Rectangle is the part in pixels of the original.
func (c Crop) Rectangle() image.Rectangle {
	return image.Rect(c.Column, c.Row, c.Column+c.Width, c.Row+c.Height)
}

func (c Crop) validate() error {
	for _, f := range []struct {
		name  string
		value int
	}{{"row", c.Row}, {"column", c.Column}, {"height", c.Height}, {"width", c.Width}} {
		if f.value < 0 || f.value > maxSide {
			return fmt.Errorf("crop.%s: %d is outside 0..%d", f.name, f.value, maxSide)
		}
	}
	return nil
}

// resizedCrop draws a part of random area and proportions: torchvision's
// RandomResizedCrop (Szegedy et al. 2015, "Going deeper with convolutions").
type resizedCrop struct{ minArea, maxArea, minAspect, maxAspect float64 }

func newResizedCrop(r *ranges) operation {
	var o resizedCrop
	o.minArea, o.maxArea = r.intervalOr("min_area", "max_area", 0.08, 1, 0, 1)
	o.minAspect, o.maxAspect = r.intervalOr("min_aspect", "max_aspect", 3.0/4, 4.0/3, 0.01, 100)
	return o
}

func defaultCrop() resizedCrop { return resizedCrop{0.08, 1, 3.0 / 4, 4.0 / 3} }

func (resizedCrop) kind() string { return "random_resized_crop" }

// draw leaves the plan as it is: the part depends on the size of the original, which is
// known when its file has been opened.
func (o resizedCrop) draw(*rand.Rand, int, int, *Plan) {}

// pick is RandomResizedCrop.make_params of torchvision's v2 transforms.
func (o resizedCrop) pick(rng *rand.Rand, height, width int) Crop {
	area := float64(height * width)
	const tries = 10
	for range tries {
		target := area * between(rng, o.minArea, o.maxArea)
		aspect := math.Exp(between(rng, math.Log(o.minAspect), math.Log(o.maxAspect)))
		w := int(math.RoundToEven(math.Sqrt(target * aspect)))
		h := int(math.RoundToEven(math.Sqrt(target / aspect)))
		if w > 0 && h > 0 && w <= width && h <= height {
			return Crop{rng.IntN(height - h + 1), rng.IntN(width - w + 1), h, w}
		}
	}
	return o.central(height, width)
}

// central is the largest part in the middle whose proportions are allowed.
func (o resizedCrop) central(height, width int) Crop {
	h, w := height, width
	switch aspect := float64(width) / float64(height); {
	case aspect < o.minAspect:
		h = max(int(math.RoundToEven(float64(w)/o.minAspect)), 1)
	case aspect > o.maxAspect:
		w = max(int(math.RoundToEven(float64(h)*o.maxAspect)), 1)
	}
	return Crop{(height - h) / 2, (width - w) / 2, h, w}
}

// resize writes the part of src into dst. Both hold height rows of width pixels.
func (c Crop) resize(r *resize.Resizer, dst, src []uint8, height, width int) error {
	whole := image.Rect(0, 0, width, height)
	part := c.Rectangle()
	if !part.In(whole) {
		return fmt.Errorf("crop: %+v is not within %dx%d pixels", c, width, height)
	}
	return r.Resize(dst, resize.Picture{Pixels: src, Height: height, Width: width}, resize.To{
		Box:    resize.Box{Left: float64(part.Min.X), Top: float64(part.Min.Y), Right: float64(part.Max.X), Bottom: float64(part.Max.Y)},
		Height: height, Width: width, Window: whole,
	})
}
