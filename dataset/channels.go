package dataset

import (
	"context"
	"image"
	"sync"
)

// InGrey returns the set with each pixel replaced by its luminance, with the weights of
// ITU-R BT.601 and rounded as by Pillow's mode "L". It returns a grey set unchanged.
func (s *Set) InGrey() *Set {
	if s.Grey {
		return s
	}
	return s.converted(true, func(to, from []uint8) { GreyOf(to, from) })
}

// InColour returns the set with three equal channels instead of one. It returns a set in
// colour unchanged.
func (s *Set) InColour() *Set {
	if !s.Grey {
		return s
	}
	return s.converted(false, func(to, from []uint8) {
		for i, v := range from {
			to[colour*i], to[colour*i+1], to[colour*i+2] = v, v, v
		}
	})
}

// WithChannels is InGrey for 1 channel and InColour for 3. For other numbers it returns the
// set unchanged.
func (s *Set) WithChannels(channels int) *Set {
	switch channels {
	case grey:
		return s.InGrey()
	case colour:
		return s.InColour()
	}
	return s
}

// converted returns the set with all pixels converted.
func (s *Set) converted(toGrey bool, convert func(to, from []uint8)) *Set {
	other := *s
	other.Grey = toGrey
	if s.stream != nil {
		other.stream = &convertedStream{Stream: s.stream, bytes: s.imageSize(), convert: convert}
		return &other
	}
	other.drawing = nil
	other.Pixels = make([]uint8, other.Len()*other.imageSize())
	convert(other.Pixels, s.Images(0, s.Len()))
	return &other
}

// convertedStream converts images when they are read.
type convertedStream struct {
	Stream
	bytes   int // of an image before it is converted
	convert func(to, from []uint8)
	buffers sync.Pool // of *[]uint8, one image each
}

// ReadImage implements Stream.
func (c *convertedStream) ReadImage(ctx context.Context, i int, dst []uint8, choose func(height, width int) image.Rectangle) error {
	buffer, ok := c.buffers.Get().(*[]uint8)
	if !ok {
		buffer = new(make([]uint8, c.bytes))
	}
	defer c.buffers.Put(buffer)
	if err := c.Stream.ReadImage(ctx, i, *buffer, choose); err != nil {
		return err
	}
	c.convert(dst, *buffer)
	return nil
}

// GreyOf fills grey with the luminance of pixels, which has three bytes, red, green and
// blue, for each byte of grey.
func GreyOf(grey, pixels []uint8) {
	// As ImagingConvertRGB2L in Pillow's Convert.c; the weights add up to 2^16.
	const red, green, blue, half = 19595, 38470, 7471, 1 << 15
	for i := range grey {
		p := pixels[colour*i : colour*i+colour : colour*i+colour]
		grey[i] = uint8((red*uint32(p[0]) + green*uint32(p[1]) + blue*uint32(p[2]) + half) >> 16)
	}
}
