package synthetic

// line is a row of an image while it is drawn.
type line [side]colour

// outline is the outline of a figure or mark that is drawn over the ground.
type outline interface {
	// depth returns the share of the pixel at a point that is covered, 0..1. Outside
	// it continues below 0, and inside above 1, in proportion to the distance.
	depth(place point) float32
	// edge returns the smallest number of pixels over which the depth changes by 1.
	edge() float32
}

// render draws the scene into an image of 32x32 pixels.
func (s *scene) render(pixels []uint8) {
	var l line
	for row := range side {
		y := float32(row) + 0.5
		l.ground(y, &s.ground)
		for i := range s.behind {
			l.cover(y, &s.behind[i], &s.behind[i].fill)
		}
		l.cover(y, &s.figure, &s.fill)
		for i := range s.front {
			l.cover(y, &s.front[i], &s.front[i].fill)
		}
		s.store(pixels[row*channels*side:], l[:])
	}
}

// ground paints the row at y.
func (l *line) ground(y float32, p *paint) {
	for column := range l {
		l[column] = p.at(point{float32(column) + 0.5, y})
	}
}

// cover paints the inside of the outline in the row at y. Most pixels are far from an edge:
// the depth says for how many pixels there is none, so these need no further depths.
func (l *line) cover(y float32, o outline, p *paint) {
	// margin allows for rounding errors of depths, which are much smaller.
	const margin = 1. / 64
	edge := o.edge()
	for column := 0; column < side; {
		depth := o.depth(point{float32(column) + 0.5, y})
		if depth <= 0 {
			column += 1 + max(int((-depth-margin)*edge), 0)
			continue
		}
		end := min(column+1+max(int((depth-1-margin)*edge), 0), side)
		for depth = clamp(depth); column < end; column++ {
			l[column] = l[column].toward(p.at(point{float32(column) + 0.5, y}), depth)
		}
	}
}

// store adds noise and rounds to bytes. The noise of a channel is the sum of
// two uniform numbers, each of 10 bits of one random word.
func (s *scene) store(pixels []uint8, colours []colour) {
	const bits, mask = 10, 1<<10 - 1
	// The sum of two uniform numbers in 0..1 has the variance 1/6.
	scale := s.noise * sqrt(6) / mask
	noisy := func(value float32, word uint64) uint8 {
		sum := float32(int(word&mask) + int(word>>bits&mask) - mask)
		return uint8(min(max(int32(mad(sum, scale, value+0.5)), 0), 255))
	}
	for column, c := range colours {
		word := s.dice.source.Uint64()
		pixel := pixels[column*channels:][:channels]
		pixel[0] = noisy(c.red, word)
		pixel[1] = noisy(c.green, word>>(2*bits))
		pixel[2] = noisy(c.blue, word>>(4*bits))
	}
}
