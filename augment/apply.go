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
	// cropped is the part that is cut out, before a copy of the pixels that a step changes,
	// and blurred and sums are what a blur adds up.
	cropped, before []uint8
	blurred, sums   []float32
	resizer         resize.Resizer
	coloured        []uint8 // a grey image in three equal channels, before and after
}

// Apply writes src changed as the plan says into dst. Both hold height rows
// of width pixels of 3 channels, or of 1, and they must not overlap. The part of Crop
// is cut out and resized first. The order then is Keras's: warp, channel shift, flip;
// then brightness, contrast, the steps, erasing and
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

// applyGrey is apply for images of one channel. Keras does to it what it does to each of
// three equal ones: even the bounds of the channel shift are those of all channels.
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

// maxPixels keeps the places in a workspace within 32 bits.
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
		return fmt.Errorf("image of %dx%d pixels needs %d bytes, or %d if it is grey, got %d and %d", height, width, want, height*width, src, dst)
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

// grow makes room for an image's padded source and its result.
func (w *Workspace) grow(source, result int) {
	if cap(w.source) < source {
		w.source = make([]uint64, source)
	}
	if cap(w.result) < result {
		w.result = make([]uint64, result)
	}
	w.source, w.result = w.source[:source], w.result[:result]
}
