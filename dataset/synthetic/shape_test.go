package synthetic

import (
	"math"
	"testing"
)

// TestShapes checks points that are inside or outside of each shape.
func TestShapes(t *testing.T) {
	for label, test := range []struct {
		name            string
		inside, outside []point
	}{
		{"disc", []point{{0, 0}, {0.85, 0}, {0, -0.85}}, []point{{0.95, 0}, {0.7, 0.7}}},
		{"ring", []point{{0.7, 0}, {0, -0.7}, {0.5, 0.5}}, []point{{0, 0}, {0.4, 0}, {1, 0}}},
		{"square", []point{{0, 0}, {0.7, 0.7}, {-0.7, 0.7}}, []point{{0.8, 0}, {0, -0.8}}},
		{"triangle", []point{{0, 0}, {0, -0.85}, {0.8, 0.7}, {-0.8, 0.7}}, []point{{0.6, -0.5}, {-0.6, -0.5}, {0, 0.8}}},
		{"cross", []point{{0, 0}, {0.9, 0}, {0, -0.9}, {0.25, 0.9}}, []point{{0.5, 0.5}, {-0.4, 0.4}, {1, 0}}},
		{"star", []point{{0, 0}, {0, -0.95}, {0.9, -0.3}, {0.55, 0.75}}, []point{{0, 0.6}, {0.4, -0.6}, {0.95, 0.3}}},
		{"bars", []point{{0, 0}, {0.8, 0.62}, {-0.8, -0.62}, {0, 0.1}}, []point{{0, 0.3}, {0, -0.3}, {0.9, 0}, {0, 0.85}}},
		{"crescent", []point{{-0.8, 0}, {-0.5, 0.5}, {0, 0.8}}, []point{{0, 0}, {0.9, 0}, {0.4, 0}, {-1, 0}}},
		{"heart", []point{{0, 0}, {0, 0.85}, {0.5, -0.7}, {-0.5, -0.7}, {0, -0.3}}, []point{{0, -0.75}, {0.7, 0.6}, {0, 1}}},
		{"arrow", []point{{0, 0}, {0, -0.9}, {0.6, -0.15}, {0.25, 0.9}}, []point{{0.4, 0.5}, {0.7, -0.5}, {0, 1}}},
	} {
		s := shapes[label]
		if s.name != test.name {
			t.Fatalf("class %d is %s, want %s", label, s.name, test.name)
		}
		for _, p := range test.inside {
			if s.distance(p) >= 0 {
				t.Errorf("%s: %v is outside, at distance %v", s.name, p, s.distance(p))
			}
		}
		for _, p := range test.outside {
			if s.distance(p) <= 0 {
				t.Errorf("%s: %v is inside, at distance %v", s.name, p, s.distance(p))
			}
		}
	}
}

// TestDistancesAreNeverTooLarge checks that no outline is nearer than its distance says.
// The distance must therefore change by no more than the length of a move.
func TestDistancesAreNeverTooLarge(t *testing.T) {
	d := newDice(1, 2, 3, 4)
	for range 2000 {
		p, q := point{d.between(-2, 2), d.between(-2, 2)}, point{d.between(-2, 2), d.between(-2, 2)}
		for _, s := range shapes {
			change := abs(s.distance(p) - s.distance(q))
			if way := p.minus(q).length(); change > way+1e-5 {
				t.Fatalf("%s: from %v to %v the distance changes by %v", s.name, p, q, change)
			}
		}
	}
}

// TestFlippedShapesStayThemselves checks that every shape is symmetric, except for the
// crescent, which may open to either side.
func TestFlippedShapesStayThemselves(t *testing.T) {
	d := newDice(5, 6, 7, 8)
	for range 1000 {
		p := point{d.between(-1, 1), d.between(-1, 1)}
		for _, s := range shapes {
			if s.name != "crescent" && abs(s.distance(p)-s.distance(point{-p.x, p.y})) > 1e-5 {
				t.Fatalf("%s differs at %v", s.name, p)
			}
		}
	}
}

func TestGeometry(t *testing.T) {
	close := func(name string, got, want float32) {
		t.Helper()
		if math.Abs(float64(got-want)) > 1e-6 {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	square := []point{{-1, -1}, {1, -1}, {1, 1}, {-1, 1}}
	close("distance inside a square", polygon(point{0.5, 0}, square), -0.5)
	close("distance beside a square", polygon(point{3, 0}, square), 2)
	close("distance from its corner", polygon(point{4, 5}, square), 5)
	close("distance from a box's corner", box(point{4, 5}, 1, 1), 5)
	close("distance inside a box", box(point{0.5, 0}, 1, 1), -0.5)
	close("distance from a segment", segment(point{1, 2}, point{0, 0}, point{3, 0}), 2)
	close("distance from its end", segment(point{7, 3}, point{0, 0}, point{3, 0}), 5)
	turned := point{1, 0}.turn(direction(math.Pi / 2))
	close("x of a quarter turn", turned.x, 0)
	close("y of a quarter turn", turned.y, 1)
	close("wave at 0", wave(0), 1)
	close("wave at -1.5", wave(-1.5), 0)
	close("wave at 2.25", wave(2.25), 0.5)
}
