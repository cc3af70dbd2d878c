package augment

import "math"

// adjustSharpness is torchvision's adjust_sharpness: it blends with a smoothed image, whose
// border pixels are not smoothed.
func (w *Workspace) adjustSharpness(pixels []uint8, height, width int, factor float64) {
	if height <= 2 || width <= 2 {
		return
	}
	before, stride, b := w.copyOf(pixels), 3*width, blendingOf(factor)
	for row := 1; row < height-1; row++ {
		for i := row*stride + 3; i < (row+1)*stride-3; i++ {
			sum := 0
			for _, j := range [...]int{i - stride, i, i + stride} {
				sum += int(before[j-3]) + int(before[j]) + int(before[j+3])
			}
			smooth := math.RoundToEven(float64(sum+4*int(before[i])) / 13)
			pixels[i] = b.blend(float32(before[i]), float32(smooth))
		}
	}
	// Blending rounds even where both values are the same, as PyTorch does.
	edge := func(from, to int) {
		for i := from; i < to; i++ {
			pixels[i] = b.blend(float32(before[i]), float32(before[i]))
		}
	}
	edge(0, stride)
	edge((height-1)*stride, height*stride)
	for row := 1; row < height-1; row++ {
		edge(row*stride, row*stride+3)
		edge((row+1)*stride-3, (row+1)*stride)
	}
}

// blurRadius returns how many pixels the kernel of a blur reaches to each side.
func blurRadius(sigma float64) int { return max(int(math.Ceil(3*sigma)), 1) }

// blur is torchvision's gaussian_blur with a kernel of 2*radius+1 pixels. Beyond its edge
// the image is continued by its mirror image.
func (w *Workspace) blur(pixels []uint8, height, width int, sigma float64) {
	radius := blurRadius(sigma)
	kernel := make([]float32, 2*radius+1)
	var sum float64
	for i := range kernel {
		x := float64(i - radius)
		v := math.Exp(-x * x / (2 * sigma * sigma))
		kernel[i], sum = float32(v), sum+v
	}
	for i := range kernel {
		kernel[i] /= float32(sum)
	}
	if len(w.blurred) < len(pixels) {
		w.blurred = make([]float32, len(pixels))
	}
	across := w.blurred[:len(pixels)]
	clear(across)
	for row := range height {
		line, out := pixels[3*row*width:3*(row+1)*width], across[3*row*width:3*(row+1)*width]
		for k, weight := range kernel {
			for column := range width {
				from := 3 * mirrored(column+k-radius, width)
				out[3*column] += weight * float32(line[from])
				out[3*column+1] += weight * float32(line[from+1])
				out[3*column+2] += weight * float32(line[from+2])
			}
		}
	}
	w.blurDown(pixels, across, kernel, height, 3*width)
}

// blurDown blurs each column and rounds the result to bytes.
func (w *Workspace) blurDown(pixels []uint8, across, kernel []float32, height, stride int) {
	radius := len(kernel) / 2
	if len(w.sums) < stride {
		w.sums = make([]float32, stride)
	}
	sums := w.sums[:stride]
	for row := range height {
		clear(sums)
		for k, weight := range kernel {
			from := across[stride*mirrored(row+k-radius, height):][:stride]
			for i, v := range from {
				sums[i] += weight * v
			}
		}
		for i, v := range sums {
			pixels[row*stride+i] = uint8(math.RoundToEven(float64(min(max(v, 0), 255))))
		}
	}
}

// mirrored maps index i, which may be outside 0..n-1, into the image by reflection at the
// edges. A pixel at the edge itself is not repeated.
func mirrored(i, n int) int {
	if n == 1 {
		return 0
	}
	for i < 0 || i >= n {
		if i < 0 {
			i = -i
		} else {
			i = 2*(n-1) - i
		}
	}
	return i
}
