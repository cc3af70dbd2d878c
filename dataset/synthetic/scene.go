package synthetic

import "math"

const tau = 2 * math.Pi

// scene describes an image of the synthetic set: a figure on a ground, with marks behind
// it and in front of it.
type scene struct {
	ground, fill paint
	figure       figure
	behind       []mark
	front        []mark
	// noise is the standard deviation of each channel's noise, in 0..255.
	noise float32
	dice  dice
}

// drawScene draws the random scene of an image of the class.
func drawScene(d dice, class int) *scene {
	level := difficultyAt(d.unit())
	ground := d.colour()
	// Only the difference from the ground makes the figure visible, never a colour of its
	// own.
	fill := d.colour()
	for fill.distance(ground) < level.contrast {
		fill = d.colour()
	}
	s := &scene{
		ground: d.paint(ground, level.groundReach),
		fill:   d.paint(fill, level.fillReach),
		figure: d.figure(class, level.leastRadius),
		noise:  d.between(leastNoise, level.mostNoise),
		dice:   d,
	}
	for range d.pick(int(level.mostBehind) + 1) {
		s.behind = append(s.behind, d.mark(d.colour(), 1, 3.5))
	}
	if d.chance(level.frontChance) {
		s.front = append(s.front, d.mark(d.colour(), 1.5, 4.5))
	}
	return s
}

// difficulty limits what an image may show. The set mixes images of all difficulties: a
// network can begin to learn from the easy ones, and the hard ones leave room for
// improvement. Colours are in 0..255, lengths in pixels.
type difficulty struct {
	// contrast is the smallest distance of the figure's colour from the ground's.
	contrast float32
	// groundReach and fillReach are the variations within a texture.
	groundReach, fillReach float32
	mostNoise              float32
	// mostBehind is the largest number of marks behind the figure, and frontChance the
	// probability of a mark in front of it.
	mostBehind, frontChance float32
	leastRadius             float32
}

// difficultyAt returns the difficulty at a level from 0 (easy) to 1 (hard). The values at both
// ends were tuned with bench/synthetic.
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
	// way is the direction of the shape's own x axis.
	way point
	// scale is half the size along the shape's own axes, in pixels.
	scale point
	flip  bool
	// softness is the width of the edge in pixels.
	softness float32
}

// figure draws the pose of a shape whose radius is at least leastRadius.
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

// mark draws a mark with a radius in least..most. Half of the marks are dots.
func (d dice) mark(c colour, least, most float32) mark {
	m := mark{fill: paint{from: c}, from: point{d.between(0, side), d.between(0, side)}, radius: d.between(least, most)}
	m.to = m.from
	if d.chance(0.5) {
		m.to = m.from.addScaled(direction(d.between(0, tau)), d.between(5, 20))
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
