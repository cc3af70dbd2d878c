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

func (o channelShift) draw(rng *rand.Rand, _, _ int, p *Plan) {
	p.ChannelShift = around(rng, o.amount)
}

// shiftChannels is Keras's apply_channel_shift on packed pixels: np.clip(x +
// intensity, min(x), max(x)).
func shiftChannels(pixels []uint64, intensity float64) {
	shift := uint64(math.Round(math.Abs(intensity) * one))
	if shift == 0 {
		return
	}
	least, greatest := extremes(pixels)
	if intensity > 0 {
		// min(v, limit) + rise never leaves the channel's bits.
		limit := max(greatest, least+shift) - shift
		rise := greatest - limit
		for i, v := range pixels {
			pixels[i] = v - above(v, limit*lowest) + rise*lowest
		}
		return
	}
	// max(v, limit) - (limit - least), which never falls below zero.
	limit := min(least+shift, greatest)
	for i, v := range pixels {
		pixels[i] = above(v, limit*lowest) + least*lowest
	}
}

// shiftChannelsBytes is the same on bytes, in which it is exact.
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

// round is the nearest value in 0..255.
func round(x float64) uint8 {
	return uint8(min(max(math.Round(x), 0), 255))
}
