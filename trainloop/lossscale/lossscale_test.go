package lossscale

import "testing"

func TestUpdate(t *testing.T) {
	s := New()
	s.Update(false)
	s.Update(false)
	if *s != (Scale{Factor: 16384}) {
		t.Errorf("after two steps beyond float16: %+v, want a quarter of 65536", *s)
	}
	for range 1999 {
		s.Update(true)
	}
	if *s != (Scale{Factor: 16384, Steps: 1999}) {
		t.Errorf("after 1999 steps within: %+v", *s)
	}
	s.Update(true)
	if *s != (Scale{Factor: 32768}) {
		t.Errorf("after 2000 steps within: %+v, want twice the scale", *s)
	}
	s.Update(true)
	s.Update(false)
	s.Update(true)
	if *s != (Scale{Factor: 16384, Steps: 1}) {
		t.Errorf("a step beyond float16 does not begin to count anew: %+v", *s)
	}
}
