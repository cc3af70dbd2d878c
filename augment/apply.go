package augment

import (
	"fmt"
	"reflect"

	"onnxlab/internal/resize"
)

// Workspace is the memory that applying plans needs, reused from image to
// image. The zero value is ready. One goroutine at a time may use it.
type Workspace struct {
	source, result []uint64
	// cropped is the part that Crop cuts out, resized. before is a copy of the pixels that a
	// step changes. A blur adds up its sums in blurred and sums.
	cropped, before []uint8
	blurred, sums   []float32
	resizer         resize.Resizer
	coloured        []uint8 // a grey image as three equal channels: the source, then the result
}

// Apply changes src as the plan says and writes the result into dst. Both hold height rows
// of width pixels of 3 channels, or of 1, and they must not overlap. The part that Crop
// names is cut out and resized first. Then come warp, channel shift and flip, in Keras's
// order; then brightness, contrast, the steps, erasing and
// cutout. Values are rounded to the nearest integer once, after the channel
// shift.
//
// It returns an error if the plan is invalid or the sizes do not agree.
func (p *Plan) Apply(dst, src []uint8, height, width int) error {
	return new(Workspace).Apply(p, dst, src, height, width)
}

// Apply is Plan.Apply, without allocation once an image of the size has been
// seen.
func (w *Workspace) Apply(p *Plan, dst, src []uint8, height, width int) error {
	if err := p.Validate(); err != nil {
		return fmt.Errorf("apply plan: %w", err)
	}
	if err := checkSize(len(dst), len(src), height, width); err != nil {
		return fmt.Errorf("apply plan: %w", err)
	}
	return w.apply(p, dst, src, height, width)
}

// apply is Apply for a plan and sizes that are known to be right.
func (w *Workspace) apply(p *Plan, dst, src []uint8, height, width int) error {
	if len(src) == height*width {
		return w.applyGrey(p, dst, src, height, width)
	}
	if !p.Crop.Empty() {
		if len(w.cropped) != len(src) {
			w.cropped = make([]uint8, len(src))
		}
		if err := p.Crop.resize(&w.resizer, w.cropped, src, height, width); err != nil {
			return fmt.Errorf("apply plan: %w", err)
		}
		src = w.cropped
	}
	if p.moves() {
		w.move(p, dst, src, height, width)
	} else {
		copyFlipped(dst, src, width, p.Flip, p.VerticalFlip)
		shiftChannelsBytes(dst, p.ChannelShift)
	}
	brighten(dst, p.Brightness)
	stretch(dst, p.Contrast)
	w.applySteps(p, dst, height, width)
	p.Erase.fill(dst, height, width)
	p.Cutout.fill(dst, height, width)
	return nil
}

// applyGrey is apply for images of one channel. Keras changes this channel as it would
// change each of three equal ones: the channel shift too is clipped to the range of all.
func (w *Workspace) applyGrey(p *Plan, dst, src []uint8, height, width int) error {
	if p.changesNothing() {
		copy(dst, src)
		return nil
	}
	size := 3 * len(src)
	if cap(w.coloured) < 2*size {
		w.coloured = make([]uint8, 2*size)
	}
	before, after := w.coloured[:size], w.coloured[size:2*size]
	for i, v := range src {
		pixel := before[3*i : 3*i+3 : 3*i+3]
		pixel[0], pixel[1], pixel[2] = v, v, v
	}
	if err := w.apply(p, after, before, height, width); err != nil {
		return err
	}
	for i := range dst {
		dst[i] = after[3*i]
	}
	return nil
}

// changesNothing tells whether the plan leaves images as they are.
func (p *Plan) changesNothing() bool {
	rest := *p
	rest.Steps = nil
	return len(p.Steps) == 0 && reflect.DeepEqual(rest, Plan{ZoomRows: 1, ZoomColumns: 1, Geometry: p.Geometry})
}

// maxPixels keeps indices into the memory of a workspace within 32 bits.
const maxPixels = 1 << 28

// CheckSides returns an error unless plans can be applied to images of height·width
// pixels: sides of 1..65,536 pixels, and not more than 2²⁸ pixels in all.
func CheckSides(height, width int) error {
	if height < 1 || width < 1 || height > maxSide || width > maxSide {
		return fmt.Errorf("image of %dx%d pixels: a side is outside 1..%d", height, width, maxSide)
	}
	if height*width > maxPixels {
		return fmt.Errorf("image of %dx%d pixels: %d pixels are more than %d", height, width, height*width, maxPixels)
	}
	return nil
}

func checkSize(dst, src, height, width int) error {
	if err := CheckSides(height, width); err != nil {
		return err
	}
	if want := height * width * 3; dst != src || src != want && src != height*width {
		return fmt.Errorf("image of %dx%d pixels needs %d bytes, or %d if it is grey: the source has %d and the destination %d", height, width, want, height*width, src, dst)
	}
	return nil
}

// move warps, shifts channels and rounds.
func (w *Workspace) move(p *Plan, dst, src []uint8, height, width int) {
	w.grow(2*(height+1)*(width+1)+2, height*width)
	m := p.affine(height, width).flipped(p.Flip, p.VerticalFlip, height, width)
	if p.shiftsOnly() {
		t := newTranslation(m, height, width)
		t.apply(w.result, w.source, src)
	} else {
		packPairs(w.source, src, height, width)
		warp(w.result, w.source, height, width, m)
	}
	unpackShifted(dst, w.result, p.ChannelShift)
}

// grow makes room for the padded source of an image and for the result.
func (w *Workspace) grow(source, result int) {
	if cap(w.source) < source {
		w.source = make([]uint64, source)
	}
	if cap(w.result) < result {
		w.result = make([]uint64, result)
	}
	w.source, w.result = w.source[:source], w.result[:result]
}
