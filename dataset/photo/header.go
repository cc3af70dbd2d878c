package photo

import (
	"bufio"
	"fmt"
	"image"
	"image/gif"
	"io"

	"golang.org/x/image/bmp"
)

// header has what is known about an image before it is decoded.
type header struct {
	format format
	// width and height are the size of the stored pixels, before they are turned.
	width, height int
	// decoding is the largest number of bytes that decoding takes, including the decoded
	// pixels and intermediate results of Fill and Fit.
	decoding int64
	orientation
	jpeg jpegHeader // of a JPEG
}

// maxSide is the longest side that is accepted, which is that of JPEG: the memory for
// resizing grows with each side, even if the other one is short.
const maxSide = 1<<16 - 1

// readHeader reads the file up to its pixels, and leaves r at its start.
func readHeader(r io.ReadSeeker) (h header, err error) {
	if h.format, err = recognise(r); err != nil {
		return h, err
	}
	switch h.format {
	case jpegFormat:
		err = h.readJPEG(r)
	case pngFormat:
		err = h.readPNG(r)
	case gifFormat:
		err = h.readConfig(r, gif.DecodeConfig, 2+compositeBytes) // palette indices of a frame and of the canvas
	case bmpFormat:
		err = h.readConfig(r, bmp.DecodeConfig, 4+compositeBytes)
	case webpFormat:
		err = h.readWebP(r)
	}
	if err != nil {
		return h, fmt.Errorf("read %v header: %w", h.format, err)
	}
	if h.width < 1 || h.height < 1 || max(h.width, h.height) > maxSide {
		return h, fmt.Errorf("image of %dx%d pixels: a side is outside 1..%d", h.width, h.height, maxSide)
	}
	_, err = r.Seek(0, io.SeekStart)
	return h, err
}

// compositeBytes is the number of bytes per pixel for putting a transparent picture on
// white: the white ground and the result.
const compositeBytes = 8

// readConfig reads the size with the decoder's own function. Decoding takes bytesPerPixel.
func (h *header) readConfig(r io.ReadSeeker, decodeConfig func(io.Reader) (image.Config, error), bytesPerPixel int64) error {
	config, err := decodeConfig(bufio.NewReader(r))
	if err != nil {
		return err
	}
	h.width, h.height = config.Width, config.Height
	h.decoding = bytesPerPixel * int64(h.width) * int64(h.height)
	return nil
}
