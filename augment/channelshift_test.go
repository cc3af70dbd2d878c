package augment

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Values are clipped to the least and the greatest value of all channels of the
// image, here 50 and 192.
func TestChannelShiftClipsToTheImagesRange(t *testing.T) {
	src := paint(2, 2, func(row, column int) uint8 { return uint8(50 + 100*row + 40*column) })
	src[0] = 50
	up := []uint8{80, 81, 82, 120, 121, 122, 180, 181, 182, 192, 192, 192}
	checkImage(t, func(p *Plan) { p.ChannelShift = 30 }, src, up, 2, 2)
	down := []uint8{50, 50, 50, 50, 51, 52, 110, 111, 112, 150, 151, 152}
	checkImage(t, func(p *Plan) { p.ChannelShift = -40 }, src, down, 2, 2)
}

// A shift wider than the range makes all pixels equal.
func TestChannelShiftWiderThanTheRange(t *testing.T) {
	src := paint(2, 3, func(row, column int) uint8 { return uint8(100 + 10*row + 2*column) })
	all := func(v uint8) []uint8 {
		pixels := make([]uint8, len(src))
		for i := range pixels {
			pixels[i] = v
		}
		return pixels
	}
	checkImage(t, func(p *Plan) { p.ChannelShift = 200 }, src, all(116), 2, 3)
	checkImage(t, func(p *Plan) { p.ChannelShift = -200 }, src, all(100), 2, 3)
	checkImage(t, func(p *Plan) { p.ChannelShift = 255 }, src, all(116), 2, 3)
	checkImage(t, func(p *Plan) { p.ChannelShift = -255 }, src, all(100), 2, 3)
}

// On packed pixels, too, the result is np.clip(x + intensity, min(x), max(x)), to
// the precision of their fractions.
func TestPackedChannelShiftIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		count, lo, spread := 1+rng.IntN(20), rng.IntN(256), 0
		spread = rng.IntN(256 - lo)
		pixels := make([]uint64, count)
		least, greatest := uint64(math.MaxUint64), uint64(0)
		for i := range pixels {
			for channel := range 3 {
				v := uint64(lo)*one + uint64(rng.IntN(spread*one+1)) + one/2 // half: see warp
				pixels[i] |= v << (channel * laneBits)
				least, greatest = min(least, v), max(greatest, v)
			}
		}
		intensity := around(rng, 255)
		got := make([]uint8, count*3)
		unpackShifted(got, pixels, intensity)
		shift := int64(math.Round(intensity * one))
		for i := range got {
			v := int64(pixels[i/3] >> (i % 3 * laneBits) & lane)
			want := min(max(v+shift, int64(least)), int64(greatest)) >> fractionBits
			if int64(got[i]) != want {
				t.Fatalf("byte %d of %d, range %d+%d, shift %v: %d, want %d", i, count, lo, spread, intensity, got[i], want)
			}
		}
	}
}

func BenchmarkChannelShift(b *testing.B) { benchmarkPlan(b, func(p *Plan) { p.ChannelShift = 33.3 }) }
