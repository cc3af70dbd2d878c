package synthetic

import (
	"bytes"
	"testing"
)

// TestRenderLeavesNothingOut compares with an image whose pixels are rendered one by one, each
// with the depths of all outlines.
func TestRenderLeavesNothingOut(t *testing.T) {
	for i := range 1000 {
		s := drawScene(newDice(3, splitTrain, uint64(i), purposeScene), i%10)
		again := drawScene(newDice(3, splitTrain, uint64(i), purposeScene), i%10)
		got, want := make([]uint8, imageBytes), make([]uint8, imageBytes)
		s.render(got)
		for k := range side * side {
			again.store(want[channels*k:], []colour{plain(again, point{float32(k%side) + 0.5, float32(k/side) + 0.5})})
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("image %d, a %s, is different when rendered pixel by pixel", i, shapes[s.figure.shape].name)
		}
	}
}

// plain returns the colour of the scene at a point.
func plain(s *scene, place point) colour {
	c := s.ground.at(place)
	for i := range s.behind {
		c = c.toward(s.behind[i].fill.at(place), clamp(s.behind[i].depth(place)))
	}
	c = c.toward(s.fill.at(place), clamp(s.figure.depth(place)))
	for i := range s.front {
		c = c.toward(s.front[i].fill.at(place), clamp(s.front[i].depth(place)))
	}
	return c
}
