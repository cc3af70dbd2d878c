package dataset

// InGrey is the set with every pixel's luminance in place of its colour, by the weights of
// ITU-R BT.601 as Pillow's mode "L" rounds them. A set that is grey already is returned as
// it is.
func (s *Set) InGrey() *Set {
	if s.Grey {
		return s
	}
	return s.converted(true, func(to, from []uint8) { GreyOf(to, from) })
}

// InColour is the set with three equal channels in place of one. A set that is in colour
// already is returned as it is.
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

// WithChannels is InGrey for 1 channel and InColour for 3; other numbers leave the set as
// it is.
func (s *Set) WithChannels(channels int) *Set {
	switch channels {
	case grey:
		return s.InGrey()
	case colour:
		return s.InColour()
	}
	return s
}

// converted is the set with all pixels converted.
func (s *Set) converted(toGrey bool, convert func(to, from []uint8)) *Set {
	other := *s
	other.Grey = toGrey
	if s.stream != nil { // images are converted when they are read
		return &other
	}
	other.drawing = nil
	other.Pixels = make([]uint8, other.Len()*other.imageSize())
	convert(other.Pixels, s.Images(0, s.Len()))
	return &other
}

// GreyOf fills grey with the luminance of pixels of red, green and blue, three bytes for each
// byte of grey.
func GreyOf(grey, pixels []uint8) {
	// ImagingConvertRGB2L of Pillow's Convert.c, whose weights add up to 2^16.
	const red, green, blue, half = 19595, 38470, 7471, 1 << 15
	for i := range grey {
		p := pixels[colour*i : colour*i+colour : colour*i+colour]
		grey[i] = uint8((red*uint32(p[0]) + green*uint32(p[1]) + blue*uint32(p[2]) + half) >> 16)
	}
}
