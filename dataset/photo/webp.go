package photo

import (
	"bufio"
	"encoding/binary"
	"errors"
	"image"
	"io"

	"golang.org/x/image/webp"
)

// readWebP reads the size and the orientation of a WebP image.
func (h *header) readWebP(r io.ReadSeeker) error {
	// The lossless form takes 4 bytes per pixel for the result, and 4 for each of up to two
	// intermediate results.
	const bytesPerPixel = 12 + compositeBytes
	if err := refuseAnimation(r); err != nil {
		return err
	}
	if err := h.readConfig(r, webp.DecodeConfig, bytesPerPixel); err != nil {
		return err
	}
	if _, err := r.Seek(riffHead, io.SeekStart); err != nil {
		return err
	}
	var m metadata
	if err := m.readRIFF(r); err != nil {
		return err
	}
	h.orientation = m.orientation()
	return nil
}

// riffHead is the number of bytes before the chunks of a WebP file.
const riffHead = 12

// refuseAnimation returns a clear error for animations, which the decoder does not support.
func refuseAnimation(r io.ReadSeeker) error {
	var head [riffHead + 8 + 1]byte
	_, err := io.ReadFull(r, head[:])
	const animation = 1 << 1
	if err == nil && string(head[riffHead:riffHead+4]) == "VP8X" && head[riffHead+8]&animation != 0 {
		return errors.New("it is an animation, which is not supported: convert it to PNG or GIF")
	}
	_, err = r.Seek(0, io.SeekStart)
	return err
}

// decodeWebP decodes a WebP image. In the lossy form, luma is in 16..235 and chroma in
// 16..240 (RFC 6386, section 9.2; ITU-R BT.601). The decoder returns these values
// unchanged, in a type whose range is 0..255.
func decodeWebP(r io.Reader) (image.Image, error) {
	decoded, err := webp.Decode(bufio.NewReader(r))
	switch picture := decoded.(type) {
	case *image.YCbCr:
		return videoRange(picture, nil, 0), err
	case *image.NYCbCrA:
		return videoRange(&picture.YCbCr, picture.A, picture.AStride), err
	}
	return decoded, err
}

// videoRange converts luma and chroma of BT.601 in their limited range to colours. alpha is
// the transparency; nil if there is none.
func videoRange(p *image.YCbCr, alpha []uint8, alphaStride int) *image.NRGBA {
	rgb := image.NewNRGBA(p.Rect)
	for y := range p.Rect.Dy() {
		row := rgb.Pix[y*rgb.Stride:]
		for x := range p.Rect.Dx() {
			luma, chroma := p.YOffset(x, y), p.COffset(x, y)
			l := 255. / 219 * (float32(p.Y[luma]) - 16)
			b := 255. / 224 * (float32(p.Cb[chroma]) - 128)
			r := 255. / 224 * (float32(p.Cr[chroma]) - 128)
			pixel := row[4*x : 4*x+4]
			pixel[0] = round(l + 1.402*r)
			pixel[1] = round(l - 0.344136*b - 0.714136*r)
			pixel[2] = round(l + 1.772*b)
			pixel[3] = 255
			if alpha != nil {
				pixel[3] = alpha[y*alphaStride+x]
			}
		}
	}
	return rgb
}

// round returns the nearest integer in 0..255.
func round(v float32) uint8 { return uint8(max(0, min(255, v+0.5))) }

// readRIFF reads the metadata from the chunks of a WebP file, beginning with the first
// chunk. If the file ends early, it keeps what came before.
func (m *metadata) readRIFF(r io.ReadSeeker) error {
	var head [8]byte
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return ignoreEnd(err)
		}
		length := int64(binary.LittleEndian.Uint32(head[4:]))
		var into *[]byte
		switch string(head[:4]) {
		case "EXIF":
			into = &m.exif
		case "XMP ":
			into = &m.xmp
		}
		if err := readOrSkip(r, length, length+length%2, into); err != nil {
			return ignoreEnd(err)
		}
	}
}
