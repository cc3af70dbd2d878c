package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// ImageSize is the flag --size: HEIGHTxWIDTH, or one number for both.
type ImageSize struct {
	Height, Width int
	Left          bool // the flag is not given: a given model decides
}

// Add adds the flag --size, by default 32 x 32 pixels.
func (s *ImageSize) Add(flags *pflag.FlagSet) {
	*s = ImageSize{Height: 32, Width: 32}
	flags.Var(s, "size", "height and width of the images, in pixels, as 32x48, or 32 for both")
}

// Set reads the flag.
func (s *ImageSize) Set(text string) error {
	height, width, two := strings.Cut(text, "x")
	if !two {
		width = height
	}
	const most = 4096
	for _, side := range []struct {
		text string
		n    *int
	}{{height, &s.Height}, {width, &s.Width}} {
		n, err := strconv.Atoi(side.text)
		if err != nil || n < 1 || n > most {
			return fmt.Errorf("want HEIGHTxWIDTH, or a number for both, each in 1..%d", most)
		}
		*side.n = n
	}
	return nil
}

// String returns the size in the format that Set reads.
func (s *ImageSize) String() string {
	if *s == (ImageSize{}) {
		return ""
	}
	return fmt.Sprintf("%dx%d", s.Height, s.Width)
}

// Type returns the word for the flag's value in the help.
func (s *ImageSize) Type() string { return "size" }

// RefuseOther returns an error if the flag is given but the model at path takes only images of
// another size, height x width. A size of 0 is one that the model leaves open.
func (s *ImageSize) RefuseOther(path string, height, width int) error {
	only := ImageSize{Height: height, Width: width}
	if *s == (ImageSize{}) || *s == only || height == 0 || width == 0 {
		return nil
	}
	return BadUsagef("--size %s: %q takes only images of %s pixels: leave the flag out", s, path, &only)
}
