package sheet

import (
	"fmt"
	"math"
	"strings"

	"onnxlab/augment"
)

// Caption says in short lines what a plan changes. It leaves out what the plan
// does not change.
func Caption(p augment.Plan) []string {
	var lines []string
	add := func(changes bool, format string, values ...any) {
		if changes {
			lines = append(lines, fmt.Sprintf(format, values...))
		}
	}
	lines = append(lines, box("crop", augment.Patch{Row: p.Crop.Row, Column: p.Crop.Column, Height: p.Crop.Height, Width: p.Crop.Width})...)
	add(p.Rotation != 0, "rotation %s°", tenths(p.Rotation))
	add(p.ShiftRows != 0 || p.ShiftColumns != 0, "shift %s, %s px", tenths(p.ShiftRows), tenths(p.ShiftColumns))
	add(p.Shear != 0, "shear %s°", tenths(p.Shear))
	add(p.ZoomRows != 1 || p.ZoomColumns != 1, "zoom %.2f × %.2f", p.ZoomRows, p.ZoomColumns)
	add(p.ChannelShift != 0, "channels %+.0f", p.ChannelShift)
	add(p.Flip, "flip")
	add(p.VerticalFlip, "vertical flip")
	add(p.Brightness != 0, "brightness %+.0f", p.Brightness)
	add(p.Contrast != 0, "contrast %+.0f %%", 100*p.Contrast)
	for _, step := range p.Steps {
		add(step.Value == 0, "%s", strings.ReplaceAll(step.Op, "_", " "))
		add(step.Value != 0, "%s %.4g", strings.ReplaceAll(step.Op, "_", " "), step.Value)
	}
	lines = append(lines, box("erase", p.Erase)...)
	lines = append(lines, box("cutout", p.Cutout)...)
	if lines == nil {
		lines = []string{"unchanged"}
	}
	return lines
}

// tenths writes a number with its sign, and without one if it rounds to zero.
func tenths(x float64) string {
	x = math.Round(x*10) / 10
	if x == 0 {
		return "0.0"
	}
	return fmt.Sprintf("%+.1f", x)
}

// box writes the size and the first pixel of a patch, on two lines if they do
// not fit on one.
func box(name string, b augment.Patch) []string {
	if b.Empty() {
		return nil
	}
	const fits = 20
	size, place := fmt.Sprintf("%s %d×%d", name, b.Height, b.Width), fmt.Sprintf("at %d, %d", b.Row, b.Column)
	if len(size)+len(place) > fits {
		return []string{size, place}
	}
	return []string{size + " " + place}
}
