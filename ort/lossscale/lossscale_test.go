package lossscale

import "testing"

func TestUpdate(t *testing.T) {
	s := New()
	s.Update(false)
	s.Update(false)
	if *s != (Scale{Factor: 16384, Skipped: 2}) {
		t.Errorf("after two steps beyond float16: %+v, want a quarter of 65536", *s)
	}
	for range 1999 {
		s.Update(true)
	}
	if *s != (Scale{Factor: 16384, Steps: 1999, Skipped: 2}) {
		t.Errorf("after 1999 steps within: %+v", *s)
	}
	s.Update(true)
	if *s != (Scale{Factor: 32768, Skipped: 2}) {
		t.Errorf("after 2000 steps within: %+v, want twice the scale", *s)
	}
	s.Update(true)
	s.Update(false)
	s.Update(true)
	if *s != (Scale{Factor: 16384, Steps: 1, Skipped: 3}) {
		t.Errorf("a step beyond float16 does not begin to count anew: %+v", *s)
	}
}

// TestLost: after 41 steps, in which the factor is halved, nothing is left to halve.
func TestLost(t *testing.T) {
	s := New()
	for step := range 41 {
		if s.Lost() {
			t.Fatalf("lost after %d steps: %+v", step, *s)
		}
		s.Update(false)
	}
	if !s.Lost() {
		t.Errorf("not lost: %+v", *s)
	}
}
