package synthetic

import "math"

// shape is a class of the synthetic set. Shapes roughly fill the unit circle.
type shape struct {
	name string
	// distance returns the signed distance of a point from the outline, negative inside
	// (see Quilez, "2D distance functions").
	distance func(p point) float32
}

// shapes are the classes in the order of their labels. They can still be told apart when they
// are flipped left to right, or rotated, stretched or cut off a little.
var shapes = [10]shape{
	{"disc", func(p point) float32 { return p.length() - 0.9 }},
	{"ring", func(p point) float32 { return abs(p.length()-0.7) - 0.22 }},
	{"square", func(p point) float32 { return box(p, 0.78, 0.78) }},
	{"triangle", func(p point) float32 { return polygon(p, triangle[:]) }},
	{"cross", func(p point) float32 { return min(box(p, 0.95, 0.3), box(p, 0.3, 0.95)) }},
	{"star", func(p point) float32 { return polygon(p, star[:]) }},
	{"bars", bars},
	{"crescent", crescent},
	{"heart", heart},
	{"arrow", func(p point) float32 { return polygon(p, arrow[:]) }},
}

var (
	triangle = [...]point{{0, -0.95}, {0.95, 0.75}, {-0.95, 0.75}}
	arrow    = [...]point{{0, -0.98}, {0.8, -0.05}, {0.3, -0.05}, {0.3, 0.95}, {-0.3, 0.95}, {-0.3, -0.05}, {-0.8, -0.05}}
	kite     = [...]point{{0, -0.55}, {0.86, -0.02}, {0, 0.95}, {-0.86, -0.02}}
	star     = starCorners()
)

// starCorners returns the corners of a star with five points, the first of which points upwards.
func starCorners() (corners [10]point) {
	const outer, inner = 1.02, 0.45
	for i := range corners {
		radius := float32(outer)
		if i%2 == 1 {
			radius = inner
		}
		corners[i] = point{}.addScaled(direction(float32(i)*math.Pi/5-math.Pi/2), radius)
	}
	return corners
}

// bars are three horizontal bars, one above the other.
func bars(p point) float32 {
	middle := box(p, 0.85, 0.17)
	p.y = abs(p.y) - 0.62
	return min(middle, box(p, 0.85, 0.17))
}

// crescent is a disc without a smaller disc beside its centre.
func crescent(p point) float32 {
	return max(p.length()-0.92, 0.74-p.minus(point{0.42, 0}).length())
}

// heart is two overlapping discs and a kite below and between them.
func heart(p point) float32 {
	const x, y, radius = 0.44, -0.32, 0.52
	lobe := point{abs(p.x), p.y}.minus(point{x, y}).length() - radius
	return min(lobe, polygon(p, kite[:]))
}
