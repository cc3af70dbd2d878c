package photo

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"runtime"
	"sync"

	"onnxlab/dataset/photo/jpegturbo"
)

// The names of decoders, as in the setting data.decoder.
const (
	GoDecoder    = "go"
	TurboDecoder = "libjpeg-turbo"
)

// Decoder decodes JPEG images. The pixels of different decoders differ by some tenths of
// 255 on average, so a training run must not change its decoder. The zero value is Go's own
// decoder.
type Decoder struct{ turbo *jpegturbo.Library }

// OpenDecoder opens libjpeg-turbo, which decodes three to four times as fast as Go, and
// fetches it if necessary. progress, which may be nil, gets reports of the download. If
// there is no libjpeg-turbo, the error says why; the zero Decoder always works.
func OpenDecoder(ctx context.Context, progress io.Writer) (Decoder, error) {
	lib, err := jpegturbo.Open(ctx, jpegturbo.Options{Fetch: true, Progress: progress})
	if err != nil {
		return Decoder{}, fmt.Errorf("open the JPEG decoder: %w", err)
	}
	return Decoder{lib}, nil
}

// Name returns GoDecoder or TurboDecoder.
func (d Decoder) Name() string {
	if d.turbo == nil {
		return GoDecoder
	}
	return TurboDecoder
}

// String returns the name of the decoder and its version. Decoders with equal strings
// decode the same pixels.
func (d Decoder) String() string {
	if d.turbo == nil {
		return GoDecoder + " " + runtime.Version()
	}
	return TurboDecoder + " " + d.turbo.Version
}

// second decodes files that Go's decoder does not support. It is only looked for on this
// machine: a single unusual file is no reason to fetch a library.
var second = sync.OnceValues(func() (*jpegturbo.Library, error) {
	return jpegturbo.Open(context.Background(), jpegturbo.Options{})
})

// decodeSecond decodes a JPEG image that Go's decoder does not support, for this reason.
func decodeSecond(r io.ReadSeeker, h header, reason string) (image.Image, error) {
	lib, err := second()
	if errors.Is(err, jpegturbo.ErrNone) {
		return nil, errors.New(reason + ", which only libjpeg-turbo supports: install it with 'pipeline runtime install --jpeg', or save the image again as an ordinary JPEG")
	}
	if err != nil {
		return nil, err
	}
	data, err := readWhole(r, nil)
	if err != nil {
		return nil, err
	}
	whole := image.Rect(0, 0, h.width, h.height)
	part, err := lib.Decode(data, jpegturbo.Request{Width: h.width, Height: h.height, Part: whole, Scale: 8, Memory: h.decoding}, nil)
	if err != nil {
		return nil, err
	}
	picture := image.NewNRGBA(whole)
	for i := range h.width * h.height {
		copy(picture.Pix[4*i:4*i+3], part.Pixels[3*i:])
		picture.Pix[4*i+3] = 255
	}
	return picture, nil
}

// maxFile is the largest size of a file that is read into memory, in bytes.
const maxFile = 1 << 30

// readWhole reads a file from its start, into buffer if that is large enough.
func readWhole(r io.ReadSeeker, buffer []byte) ([]byte, error) {
	size, err := r.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = r.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, err
	}
	if size > maxFile {
		return nil, fmt.Errorf("has %d MB, more than the %d MB allowed", size/megabyte, maxFile/megabyte)
	}
	if int64(cap(buffer)) < size {
		buffer = make([]byte, size)
	}
	_, err = io.ReadFull(r, buffer[:size])
	return buffer[:size], unexpected(err)
}
