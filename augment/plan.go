package augment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
)

// Plan is everything that is drawn for one image. Applying it is a pure
// function of the plan and the pixels. The zero value is not a plan: start
// from Identity, Recipe.Draw or JSON.
//
// The values are those that Keras's ImageDataGenerator.get_random_transform draws,
// whatever the geometry then does with them: theta, tx, ty,
// zx, zy, channel_shift_intensity, flip_horizontal.
type Plan struct {
	// Rotation is theta in degrees, -180..180.
	Rotation float64 `json:"rotation_degrees"`
	// ShiftRows and ShiftColumns are tx and ty in pixels.
	ShiftRows    float64 `json:"shift_rows"`
	ShiftColumns float64 `json:"shift_columns"`
	// ZoomRows and ZoomColumns are zx and zy: 1 leaves the image as it is,
	// and values below 1 enlarge it.
	ZoomRows    float64 `json:"zoom_rows"`
	ZoomColumns float64 `json:"zoom_columns"`
	// ChannelShift is added to all channels, on the scale 0..255, and the result
	// is clipped to the image's own least and greatest value.
	ChannelShift float64 `json:"channel_shift"`
	// Flip mirrors left and right.
	Flip bool `json:"flip"`
	// Erase is the box that is set to one value; null in JSON if it is empty.
	Erase Patch `json:"erase"`
	// Geometry says how the affine parameters become a matrix.
	Geometry Geometry `json:"geometry"`

	// The study uses none of the following; JSON leaves them out when they
	// change nothing.

	// VerticalFlip mirrors top and bottom.
	VerticalFlip bool `json:"vertical_flip,omitempty"`
	// Shear is Keras's shear in degrees.
	Shear float64 `json:"shear_degrees,omitempty"`
	// Brightness is added to all channels, on the scale 0..255, and the result
	// is clipped to 0..255.
	Brightness float64 `json:"brightness,omitempty"`
	// Contrast c multiplies the distance of each channel from its mean over
	// the image by 1+c, and clips to 0..255.
	Contrast float64 `json:"contrast,omitempty"`
	// Cutout is a second box, set to one value after Erase.
	Cutout Patch `json:"cutout,omitzero"`
	// Crop is the part of the original that becomes the image, before anything else. If
	// the image is read from a larger original, it is in pixels of that original.
	Crop Crop `json:"crop,omitzero"`
	// Steps are applied in this order, after Contrast and before Erase.
	Steps []Step `json:"steps,omitempty"`
}

// Identity is the plan that changes nothing.
func Identity() Plan {
	return Plan{ZoomRows: 1, ZoomColumns: 1, Geometry: Keras2018}
}

// Limits for the values of a plan, so that no coordinate overflows. The ranges
// of recipes are narrower.
const (
	maxShift = 1 << 16
	minZoom  = 1.0 / 1024
	maxZoom  = 1024
)

// Validate returns an error that names the first field that is not in range.
func (p *Plan) Validate() error {
	if err := p.Geometry.validate(); err != nil {
		return err
	}
	for _, f := range [...]struct {
		name          string
		value, lo, hi float64
	}{
		{"rotation_degrees", p.Rotation, -180, 180},
		{"shift_rows", p.ShiftRows, -maxShift, maxShift},
		{"shift_columns", p.ShiftColumns, -maxShift, maxShift},
		{"shear_degrees", p.Shear, -maxShear, maxShear},
		{"zoom_rows", p.ZoomRows, minZoom, maxZoom},
		{"zoom_columns", p.ZoomColumns, minZoom, maxZoom},
		{"channel_shift", p.ChannelShift, -255, 255},
		{"brightness", p.Brightness, -255, 255},
		{"contrast", p.Contrast, -1, maxContrast},
	} {
		if !(f.value >= f.lo && f.value <= f.hi) { // also NaN
			return fmt.Errorf("%s: %v is outside %v..%v", f.name, f.value, f.lo, f.hi)
		}
	}
	if err := p.Erase.validate("erase"); err != nil {
		return err
	}
	if err := p.Cutout.validate("cutout"); err != nil {
		return err
	}
	if err := p.validateSteps(); err != nil {
		return err
	}
	return p.Crop.validate()
}

// String is the plan as JSON on one line.
func (p Plan) String() string {
	data, err := json.Marshal(p)
	if err != nil { // a NaN, which Validate refuses
		return fmt.Sprintf("invalid plan: %v", err)
	}
	return string(data)
}

// UnmarshalJSON reads a plan. A field that is left out changes nothing. Unknown
// fields and values out of range are errors.
func (p *Plan) UnmarshalJSON(data []byte) error {
	type plain Plan // without this method
	read := plain(Identity())
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&read); err != nil {
		return fmt.Errorf("read plan: %w", err)
	}
	if err := (*Plan)(&read).Validate(); err != nil {
		return fmt.Errorf("read plan: %w", err)
	}
	*p = Plan(read)
	return nil
}

// Patch is a box of pixels that is set to one value in all channels. It may
// reach over the edge of the image. An empty one changes nothing.
type Patch struct {
	Row    int `json:"row"`
	Column int `json:"column"`
	Height int `json:"height"`
	Width  int `json:"width"`
	// Value is in 0..1.
	Value float64 `json:"value"`
}

// Empty tells whether the box has no pixels.
func (b Patch) Empty() bool { return b.Height <= 0 || b.Width <= 0 }

// IsZero is Empty, so that JSON leaves an empty box out of fields with omitzero.
func (b Patch) IsZero() bool { return b.Empty() }

// MarshalJSON writes an empty box as null.
func (b Patch) MarshalJSON() ([]byte, error) {
	if b.Empty() {
		return []byte("null"), nil
	}
	type plain Patch
	return json.Marshal(plain(b))
}

const maxSide = 1 << 16

func (b *Patch) validate(name string) error {
	for _, f := range [...]struct {
		name   string
		value  int
		lo, hi int
	}{
		{"row", b.Row, -maxSide, maxSide},
		{"column", b.Column, -maxSide, maxSide},
		{"height", b.Height, 0, maxSide},
		{"width", b.Width, 0, maxSide},
	} {
		if f.value < f.lo || f.value > f.hi {
			return fmt.Errorf("%s.%s: %d is outside %d..%d", name, f.name, f.value, f.lo, f.hi)
		}
	}
	if !(b.Value >= 0 && b.Value <= 1) {
		return fmt.Errorf("%s.value: %v is outside 0..1", name, b.Value)
	}
	return nil
}

// fill sets the part of the box that is inside the image.
func (b *Patch) fill(pixels []uint8, height, width int) {
	value := uint8(math.Round(b.Value * 255))
	top, bottom := max(b.Row, 0), min(b.Row+b.Height, height)
	left, right := max(b.Column, 0), min(b.Column+b.Width, width)
	if left >= right {
		return
	}
	for row := top; row < bottom; row++ {
		line := pixels[(row*width+left)*3 : (row*width+right)*3]
		for i := range line {
			line[i] = value
		}
	}
}
