package augment

import (
	"fmt"
	"image"

	"github.com/disintegration/imaging"
)

// FromImage returns the pixels of an image as [height, width, 3], the form that
// plans are applied to. It drops the transparency. For single operations on an image.Image, such
// as cropping, pasting or resizing, use github.com/disintegration/imaging.
func FromImage(img image.Image) (pixels []uint8, height, width int) {
	nrgba := imaging.Clone(img)
	height, width = nrgba.Rect.Dy(), nrgba.Rect.Dx()
	pixels = make([]uint8, height*width*3)
	for i := range height * width {
		copy(pixels[3*i:3*i+3], nrgba.Pix[4*i:])
	}
	return pixels, height, width
}

// ToImage returns pixels, [height, width, 3] or [height, width, 1], as an opaque
// image. It returns an error if their number fits neither.
func ToImage(pixels []uint8, height, width int) (*image.NRGBA, error) {
	if err := checkSize(len(pixels), len(pixels), height, width); err != nil {
		return nil, fmt.Errorf("make image: %w", err)
	}
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	channels := len(pixels) / (height * width)
	for i := range height * width {
		pixel := pixels[channels*i : channels*(i+1)]
		for c := range 3 {
			img.Pix[4*i+c] = pixel[min(c, channels-1)]
		}
		img.Pix[4*i+3] = 255
	}
	return img, nil
}

// ApplyImage is Apply for an image.Image, without its transparency.
func (p *Plan) ApplyImage(img image.Image) (*image.NRGBA, error) {
	src, height, width := FromImage(img)
	dst := make([]uint8, len(src))
	if err := p.Apply(dst, src, height, width); err != nil {
		return nil, err
	}
	return ToImage(dst, height, width)
}
