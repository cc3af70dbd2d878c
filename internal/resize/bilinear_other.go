//go:build !cgo

package resize

func bilinear(dst []uint8, p Picture, rows, columns *axis, line []int16) {
	plain(dst, p, rows, columns, line)
}
