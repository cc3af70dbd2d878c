package resize

import "math"

// axis has the weights of one direction.
type axis struct {
	// taps is the number of weights that are stored for each pixel of the result, which
	// is even. Those after the pixel's last weight are 0.
	taps int
	// first is, for each pixel of the result, the first pixel of the source that has a
	// weight; count is how many pixels have one.
	first, count []int32
	// whole has the weights in units of 2^-14, exact unrounded.
	whole []int16
	exact []float64
}

// weightBits is the number of fraction bits of a weight: the weights of a pixel sum to
// 1<<weightBits.
const weightBits = 14

// set computes the weights of the pixels from..to-1 of a result of out pixels, to which
// the part lo..hi of a source of in pixels is resized. It does what precompute_coeffs of
// Pillow's Resample.c does, for a source that was cropped to lo..hi, rounded outwards.
func (a *axis) set(f Filter, in int, lo, hi float64, out, from, to int) {
	scale := (hi - lo) / float64(out)
	wide := max(scale, 1)
	support := f.support() * wide
	least, most := int(math.Floor(lo)), min(int(math.Ceil(hi)), in)
	a.grow(to-from, int(math.Ceil(support))*2+1)
	for i := range to - from {
		centre := lo + (float64(from+i)+0.5)*scale
		begin := max(int(centre-support+0.5), least)
		end := min(int(centre+support+0.5), most)
		begin = min(begin, end-1)
		a.first[i], a.count[i] = int32(begin), int32(end-begin)
		weights := a.exact[i*a.taps : (i+1)*a.taps]
		f.weigh(weights, begin, end, centre, wide)
		round(a.whole[i*a.taps:(i+1)*a.taps], weights)
	}
}

// grow makes room for n pixels with at least that many taps.
func (a *axis) grow(n, taps int) {
	a.taps = taps + taps&1
	if need := n * a.taps; cap(a.whole) < need {
		a.whole, a.exact = make([]int16, need), make([]float64, need)
	}
	if cap(a.first) < n {
		a.first, a.count = make([]int32, n), make([]int32, n)
	}
	a.whole, a.exact = a.whole[:n*a.taps], a.exact[:n*a.taps]
	a.first, a.count = a.first[:n], a.count[:n]
}

// weigh sets the weights of the pixels begin..end-1, whose sum is 1. The others become 0.
func (f Filter) weigh(weights []float64, begin, end int, centre, wide float64) {
	clear(weights)
	var sum float64
	for k := range end - begin {
		w := f.at((float64(begin+k) - centre + 0.5) / wide)
		weights[k] = w
		sum += w
	}
	if sum == 0 { // a narrow strip at the edge of a box
		weights[0], sum = 1, 1
	}
	for k := range end - begin {
		weights[k] /= sum
	}
}

// round rounds weights so that their sum stays exact, even that of a thousand small ones:
// it carries the rounding error of each weight over to the next.
func round(whole []int16, weights []float64) {
	var sum, given float64
	for k, w := range weights {
		sum += w * (1 << weightBits)
		v := math.Round(sum - given)
		given += v
		whole[k] = int16(v)
	}
}

func (f Filter) support() float64 {
	if f == Bicubic {
		return 2
	}
	return 1
}

// at returns the weight of a pixel at distance x.
func (f Filter) at(x float64) float64 {
	x = math.Abs(x)
	if f == Bilinear {
		return max(1-x, 0)
	}
	const a = -0.5
	switch {
	case x < 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return (((x-5)*x+8)*x - 4) * a
	}
	return 0
}
