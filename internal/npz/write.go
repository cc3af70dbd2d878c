package npz

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
)

// Uint8s returns an array of bytes with the shape.
func Uint8s(data []uint8, shape ...int) Array {
	return Array{Shape: shape, DType: "u1", raw: data}
}

// Float32s returns an array of float32 with the shape.
func Float32s(data []float32, shape ...int) Array {
	raw := make([]byte, 0, 4*len(data))
	for _, v := range data {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return Array{Shape: shape, DType: "f4", raw: raw}
}

// Write writes the archive as numpy.savez_compressed does, with the arrays sorted by
// name, so that equal archives give equal bytes.
func Write(w io.Writer, arrays Archive) error {
	z := zip.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(arrays)) {
		f, err := z.Create(name + ".npy")
		if err != nil {
			return err
		}
		if err := arrays[name].write(f); err != nil {
			return fmt.Errorf("array %q: %w", name, err)
		}
	}
	return z.Close()
}

// write writes the .npy format, version 1.0: a header padded to 64 bytes, then
// the elements.
func (a Array) write(w io.Writer) error {
	order := "<"
	if strings.HasSuffix(a.DType, "1") {
		order = "|"
	}
	dims := ""
	for _, n := range a.Shape {
		dims += fmt.Sprintf("%d,", n)
	}
	header := fmt.Sprintf("{'descr': '%s%s', 'fortran_order': False, 'shape': (%s), }", order, a.DType, dims)
	header += strings.Repeat(" ", 63-(10+len(header))%64) + "\n"
	head := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	if _, err := w.Write(append(head, header...)); err != nil {
		return err
	}
	_, err := w.Write(a.raw)
	return err
}
