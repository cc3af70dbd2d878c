package lossscale

import "testing"

func TestUpdate(t *testing.T) {
	s := New()
	s.Update(false)
	s.Update(false)
	if *s != (Scale{Factor: 16384, Skipped: 2}) {
		t.Errorf("after two overflows: %+v, want a quarter of 65536", *s)
	}
	for range 1999 {
		s.Update(true)
	}
	if *s != (Scale{Factor: 16384, Steps: 1999, Skipped: 2}) {
		t.Errorf("after 1999 clean steps: %+v, want the scale unchanged", *s)
	}
	s.Update(true)
	if *s != (Scale{Factor: 32768, Skipped: 2}) {
		t.Errorf("after 2000 clean steps: %+v, want twice the scale", *s)
	}
	s.Update(true)
	s.Update(false)
	s.Update(true)
	if *s != (Scale{Factor: 16384, Steps: 1, Skipped: 3}) {
		t.Errorf("an overflow does not restart the count of clean steps: %+v", *s)
	}
}

// TestLost: after 41 overflows in a row, the factor is too small to be halved again.
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
