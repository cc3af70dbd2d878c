package synthetic

import "math"

// The arithmetic of the synthetic set must give the same bits on every
// machine. Go allows a compiler to compute x*y + z with a single rounding (it does
// on arm64, but not on amd64), but not across an explicit conversion. So every
// product that is added to something goes through mad. Doubling is exact either way.

// mad returns a*b + c, rounded after each of the two steps.
func mad(a, b, c float32) float32 { return float32(a*b) + c }

// point is a position or a direction; y grows downwards.
type point struct{ x, y float32 }

func (p point) minus(q point) point   { return point{p.x - q.x, p.y - q.y} }
func (p point) dot(q point) float32   { return mad(p.x, q.x, float32(p.y*q.y)) }
func (p point) cross(q point) float32 { return mad(p.x, q.y, -float32(p.y*q.x)) }
func (p point) length() float32       { return sqrt(p.dot(p)) }

// addScaled returns p + t·q.
func (p point) addScaled(q point, t float32) point {
	return point{mad(q.x, t, p.x), mad(q.y, t, p.y)}
}

// turn returns p rotated by the angle of the unit vector way.
func (p point) turn(way point) point {
	return point{p.dot(point{way.x, -way.y}), p.dot(point{way.y, way.x})}
}

// direction returns the unit vector at an angle in radians.
func direction(angle float32) point {
	sin, cos := math.Sincos(float64(angle))
	return point{float32(cos), float32(sin)}
}

func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }

func abs(x float32) float32 { return float32(math.Abs(float64(x))) }

// clamp limits x to 0..1.
func clamp(x float32) float32 {
	// This is faster than min and max, which handle NaN.
	if x < 0 {
		return 0
	}
	if x > 1 {
		return 1
	}
	return x
}

// wave is a triangle wave of period 1 between 0 and 1.
func wave(x float32) float32 { return abs(2*(x-floor(x)) - 1) }

func floor(x float32) float32 { return float32(math.Floor(float64(x))) }

// segment returns the distance of p from the line segment between a and b.
func segment(p, a, b point) float32 {
	edge := b.minus(a)
	rel := p.minus(a)
	return rel.addScaled(edge, -clamp(rel.dot(edge)/edge.dot(edge))).length()
}

// box returns the signed distance of p from a box around the origin with the given half
// sizes.
func box(p point, halfWidth, halfHeight float32) float32 {
	dx, dy := abs(p.x)-halfWidth, abs(p.y)-halfHeight
	outside := point{max(dx, 0), max(dy, 0)}.length()
	return outside + min(max(dx, dy), 0)
}

// polygon returns the signed distance of p from the polygon with the given corners: the
// distance from the nearest edge, negative if a ray from p crosses an odd number of edges.
func polygon(p point, corners []point) float32 {
	nearest := float32(math.MaxFloat32)
	inside := false
	b := corners[len(corners)-1]
	for _, a := range corners {
		edge, rel := b.minus(a), p.minus(a)
		off := rel.addScaled(edge, -clamp(rel.dot(edge)/edge.dot(edge)))
		if square := off.dot(off); square < nearest {
			nearest = square
		}
		if (a.y > p.y) != (b.y > p.y) && (rel.cross(edge) > 0) == (edge.y > 0) {
			inside = !inside
		}
		b = a
	}
	if inside {
		return -sqrt(nearest)
	}
	return sqrt(nearest)
}
