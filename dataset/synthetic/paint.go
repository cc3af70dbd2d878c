package synthetic

// colour is red, green and blue in 0..255. It is a struct, because the compiler keeps a
// struct in registers but not an array.
type colour struct{ red, green, blue float32 }

// toward interpolates between c (t = 0) and d (t = 1).
func (c colour) toward(d colour, t float32) colour {
	return colour{
		mad(d.red-c.red, t, c.red),
		mad(d.green-c.green, t, c.green),
		mad(d.blue-c.blue, t, c.blue),
	}
}

// distance returns the root mean square difference of the channels.
func (c colour) distance(d colour) float32 {
	red, green, blue := c.red-d.red, c.green-d.green, c.blue-d.blue
	return sqrt(mad(blue, blue, mad(green, green, float32(red*red))) / channels)
}

// colour draws uniformly from the colour cube.
func (d dice) colour() colour {
	return colour{d.between(0, 255), d.between(0, 255), d.between(0, 255)}
}

// near draws a colour whose channels differ from those of c by up to reach.
func (d dice) near(c colour, reach float32) colour {
	near := func(value float32) float32 { return min(max(value+d.between(-reach, reach), 0), 255) }
	return colour{near(c.red), near(c.green), near(c.blue)}
}

// pattern says how a paint changes between its two colours.
type pattern int

const (
	flat pattern = iota
	gradient
	stripes
	checks
	cloud
	patterns
)

// paint is a texture of two colours.
type paint struct {
	from, to colour
	pattern  pattern
	// axis is the direction of the pattern, multiplied by its frequency per pixel.
	axis point
	// phase moves the pattern along the axis and across it.
	phase point
	// cloud has the values of a cloud at the corners of cells of 4x4 pixels.
	cloud *[cloudSide * cloudSide]float32
}

const (
	cloudCell = 4
	cloudSide = side/cloudCell + 1
)

// paint draws a texture of a base colour with variations of up to reach.
func (d dice) paint(base colour, reach float32) paint {
	p := paint{
		from: base, to: d.near(base, reach),
		pattern: pattern(d.pick(int(patterns))),
		phase:   point{d.unit(), d.unit()},
	}
	frequency := d.between(0.08, 0.3)
	if p.pattern == gradient {
		frequency = d.between(0.5, 1) / side
	}
	p.axis = point{}.addScaled(direction(d.between(0, tau)), frequency)
	if p.pattern == cloud {
		p.cloud = new([cloudSide * cloudSide]float32)
		for i := range p.cloud {
			p.cloud[i] = d.unit()
		}
	}
	return p
}

// at returns the colour of the paint at a point of the image.
func (p *paint) at(place point) colour { return p.from.toward(p.to, p.weight(place)) }

// weight returns the share of the second colour at a point of the image, 0..1.
func (p *paint) weight(place point) float32 {
	switch p.pattern {
	case gradient:
		rel := place.minus(point{side / 2, side / 2})
		return clamp(rel.dot(p.axis) + 0.5)
	case stripes:
		return wave(place.dot(p.axis) + p.phase.x)
	case checks:
		u := wave(place.dot(p.axis) + p.phase.x)
		v := wave(place.cross(p.axis) + p.phase.y)
		return clamp(mad(4*(u-0.5), 4*(v-0.5), 0.5))
	case cloud:
		return cloudAt(p.cloud, place)
	}
	return 0
}

// cloudAt returns the cloud's value at a point of the image, by bilinear interpolation
// between the corners of its cells.
func cloudAt(cloud *[cloudSide * cloudSide]float32, place point) float32 {
	u, v := place.x/cloudCell, place.y/cloudCell
	column, row := int(u), int(v)
	u, v = u-float32(column), v-float32(row)
	corner := cloud[row*cloudSide+column:]
	above := mad(corner[1]-corner[0], u, corner[0])
	below := mad(corner[cloudSide+1]-corner[cloudSide], u, corner[cloudSide])
	return mad(below-above, v, above)
}
