// Package normalization parses the names of normalizations: the mean and the deviation by which
// a network normalizes images. Settings, flags and programs share these names.
package normalization

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// presets are the means and deviations that have a name.
var presets = map[string]struct{ mean, deviation []float32 }{
	"0..1":     {},
	"-1..1":    {mean: []float32{0.5}, deviation: []float32{0.5}},
	"tf":       {mean: []float32{0.5}, deviation: []float32{0.5}},
	"0..255":   {deviation: []float32{1.0 / 255}},
	"imagenet": {mean: []float32{0.485, 0.456, 0.406}, deviation: []float32{0.229, 0.224, 0.225}},
}

// Parse returns the mean and the deviation that a text names: 0..1, -1..1 (or tf), 0..255 or
// imagenet (as torchvision's models have them), or "MEAN,…/DEVIATION,…". Each is one number for
// all channels or one for each of the three, for images in 0..1. An empty list means mean 0 or
// deviation 1. Errors begin with the text.
func Parse(text string) (mean, deviation []float32, err error) {
	if preset, ok := presets[text]; ok {
		return preset.mean, preset.deviation, nil
	}
	means, deviations, two := strings.Cut(text, "/")
	if !two {
		return nil, nil, fmt.Errorf("%.80q is none of 0..1, -1..1, tf, 0..255, imagenet and MEAN,MEAN,MEAN/DEVIATION,DEVIATION,DEVIATION", text)
	}
	for _, list := range []struct {
		to   *[]float32
		text string
	}{{&mean, means}, {&deviation, deviations}} {
		for word := range strings.SplitSeq(list.text, ",") {
			f, err := strconv.ParseFloat(strings.TrimSpace(word), 32)
			if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
				return nil, nil, fmt.Errorf("%.80q: %.80q is no number", text, word)
			}
			*list.to = append(*list.to, float32(f))
		}
		if n := len(*list.to); n != 1 && n != 3 {
			return nil, nil, fmt.Errorf("%.80q: there are %d numbers in %.80q: give one for each of 3 channels, or one for all", text, n, list.text)
		}
	}
	for _, d := range deviation {
		if d == 0 {
			return nil, nil, fmt.Errorf("%.80q: a deviation is 0", text)
		}
	}
	return mean, deviation, nil
}
