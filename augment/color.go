package augment

import "math"

// adjustBrightness is torchvision's adjust_brightness for bytes: products are truncated,
// not rounded.
func adjustBrightness(pixels []uint8, factor float64) {
	var table [256]uint8
	for v := range table {
		table[v] = cut(float32(v) * float32(factor))
	}
	for i, v := range pixels {
		pixels[i] = table[v]
	}
}

// cut clamps a value to 0..255 and drops its fraction, as PyTorch converts it to a byte.
func cut(v float32) uint8 { return uint8(min(max(v, 0), 255)) }

// blending is torchvision's _blend: ratio·value + rest·other, with rest = 1 - ratio.
type blending struct{ ratio, rest float32 }

func blendingOf(ratio float64) blending { return blending{float32(ratio), float32(1 - ratio)} }

// blend rounds the first product and then the sum, as PyTorch's fused operation does.
func (b blending) blend(value, other float32) uint8 {
	return cut(float32(float64(value*b.ratio) + float64(other)*float64(b.rest)))
}

// luma is torchvision's gray value of a pixel, by ITU-R 601-2.
func luma(r, g, b uint8) float32 {
	return float32(r)*0.2989 + float32(g)*0.587 + float32(b)*0.114
}

// adjustContrast is torchvision's adjust_contrast: it blends with the mean gray value.
func adjustContrast(pixels []uint8, factor float64) {
	var sum float64
	for i := 0; i+2 < len(pixels); i += 3 {
		sum += math.Floor(float64(luma(pixels[i], pixels[i+1], pixels[i+2])))
	}
	mean := float32(sum / float64(len(pixels)/3))
	b := blendingOf(factor)
	var table [256]uint8
	for v := range table {
		table[v] = b.blend(float32(v), mean)
	}
	for i, v := range pixels {
		pixels[i] = table[v]
	}
}

// adjustSaturation is torchvision's adjust_saturation: it blends with the gray image.
func adjustSaturation(pixels []uint8, factor float64) {
	b := blendingOf(factor)
	for i := 0; i+2 < len(pixels); i += 3 {
		p := pixels[i : i+3 : i+3]
		l := float32(math.Floor(float64(luma(p[0], p[1], p[2]))))
		p[0], p[1], p[2] = b.blend(float32(p[0]), l), b.blend(float32(p[1]), l), b.blend(float32(p[2]), l)
	}
}

// gray is torchvision's rgb_to_grayscale with 3 channels.
func gray(pixels []uint8) {
	for i := 0; i+2 < len(pixels); i += 3 {
		p := pixels[i : i+3 : i+3]
		l := cut(luma(p[0], p[1], p[2]))
		p[0], p[1], p[2] = l, l, l
	}
}

// adjustHue is torchvision's adjust_hue: colours are turned in the HSV cone, in floating
// point.
func adjustHue(pixels []uint8, turn float64) {
	if turn == 0 {
		return
	}
	for i := 0; i+2 < len(pixels); i += 3 {
		p := pixels[i : i+3 : i+3]
		h, s, v := hsv(float32(p[0])/255, float32(p[1])/255, float32(p[2])/255)
		h += float32(turn)
		h -= float32(math.Floor(float64(h)))
		r, g, b := rgb(h, s, v)
		p[0], p[1], p[2] = fromUnit(r), fromUnit(g), fromUnit(b)
	}
}

// fromUnit converts a value in 0..1 to a byte, as torchvision's to_dtype does.
func fromUnit(v float32) uint8 { return cut(v * (255 + 1 - 1e-3)) }

// hsv is torchvision's _rgb_to_hsv.
func hsv(r, g, b float32) (h, s, v float32) {
	v = max(r, g, b)
	least := min(r, g, b)
	if v == least {
		return 0, 0, v
	}
	span := v - least
	s = span / v
	rc, gc, bc := (v-r)/span, (v-g)/span, (v-b)/span
	switch v {
	case r:
		h = bc - gc
	case g:
		h = 2 + rc - bc
	default:
		h = 4 + gc - rc
	}
	h = h/6 + 1
	return h - float32(math.Floor(float64(h))), s, v
}

// rgb is torchvision's _hsv_to_rgb.
func rgb(h, s, v float32) (r, g, b float32) {
	sixth := h * 6
	i := float32(math.Floor(float64(sixth)))
	f := sixth - i
	p, q, t := unit(v*(1-s)), unit(v*(1-s*f)), unit(v*(1-s*(1-f)))
	switch int(i) % 6 {
	case 0:
		return v, t, p
	case 1:
		return q, v, p
	case 2:
		return p, v, t
	case 3:
		return p, q, v
	case 4:
		return t, p, v
	}
	return v, p, q
}

func unit(v float32) float32 { return min(max(v, 0), 1) }

// posterize is torchvision's posterize: it keeps the upper bits.
func posterize(pixels []uint8, bits float64) {
	mask := uint8(0xff) << (8 - uint(bits))
	for i := range pixels {
		pixels[i] &= mask
	}
}

// solarize is torchvision's solarize: it inverts all values that are not below the threshold.
func solarize(pixels []uint8, threshold float64) {
	for i, v := range pixels {
		if float64(v) >= threshold {
			pixels[i] = 255 - v
		}
	}
}

func invert(pixels []uint8) {
	for i, v := range pixels {
		pixels[i] = 255 - v
	}
}

// histograms counts the values of each channel.
func histograms(pixels []uint8) (counts [3][256]int) {
	for i := 0; i+2 < len(pixels); i += 3 {
		p := pixels[i : i+3 : i+3]
		counts[0][p[0]]++
		counts[1][p[1]]++
		counts[2][p[2]]++
	}
	return counts
}

// replace replaces each value by the entry for it in its channel's table.
func replace(pixels []uint8, tables *[3][256]uint8) {
	for i := 0; i+2 < len(pixels); i += 3 {
		p := pixels[i : i+3 : i+3]
		p[0], p[1], p[2] = tables[0][p[0]], tables[1][p[1]], tables[2][p[2]]
	}
}

// equalize is Pillow's and torchvision's equalize: it spreads the values of each channel
// so that all are about as frequent.
func equalize(pixels []uint8) {
	counts := histograms(pixels)
	var tables [3][256]uint8
	for c := range tables {
		last := 255
		for last > 0 && counts[c][last] == 0 {
			last--
		}
		step := (len(pixels)/3 - counts[c][last]) / 255
		sum := step / 2
		for v := range tables[c] {
			tables[c][v] = uint8(v)
			if step > 0 {
				tables[c][v] = uint8(min(sum/step, 255))
			}
			sum += counts[c][v]
		}
	}
	replace(pixels, &tables)
}

// autocontrast is torchvision's autocontrast: it stretches the values of each channel to
// 0..255.
func autocontrast(pixels []uint8) {
	counts := histograms(pixels)
	var tables [3][256]uint8
	for c := range tables {
		least, most := 0, 255
		for least < 255 && counts[c][least] == 0 {
			least++
		}
		for most > 0 && counts[c][most] == 0 {
			most--
		}
		for v := range tables[c] {
			tables[c][v] = uint8(v)
			if most > least {
				tables[c][v] = cut(float32(v-least) / (float32(most-least) * float32(1.0/255)))
			}
		}
	}
	replace(pixels, &tables)
}
