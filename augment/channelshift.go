package augment

import (
	"math"
	"math/rand/v2"
)

// channelShift draws one value in ±amount that is added to all channels:
// Keras's channel_shift_range.
type channelShift struct{ amount float64 }

func newChannelShift(r *ranges) operation {
	return channelShift{r.need("amount", 0, 255)}
}

func (channelShift) kind() string { return "channel_shift" }

func (o channelShift) draw(rng *rand.Rand, _, _ int, p *Plan) {
	p.ChannelShift = around(rng, o.amount)
}

// unpackShifted is Keras's apply_channel_shift, np.clip(x + intensity,
// min(x), max(x)), on packed pixels, rounded to nearest.
func unpackShifted(dst []uint8, src []uint64, intensity float64) {
	shift := uint64(math.Round(math.Abs(intensity) * one))
	switch {
	case shift == 0:
		unpackRow(dst, src)
	case intensity > 0:
		unpackRaised(dst, src, shift)
	default:
		unpackLowered(dst, src, shift)
	}
}

// unpackRaised adds shift to all channels and clips to the image's greatest
// value. It computes min(v, limit) + rise, which always fits a channel's bits.
func unpackRaised(dst []uint8, src []uint64, shift uint64) {
	highest := greatest(src)
	limit := max(highest, shift) - shift
	// A shift wider than the image's range makes all pixels equal: the limit then is the
	// least value. In that case the first pixel too is above the limit, so that other
	// images need no search for the least value.
	if src[0]&lane > limit {
		limit = max(limit, least(src))
	}
	rise := (highest - limit) * lowest
	limit *= lowest
	last := len(src) - 1
	for i, v := range src[:last] {
		putFour(dst, i*3, unpack(v-above(v, limit)+rise))
	}
	putThree(dst, last*3, unpack(src[last]-above(src[last], limit)+rise))
}

// unpackLowered subtracts shift from all channels and clips to the image's
// least value. It computes max(v, limit) - shift, which is never below zero.
func unpackLowered(dst []uint8, src []uint64, shift uint64) {
	floor := least(src)
	limit := floor + shift
	if src[0]&lane < limit {
		limit = min(limit, greatest(src))
	}
	floor *= lowest
	limit *= lowest
	last := len(src) - 1
	for i, v := range src[:last] {
		putFour(dst, i*3, unpack(above(v, limit)+floor))
	}
	putThree(dst, last*3, unpack(above(src[last], limit)+floor))
}

// shiftChannelsBytes does the same to bytes, without fixed-point rounding.
func shiftChannelsBytes(pixels []uint8, intensity float64) {
	if intensity == 0 {
		return
	}
	least, greatest := uint8(255), uint8(0)
	for _, v := range pixels {
		least, greatest = min(least, v), max(greatest, v)
	}
	var table [256]uint8
	for v := range table {
		table[v] = round(min(max(float64(v)+intensity, float64(least)), float64(greatest)))
	}
	for i, v := range pixels {
		pixels[i] = table[v]
	}
}

// round returns the nearest integer in 0..255.
func round(x float64) uint8 {
	return uint8(min(max(math.Round(x), 0), 255))
}
