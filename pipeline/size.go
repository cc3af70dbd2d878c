package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// imageSize is the flag --size: HEIGHTxWIDTH, or one number for both.
type imageSize struct {
	height, width int
	left          bool // to what a model from elsewhere takes
}

func (s *imageSize) add(flags *pflag.FlagSet) {
	*s = imageSize{height: 32, width: 32}
	flags.Var(s, "size", "height and width of the images, in pixels, as 32x48, or 32 for both")
}

// Set reads the flag.
func (s *imageSize) Set(text string) error {
	height, width, two := strings.Cut(text, "x")
	if !two {
		width = height
	}
	const most = 4096
	for _, side := range []struct {
		text string
		n    *int
	}{{height, &s.height}, {width, &s.width}} {
		n, err := strconv.Atoi(side.text)
		if err != nil || n < 1 || n > most {
			return fmt.Errorf("want HEIGHTxWIDTH, or a number for both, each in 1..%d", most)
		}
		*side.n = n
	}
	return nil
}

// String is the flag as Set reads it.
func (s *imageSize) String() string {
	if *s == (imageSize{}) {
		return ""
	}
	return fmt.Sprintf("%dx%d", s.height, s.width)
}

// Type stands for the flag's value in the help.
func (s *imageSize) Type() string { return "size" }
