package augment

import (
	"fmt"
	"math"
)

// Geometry says how rotation, shift, shear and zoom become one matrix.
type Geometry string

const (
	// Keras2018 is keras-preprocessing up to 1.1.2, apply_affine_transform:
	// it works in (row, column) and turns about (height/2 + 0.5, width/2 +
	// 0.5), one pixel below and right of the centre. The study ran it.
	Keras2018 Geometry = "keras-2018"
	// Keras3 is Keras 3's keras.src.legacy.preprocessing.image: it turns
	// about (height/2 - 0.5, width/2 - 0.5) and then exchanges the axes, so
	// that tx moves columns. The coordinates of the centre are exchanged too,
	// which matters if the image is not square.
	Keras3 Geometry = "keras-3"
)

func (g Geometry) validate() error {
	if g != Keras2018 && g != Keras3 {
		return fmt.Errorf("geometry: %q is not one of %s, %s", string(g), Keras2018, Keras3)
	}
	return nil
}

// matrix maps the position of a pixel of the result to where it comes from:
// row = rr·r + rc·c + r0, column = cr·r + cc·c + c0.
type matrix struct {
	rr, rc, r0 float64
	cr, cc, c0 float64
}

// affine combines rotation · shift · shear · zoom about the centre, as
// Keras's apply_affine_transform does. If there is no rotation, shear or zoom, the
// zeros and ones of the matrix are exact.
func (p *Plan) affine(height, width int) matrix {
	sin, cos := 0.0, 1.0
	if p.Rotation != 0 {
		sin, cos = math.Sincos(p.Rotation * (math.Pi / 180))
	}
	shearSin, shearCos := 0.0, 1.0
	if p.Shear != 0 {
		shearSin, shearCos = math.Sincos(p.Shear * (math.Pi / 180))
	}
	m := matrix{
		rr: cos * p.ZoomRows,
		rc: (-cos*shearSin - sin*shearCos) * p.ZoomColumns,
		r0: cos*p.ShiftRows - sin*p.ShiftColumns,
		cr: sin * p.ZoomRows,
		cc: (-sin*shearSin + cos*shearCos) * p.ZoomColumns,
		c0: sin*p.ShiftRows + cos*p.ShiftColumns,
	}
	half := 0.5
	if p.Geometry == Keras3 {
		half = -0.5
	}
	centreRow, centreColumn := float64(height)/2+half, float64(width)/2+half
	m.r0 += centreRow - (m.rr*centreRow + m.rc*centreColumn)
	m.c0 += centreColumn - (m.cr*centreRow + m.cc*centreColumn)
	if p.Geometry == Keras3 {
		m = matrix{rr: m.cc, rc: m.cr, r0: m.c0, cr: m.rc, cc: m.rr, c0: m.r0}
	}
	return m
}

// flipped returns the matrix of the mirrored result. Keras flips after the
// warp, which is the same as computing the warped rows or columns backwards.
func (m matrix) flipped(horizontal, vertical bool, height, width int) matrix {
	if horizontal {
		last := float64(width - 1)
		m.r0, m.rc = m.r0+m.rc*last, -m.rc
		m.c0, m.cc = m.c0+m.cc*last, -m.cc
	}
	if vertical {
		last := float64(height - 1)
		m.r0, m.rr = m.r0+m.rr*last, -m.rr
		m.c0, m.cr = m.c0+m.cr*last, -m.cr
	}
	return m
}

// moves tells whether the plan needs a warp at all.
func (p *Plan) moves() bool {
	return p.Rotation != 0 || p.ShiftRows != 0 || p.ShiftColumns != 0 || p.Shear != 0 || !p.keepsSize()
}

// shiftsOnly tells whether the warp is a translation.
func (p *Plan) shiftsOnly() bool {
	return p.Rotation == 0 && p.Shear == 0 && p.keepsSize()
}

func (p *Plan) keepsSize() bool { return p.ZoomRows == 1 && p.ZoomColumns == 1 }
