package report

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// position returns the position of a batch size on its axis, which is logarithmic. The batch
// size of a single run may be unknown, and is then 0.
func position(batch int) float64 { return math.Log2(float64(max(batch, 1))) }

// batchTicks labels each batch size.
func batchTicks(sizes []int) plot.ConstantTicks {
	ticks := make(plot.ConstantTicks, len(sizes))
	for i, size := range sizes {
		ticks[i] = plot.Tick{Value: position(size), Label: strconv.Itoa(size)}
	}
	return ticks
}

// percentRange widens a range of data to whole multiples of 5 within 0..100. Without
// data, for which low > high, it returns 0..100.
func percentRange(low, high float64) (lowest, highest float64) {
	if low > high {
		return 0, 100
	}
	lowest, highest = max(0, 5*math.Floor(low/5)), min(100, 5*math.Ceil(high/5))
	if lowest == highest {
		lowest, highest = max(0, lowest-5), min(100, highest+5)
	}
	return lowest, highest
}

// percentTicks returns ticks between two percentages, at multiples of the finest round step with
// which there are about five of them.
func percentTicks(low, high float64) plot.ConstantTicks {
	step := 20.0
	for _, finer := range []float64{10, 5, 2, 1} {
		if (high-low)/finer <= 6 {
			step = finer
		}
	}
	var ticks plot.ConstantTicks
	for y := step * math.Ceil(low/step); y <= high; y += step {
		ticks = append(ticks, plot.Tick{Value: y, Label: strconv.FormatFloat(y, 'f', 0, 64)})
	}
	return ticks
}

// epochRange returns the ends of the axis of epochs, which count from 1.
func epochRange(longest int) (low, high float64) {
	if longest <= 1 {
		return 0.5, 1.5
	}
	return 1, float64(longest)
}

// wholeTicks returns ticks at whole numbers, for the axis of epochs.
func wholeTicks(low, high float64) []plot.Tick {
	step := 1.0
	for _, step = range []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 1e4, 1e5} {
		if (high-low)/step <= 5 {
			break
		}
	}
	var ticks []plot.Tick
	for x := step * math.Ceil(low/step); x <= high; x += step {
		ticks = append(ticks, plot.Tick{Value: x, Label: strconv.FormatFloat(x, 'f', 0, 64)})
	}
	return ticks
}

// leastLoss is where the axis of losses begins.
const leastLoss = 1e-4

// logarithm returns the position of a loss on its axis. Losses below leastLoss are drawn
// there. The plotting library has a logarithmic axis too, but that leaves a gap above the
// plot.
func logarithm(loss float64) float64 { return math.Log10(max(loss, leastLoss)) }

// lossTicks returns ticks at 1, 2 and 5 times powers of ten, from the last at or below
// low to the first at or above high. If high is less than 4 times low, so that there would
// be fewer than three of them, it returns evenTicks instead.
func lossTicks(low, high float64) plot.ConstantTicks {
	if logarithm(high)-logarithm(low) < math.Log10(4) && low > leastLoss {
		return evenTicks(low, high)
	}
	var ticks plot.ConstantTicks
	for k := math.Floor(logarithm(low)); ; k++ {
		for _, mantissa := range []float64{1, 2, 5} {
			v := mantissa * math.Pow(10, k)
			if v <= low {
				ticks = ticks[:0] // this one is nearer to low
			}
			label := strconv.FormatFloat(v, 'g', 1, 64)
			if k < 5 {
				label = strconv.FormatFloat(v, 'f', max(0, int(-k)), 64)
			}
			ticks = append(ticks, plot.Tick{Value: logarithm(v), Label: label})
			if len(ticks) > 1 && v >= high {
				return onlyPowers(ticks)
			}
		}
	}
}

// evenTicks returns ticks at about five multiples of a round step that include low and
// high, on the logarithmic axis.
func evenTicks(low, high float64) plot.ConstantTicks {
	const rounding = 1e-9
	fifth := max(high-low, 0.1*high) / 5 // the step is the first round number from here on
	exponent := math.Floor(math.Log10(fifth))
	step := 10 * math.Pow(10, exponent)
	for _, mantissa := range []float64{5, 2, 1} {
		if finer := mantissa * math.Pow(10, exponent); finer >= fifth*(1-rounding) {
			step = finer
		}
	}
	first, last := math.Floor(low/step+rounding), math.Ceil(high/step-rounding)
	if first == last {
		first, last = first-1, last+1
	}
	var ticks plot.ConstantTicks
	for k := first; k <= last; k++ {
		label := strconv.FormatFloat(k*step, 'f', max(0, int(-math.Floor(math.Log10(step)+rounding))), 64)
		ticks = append(ticks, plot.Tick{Value: logarithm(k * step), Label: label})
	}
	return ticks
}

// onlyPowers removes labels if there are more than seven ticks: only powers of ten keep
// theirs, and at most about seven of these.
func onlyPowers(ticks plot.ConstantTicks) plot.ConstantTicks {
	const most, ticksOfPower, rounding = 7, 3, 1e-9
	if len(ticks) <= most {
		return ticks
	}
	every := math.Ceil(float64(len(ticks)) / ticksOfPower / most)
	for i := range ticks {
		// The value is a logarithm, so that of a power of ten is a whole number.
		if k := ticks[i].Value; math.Abs(k-every*math.Round(k/every)) > rounding {
			ticks[i].Label = ""
		}
	}
	return ticks
}
