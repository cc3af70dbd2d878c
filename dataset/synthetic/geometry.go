package synthetic

import "math"

// The arithmetic of the synthetic set must give the same bits on every
// machine. Go lets a compiler fuse x*y + z into one rounding where the
// hardware can (arm64 does, amd64 does not), but never across an explicit
// conversion; so every product that is added to something goes through mad.
// Doubling is exact either way.

// mad is a*b + c with both steps rounded.
func mad(a, b, c float32) float32 { return float32(a*b) + c }

// point is a position or a direction; y grows downwards.
type point struct{ x, y float32 }

func (p point) minus(q point) point   { return point{p.x - q.x, p.y - q.y} }
func (p point) dot(q point) float32   { return mad(p.x, q.x, float32(p.y*q.y)) }
func (p point) cross(q point) float32 { return mad(p.x, q.y, -float32(p.y*q.x)) }
func (p point) length() float32       { return sqrt(p.dot(p)) }
func (p point) along(q point, t float32) point {
	return point{mad(q.x, t, p.x), mad(q.y, t, p.y)}
}

// turn is p turned by the angle whose cosine and sine are those of way.
func (p point) turn(way point) point {
	return point{p.dot(point{way.x, -way.y}), p.dot(point{way.y, way.x})}
}

// direction is the unit vector at an angle in radians.
func direction(angle float32) point {
	sin, cos := math.Sincos(float64(angle))
	return point{float32(cos), float32(sin)}
}

func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }

func abs(x float32) float32 { return float32(math.Abs(float64(x))) }

// clamp limits x to 0..1.
func clamp(x float32) float32 {
	// min and max take longer, for they mind NaN.
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

// segment is the distance of p from the line between a and b.
func segment(p, a, b point) float32 {
	along := b.minus(a)
	rel := p.minus(a)
	return rel.along(along, -clamp(rel.dot(along)/along.dot(along))).length()
}

// box is the signed distance of p from a box about the origin of the given
// half sizes.
func box(p point, halfWidth, halfHeight float32) float32 {
	dx, dy := abs(p.x)-halfWidth, abs(p.y)-halfHeight
	outside := point{max(dx, 0), max(dy, 0)}.length()
	return outside + min(max(dx, dy), 0)
}

// polygon is the signed distance of p from the polygon with those corners:
// the distance from the nearest edge, negative when a ray from p crosses an
// odd number of edges.
func polygon(p point, corners []point) float32 {
	nearest := float32(math.MaxFloat32)
	inside := false
	b := corners[len(corners)-1]
	for _, a := range corners {
		along, rel := b.minus(a), p.minus(a)
		off := rel.along(along, -clamp(rel.dot(along)/along.dot(along)))
		if square := off.dot(off); square < nearest {
			nearest = square
		}
		if (a.y > p.y) != (b.y > p.y) && (rel.cross(along) > 0) == (along.y > 0) {
			inside = !inside
		}
		b = a
	}
	if inside {
		return -sqrt(nearest)
	}
	return sqrt(nearest)
}
