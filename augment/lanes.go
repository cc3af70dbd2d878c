package augment

// A pixel's three channels travel in one 64-bit word, 21 bits each, so that
// one multiplication serves all three: 8 bits of value, 12 of fraction, and a
// bit above them for comparisons.
const (
	laneBits     = 21
	fractionBits = 12
	one          = 1 << fractionBits
	fractionMask = one - 1
	// lowest has the least bit of each channel set, guard the greatest.
	lowest = 1 | 1<<laneBits | 1<<(2*laneBits)
	guard  = lowest << (laneBits - 1)
	half   = lowest << (fractionBits - 1)
	lane   = 1<<(laneBits-1) - 1
)

// pack puts the low three bytes of rgb, the first lowest, into a word without
// fraction.
func pack(rgb uint32) uint64 {
	return uint64(rgb&0xff) | uint64(rgb&0xff00)<<(laneBits-8) | uint64(rgb&0xff0000)<<(2*laneBits-16)
}

// packRow packs a row of pixels: src holds 3 bytes for each word of dst.
func packRow(dst []uint64, src []uint8) {
	// Four bytes are read at once where there are four; the last pixel has
	// three.
	last := len(dst) - 1
	for i := range last {
		b := src[i*3 : i*3+4 : i*3+4]
		dst[i] = pack(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24)
	}
	b := src[last*3 : last*3+3]
	dst[last] = pack(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16)
}

// unpackRow rounds a row of words to nearest and writes 3 bytes for each.
func unpackRow(dst []uint8, src []uint64) {
	last := len(src) - 1
	for i, v := range src[:last] {
		rgb := unpack(v)
		// The fourth byte is the next pixel's, which is written next.
		b := dst[i*3 : i*3+4 : i*3+4]
		b[0], b[1], b[2], b[3] = uint8(rgb), uint8(rgb>>8), uint8(rgb>>16), uint8(rgb>>24)
	}
	rgb := unpack(src[last])
	b := dst[last*3 : last*3+3]
	b[0], b[1], b[2] = uint8(rgb), uint8(rgb>>8), uint8(rgb>>16)
}

// unpack rounds each channel to nearest: the first in the lowest byte.
func unpack(v uint64) uint32 {
	v += half
	return uint32(v>>fractionBits&0xff | v>>(fractionBits+laneBits-8)&0xff00 | v>>(fractionBits+2*laneBits-16)&0xff0000)
}

// above subtracts b from a in each channel where a is greater, and gives 0
// where it is not.
func above(a, b uint64) uint64 {
	d := (a | guard) - b
	greater := d & guard
	return d & (greater - greater>>(laneBits-1))
}

// extremes returns the least and the greatest value of any channel.
func extremes(pixels []uint64) (least, greatest uint64) {
	lo, hi := uint64(lane*lowest), uint64(0)
	for _, v := range pixels {
		lo -= above(lo, v)
		hi += above(v, hi)
	}
	least, greatest = lane, 0
	for range 3 {
		least, greatest = min(least, lo&lane), max(greatest, hi&lane)
		lo, hi = lo>>laneBits, hi>>laneBits
	}
	return least, greatest
}
