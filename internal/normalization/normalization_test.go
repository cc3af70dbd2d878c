package normalization

import (
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]struct{ mean, deviation []float32 }{
		"0..1":                  {nil, nil},
		"tf":                    {[]float32{0.5}, []float32{0.5}},
		"imagenet":              {[]float32{0.485, 0.456, 0.406}, []float32{0.229, 0.224, 0.225}},
		"0.5/0.25":              {[]float32{0.5}, []float32{0.25}},
		"0.1, 0.2, 0.3/1,2,0.5": {[]float32{0.1, 0.2, 0.3}, []float32{1, 2, 0.5}},
		"0/1,2,3":               {[]float32{0}, []float32{1, 2, 3}},
	} {
		mean, deviation, err := Parse(text)
		if err != nil || !slices.Equal(mean, want.mean) || !slices.Equal(deviation, want.deviation) {
			t.Errorf("%q: %v / %v, %v", text, mean, deviation, err)
		}
	}
	for text, want := range map[string]string{
		"":                  `"" is none of 0..1, `,
		"imagnet":           `"imagnet" is none of 0..1, `,
		"0/x":               `"0/x": "x" is no number`,
		"0/NaN":             `"NaN" is no number`,
		"0.4,0.4/0.2,0.2":   `there are 2 numbers in "0.4,0.4"`,
		"0/1,2,3,4":         `there are 4 numbers in "1,2,3,4"`,
		"0.5,0.5,0.5/1,0,1": "a deviation is 0",
		"0/1e-99":           "a deviation is 0",
	} {
		if _, _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}
