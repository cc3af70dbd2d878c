package augment

import (
	"fmt"
	"slices"
)

// Step is one change of colour, sharpness or position. A plan lists its steps in the order
// in which they are applied. Their names and values are those of the functions of
// torchvision's v2 transforms, and they give the same bytes.
type Step struct {
	// Op is one of the names below.
	Op string `json:"op"`
	// Value is the argument of Op; 0 if it takes none.
	Value float64 `json:"value,omitempty"`
}

// The names of steps, with what their values are.
const (
	StepBrightness   = "brightness"   // factor of adjust_brightness, 0..10
	StepContrast     = "contrast"     // factor of adjust_contrast, 0..10
	StepSaturation   = "saturation"   // factor of adjust_saturation, 0..10
	StepHue          = "hue"          // adjust_hue, -0.5..0.5 of a turn
	StepSharpness    = "sharpness"    // factor of adjust_sharpness, 0..10
	StepGray         = "gray"         // rgb_to_grayscale
	StepBlur         = "blur"         // sigma of gaussian_blur in pixels, 0.01..64; the kernel is 3 sigma wide each way
	StepPosterize    = "posterize"    // bits that are kept, 0..8
	StepSolarize     = "solarize"     // threshold from which values are inverted, 0..255
	StepEqualize     = "equalize"     //
	StepAutocontrast = "autocontrast" //
	StepInvert       = "invert"       //
	StepRotate       = "rotate"       // degrees counter-clockwise, -180..180
	StepShearX       = "shear_x"      // pixels of shift a row, -1..1
	StepShearY       = "shear_y"      // pixels of shift a column, -1..1
	StepTranslateX   = "translate_x"  // pixels to the right
	StepTranslateY   = "translate_y"  // pixels down
)

// stepKind is the range of the values that a step accepts, and what it does.
type stepKind struct {
	name   string
	lo, hi float64
	apply  func(w *Workspace, pixels []uint8, height, width int, value float64)
}

// stepKinds returns all kinds of steps.
func stepKinds() []stepKind {
	const strongest = 10
	return []stepKind{
		{StepBrightness, 0, strongest, byPixel(adjustBrightness)},
		{StepContrast, 0, strongest, byPixel(adjustContrast)},
		{StepSaturation, 0, strongest, byPixel(adjustSaturation)},
		{StepHue, -0.5, 0.5, byPixel(adjustHue)},
		{StepSharpness, 0, strongest, (*Workspace).adjustSharpness},
		{StepGray, 0, 0, byPixel(func(pixels []uint8, _ float64) { gray(pixels) })},
		{StepBlur, 0.01, 64, (*Workspace).blur},
		{StepPosterize, 0, 8, byPixel(posterize)},
		{StepSolarize, 0, 255, byPixel(solarize)},
		{StepEqualize, 0, 0, byPixel(func(pixels []uint8, _ float64) { equalize(pixels) })},
		{StepAutocontrast, 0, 0, byPixel(func(pixels []uint8, _ float64) { autocontrast(pixels) })},
		{StepInvert, 0, 0, byPixel(func(pixels []uint8, _ float64) { invert(pixels) })},
		{StepRotate, -180, 180, (*Workspace).rotateNearest},
		{StepShearX, -1, 1, (*Workspace).shearX},
		{StepShearY, -1, 1, (*Workspace).shearY},
		{StepTranslateX, -maxShift, maxShift, (*Workspace).translateX},
		{StepTranslateY, -maxShift, maxShift, (*Workspace).translateY},
	}
}

// byPixel adapts a function that needs neither a workspace nor the size of the image.
func byPixel(change func(pixels []uint8, value float64)) func(*Workspace, []uint8, int, int, float64) {
	return func(_ *Workspace, pixels []uint8, _, _ int, value float64) { change(pixels, value) }
}

// steps are stepKinds, made once.
var steps = stepKinds()

func stepOf(name string) *stepKind {
	for i := range steps {
		if steps[i].name == name {
			return &steps[i]
		}
	}
	return nil
}

// mostSteps is how many steps a plan may hold.
const mostSteps = 64

func (p *Plan) validateSteps() error {
	if len(p.Steps) > mostSteps {
		return fmt.Errorf("steps: %d are more than %d", len(p.Steps), mostSteps)
	}
	for i, s := range p.Steps {
		kind := stepOf(s.Op)
		if kind == nil {
			return fmt.Errorf("steps[%d].op: %q is not one of %v", i, s.Op, stepNames())
		}
		if !(s.Value >= kind.lo && s.Value <= kind.hi) { // also NaN
			return fmt.Errorf("steps[%d].value: %v of %s is outside %v..%v", i, s.Value, s.Op, kind.lo, kind.hi)
		}
	}
	return nil
}

func stepNames() []string {
	var names []string
	for _, kind := range steps {
		names = append(names, kind.name)
	}
	slices.Sort(names)
	return names
}

// applySteps applies the steps in their order.
func (w *Workspace) applySteps(p *Plan, pixels []uint8, height, width int) {
	for _, s := range p.Steps {
		stepOf(s.Op).apply(w, pixels, height, width, s.Value)
	}
}

// copyOf copies the pixels into the workspace's memory.
func (w *Workspace) copyOf(pixels []uint8) []uint8 {
	if len(w.before) != len(pixels) {
		w.before = make([]uint8, len(pixels))
	}
	copy(w.before, pixels)
	return w.before
}
