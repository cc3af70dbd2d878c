package augment

import "encoding/binary"

// A pixel's three channels travel in one 64-bit word, 21 bits each, so that
// one multiplication serves all three: 8 bits of value, 12 of fraction, and a
// bit above them for comparisons.
const (
	laneBits     = 21
	fractionBits = 12
	one          = 1 << fractionBits
	fractionMask = one - 1
	// lowest has the lowest bit of each channel set, guard the highest.
	lowest = 1 | 1<<laneBits | 1<<(2*laneBits)
	guard  = lowest << (laneBits - 1)
	half   = lowest << (fractionBits - 1)
	lane   = 1<<(laneBits-1) - 1
)

// pack puts the low three bytes of rgb into a word, the lowest byte into the
// lowest channel, with fractions of zero.
func pack(rgb uint32) uint64 {
	return uint64(rgb&0xff) | uint64(rgb&0xff00)<<(laneBits-8) | uint64(rgb&0xff0000)<<(2*laneBits-16)
}

// packRow packs a row of pixels: src holds 3 bytes for each word of dst.
func packRow(dst []uint64, src []uint8) {
	last := len(dst) - 1
	for i := range dst[:last] {
		dst[i] = packFour(src, i*3)
	}
	dst[last] = packThree(src, last*3)
}

// packFour packs the pixel at an offset. It reads one byte beyond the pixel.
func packFour(src []uint8, offset int) uint64 {
	return pack(binary.LittleEndian.Uint32(src[offset : offset+4 : offset+4]))
}

// packThree packs the pixel at an offset, which may be the last.
func packThree(src []uint8, offset int) uint64 {
	b := src[offset : offset+3 : offset+3]
	return pack(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16)
}

// unpack truncates each channel to an integer and puts the first into the lowest
// byte. The fourth byte has no meaning.
func unpack(v uint64) uint32 {
	return uint32(v>>fractionBits&0xff | v>>(fractionBits+laneBits-8)&0xff00 | v>>(fractionBits+2*laneBits-16)&^0xffff)
}

// above subtracts b from a in each channel where a is greater, and gives 0
// where it is not.
func above(a, b uint64) uint64 {
	d := (a | guard) - b
	greater := d & guard
	return d & (greater - greater>>(laneBits-1))
}

// greatest returns the greatest value of any channel.
func greatest(pixels []uint64) uint64 {
	// Four independent maxima, so that no comparison waits for the one before it.
	var a, b, c, d uint64
	for ; len(pixels) >= 4; pixels = pixels[4:] {
		a += above(pixels[0], a)
		b += above(pixels[1], b)
		c += above(pixels[2], c)
		d += above(pixels[3], d)
	}
	for _, v := range pixels {
		a += above(v, a)
	}
	a += above(b, a)
	c += above(d, c)
	a += above(c, a)
	return max(a&lane, a>>laneBits&lane, a>>(2*laneBits)&lane)
}

// least returns the least value of any channel.
func least(pixels []uint64) uint64 {
	const top = lane * lowest
	var a, b, c, d uint64 = top, top, top, top
	for ; len(pixels) >= 4; pixels = pixels[4:] {
		a -= above(a, pixels[0])
		b -= above(b, pixels[1])
		c -= above(c, pixels[2])
		d -= above(d, pixels[3])
	}
	for _, v := range pixels {
		a -= above(a, v)
	}
	a -= above(a, b)
	c -= above(c, d)
	a -= above(a, c)
	return min(a&lane, a>>laneBits&lane, a>>(2*laneBits)&lane)
}

// unpackRow truncates packed pixels to integers and writes 3 bytes for each.
func unpackRow(dst []uint8, src []uint64) {
	last := len(src) - 1
	for i, v := range src[:last] {
		putFour(dst, i*3, unpack(v))
	}
	putThree(dst, last*3, unpack(src[last]))
}

// putFour writes a pixel at an offset, and one byte beyond it, which belongs to
// the next pixel and is overwritten with it.
func putFour(dst []uint8, offset int, rgb uint32) {
	binary.LittleEndian.PutUint32(dst[offset:offset+4:offset+4], rgb)
}

// putThree writes a pixel at an offset, which may be the last.
func putThree(dst []uint8, offset int, rgb uint32) {
	b := dst[offset : offset+3 : offset+3]
	b[0], b[1], b[2] = uint8(rgb), uint8(rgb>>8), uint8(rgb>>16)
}
