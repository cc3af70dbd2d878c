// Package npz reads and writes NumPy's .npz archives of little-endian arrays. Python
// generators write reference values for tests in that format.
package npz

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Array is one array of an archive, in row-major order.
type Array struct {
	Shape []int
	// DType is NumPy's type string without the byte order: "f4", "f8", "i4",
	// "i8", "u1", "b1".
	DType string
	raw   []byte
}

// Archive maps the names of an archive's arrays to the arrays.
type Archive map[string]Array

var headerPattern = regexp.MustCompile(`'descr': '[<|]([a-z]\d)', 'fortran_order': False, 'shape': \(([\d, ]*)\)`)

// Read reads every array of the .npz file at path.
func Read(path string) (Archive, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		if cause := (*fs.PathError)(nil); errors.As(err, &cause) {
			err = cause.Err // the path is in the message already
		}
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	defer z.Close()
	arrays := Archive{}
	for _, f := range z.File {
		a, err := readMember(f)
		if err != nil {
			return nil, fmt.Errorf("read %q: array %q: %w", path, f.Name, err)
		}
		arrays[strings.TrimSuffix(f.Name, ".npy")] = a
	}
	return arrays, nil
}

// maxBytes is the largest size of an array. A limit is needed because a small zip can
// uncompress to any size.
const maxBytes = 1 << 30

func readMember(f *zip.File) (Array, error) {
	if f.UncompressedSize64 > maxBytes {
		return Array{}, fmt.Errorf("%d bytes are more than %d", f.UncompressedSize64, maxBytes)
	}
	r, err := f.Open()
	if err != nil {
		return Array{}, err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return Array{}, err
	}
	return parse(data)
}

// parse reads the .npy format, version 1.0.
func parse(data []byte) (Array, error) {
	if len(data) < 10 || string(data[:8]) != "\x93NUMPY\x01\x00" {
		return Array{}, fmt.Errorf("not a version 1.0 .npy file")
	}
	end := 10 + int(binary.LittleEndian.Uint16(data[8:]))
	if end > len(data) {
		return Array{}, fmt.Errorf("header is cut off")
	}
	m := headerPattern.FindStringSubmatch(string(data[10:end]))
	if m == nil {
		return Array{}, fmt.Errorf("unsupported header %q", data[10:end])
	}
	a := Array{DType: m[1], Shape: []int{}, raw: data[end:]}
	size := int(m[1][1] - '0')
	for part := range strings.SplitSeq(m[2], ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		n, err := strconv.Atoi(part)
		if err != nil {
			return Array{}, err
		}
		a.Shape = append(a.Shape, n)
		if n > maxBytes || size*n > maxBytes {
			return Array{}, fmt.Errorf("shape (%s) needs more than %d bytes", m[2], maxBytes)
		}
		size *= n
	}
	if size != len(a.raw) {
		return Array{}, fmt.Errorf("shape %v of %s needs %d bytes, got %d", a.Shape, a.DType, size, len(a.raw))
	}
	return a, nil
}

// Float32 returns the values of a float32 or float64 array.
func (a Array) Float32() []float32 {
	switch a.DType {
	case "f4":
		return convert(a.raw, 4, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) })
	case "f8":
		return convert(a.raw, 8, func(b []byte) float32 {
			return float32(math.Float64frombits(binary.LittleEndian.Uint64(b)))
		})
	}
	panic("npz: array of " + a.DType + " read as float32")
}

// Float64 returns the values of a float64 or float32 array.
func (a Array) Float64() []float64 {
	switch a.DType {
	case "f4":
		return convert(a.raw, 4, func(b []byte) float64 {
			return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
		})
	case "f8":
		return convert(a.raw, 8, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) })
	}
	panic("npz: array of " + a.DType + " read as float64")
}

// Int64 returns the values of an int32 or int64 array.
func (a Array) Int64() []int64 {
	switch a.DType {
	case "i4":
		return convert(a.raw, 4, func(b []byte) int64 { return int64(int32(binary.LittleEndian.Uint32(b))) })
	case "i8":
		return convert(a.raw, 8, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) })
	}
	panic("npz: array of " + a.DType + " read as int64")
}

// Uint8 returns the values of a uint8 or bool array.
func (a Array) Uint8() []uint8 {
	if a.DType != "u1" && a.DType != "b1" {
		panic("npz: array of " + a.DType + " read as uint8")
	}
	return a.raw
}

func convert[T any](raw []byte, size int, value func([]byte) T) []T {
	values := make([]T, len(raw)/size)
	for i := range values {
		values[i] = value(raw[i*size:])
	}
	return values
}
