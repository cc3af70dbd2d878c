package synthetic

import "math"

const tau = 2 * math.Pi

// scene is everything that decides an image of the synthetic set: a figure on
// a ground, with marks behind it and in front of it.
type scene struct {
	ground, fill paint
	figure       figure
	behind       []mark
	front        []mark
	// noise is the standard deviation of each channel's noise, in 0..255.
	noise float32
	dice  dice
}

// drawScene draws what an image of that class shows.
func drawScene(d dice, class int) *scene {
	is := difficultyAt(d.unit())
	ground := d.colour()
	// What makes the figure visible is its difference from the ground, of
	// whatever sign and hue, never a colour of its own.
	fill := d.colour()
	for fill.distance(ground) < is.contrast {
		fill = d.colour()
	}
	s := &scene{
		ground: d.paint(ground, is.groundReach),
		fill:   d.paint(fill, is.fillReach),
		figure: d.figure(class, is.leastRadius),
		noise:  d.between(leastNoise, is.mostNoise),
		dice:   d,
	}
	for range d.pick(int(is.mostBehind) + 1) {
		s.behind = append(s.behind, d.mark(d.colour(), 1, 3.5))
	}
	if d.chance(is.frontChance) {
		s.front = append(s.front, d.mark(d.colour(), 1.5, 4.5))
	}
	return s
}

// difficulty bounds what an image may show. Images of every difficulty are
// mixed: the easy ones let a network find out what it is about, the hard ones
// leave it something to learn. Colours are in 0..255, lengths in pixels.
type difficulty struct {
	// contrast is the least distance of the figure's colour from the ground's.
	contrast float32
	// groundReach and fillReach are the variations within a texture.
	groundReach, fillReach float32
	mostNoise              float32
	// mostBehind is the largest number of marks behind the figure, and
	// frontChance how likely one is in front of it.
	mostBehind, frontChance float32
	leastRadius             float32
}

// difficultyAt is the difficulty at a level from 0, easy, to 1, hard. The ends
// were tuned with bench/synthetic.
func difficultyAt(level float32) difficulty {
	from := func(easy, hard float32) float32 { return mad(level, hard-easy, easy) }
	return difficulty{
		contrast:    from(110, 35),
		groundReach: from(10, 100),
		fillReach:   from(10, 80),
		mostNoise:   from(4, 28),
		mostBehind:  from(0, 8),
		frontChance: from(0, 0.9),
		leastRadius: from(9, 6),
	}
}

const (
	leastNoise    = 2
	mostRadius    = 12
	mostTilt      = 20 * tau / 360
	mostStretch   = 0.2
	mostOffCentre = 5
)

// figure is a shape in its pose.
type figure struct {
	shape  int
	centre point
	// way is the direction that the shape's right points to.
	way point
	// scale is the half size along the shape's own axes in pixels.
	scale point
	flip  bool
	// softness is the width of the edge in pixels.
	softness float32
}

// figure draws the pose of a shape of at least that radius.
func (d dice) figure(class int, leastRadius float32) figure {
	radius := d.between(leastRadius, mostRadius)
	stretch := d.between(-mostStretch, mostStretch)
	reach := min(mostOffCentre, side/2-radius+1)
	return figure{
		shape:    class,
		centre:   point{side/2 + d.between(-reach, reach), side/2 + d.between(-reach, reach)},
		way:      direction(d.between(-mostTilt, mostTilt)),
		scale:    point{mad(radius, stretch, radius), mad(radius, -stretch, radius)},
		flip:     d.chance(0.5),
		softness: d.between(0.8, 1.8),
	}
}

// depth implements outline.
func (f *figure) depth(place point) float32 {
	p := place.minus(f.centre).turn(point{f.way.x, -f.way.y})
	p.x, p.y = p.x/f.scale.x, p.y/f.scale.y
	if f.flip {
		p.x = -p.x
	}
	distance := shapes[f.shape].distance(p) * min(f.scale.x, f.scale.y)
	return 0.5 - distance/f.softness
}

// edge implements outline.
func (f *figure) edge() float32 { return f.softness }

// mark is a stroke or a dot of one colour: a line with round ends.
type mark struct {
	fill     paint
	from, to point
	radius   float32
}

// mark draws one of a radius in the range given, half of them dots.
func (d dice) mark(c colour, least, most float32) mark {
	m := mark{fill: paint{from: c}, from: point{d.between(0, side), d.between(0, side)}, radius: d.between(least, most)}
	m.to = m.from
	if d.chance(0.5) {
		m.to = m.from.along(direction(d.between(0, tau)), d.between(5, 20))
		m.radius /= 2
	}
	return m
}

// depth implements outline.
func (m *mark) depth(place point) float32 {
	if m.from == m.to {
		return m.radius + 0.5 - place.minus(m.from).length()
	}
	return m.radius + 0.5 - segment(place, m.from, m.to)
}

// edge implements outline.
func (m *mark) edge() float32 { return 1 }
