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

// The names of decoders, as the setting data.decoder has them.
const (
	GoDecoder    = "go"
	TurboDecoder = "libjpeg-turbo"
)

// Decoder is what decodes JPEG images. Decoders differ in pixels, by some tenths of 255
// on average, so that a training run keeps to one. The zero value is Go's own.
type Decoder struct{ turbo *jpegturbo.Library }

// OpenDecoder opens libjpeg-turbo, which decodes three to four times as fast as Go. It is
// fetched if need be; progress, which may be nil, is told. Where there is none the
// error says why: the zero Decoder is always there.
func OpenDecoder(ctx context.Context, progress io.Writer) (Decoder, error) {
	lib, err := jpegturbo.Open(ctx, jpegturbo.Options{Fetch: true, Progress: progress})
	if err != nil {
		return Decoder{}, fmt.Errorf("open the JPEG decoder: %w", err)
	}
	return Decoder{lib}, nil
}

// Name is GoDecoder or TurboDecoder.
func (d Decoder) Name() string {
	if d.turbo == nil {
		return GoDecoder
	}
	return TurboDecoder
}

// String names the decoder and its version: two of the same name decode the same pixels.
func (d Decoder) String() string {
	if d.turbo == nil {
		return GoDecoder + " " + runtime.Version()
	}
	return TurboDecoder + " " + d.turbo.Version
}

// second decodes what Go's decoder does not read. It is only looked for on this machine,
// as reading one strange file is no reason to fetch a library.
var second = sync.OnceValues(func() (*jpegturbo.Library, error) {
	return jpegturbo.Open(context.Background(), jpegturbo.Options{})
})

// decodeSecond decodes a JPEG image that Go does not, for this reason.
func decodeSecond(r io.ReadSeeker, h header, reason string) (image.Image, error) {
	lib, err := second()
	if errors.Is(err, jpegturbo.ErrNone) {
		return nil, errors.New(reason + ", which only libjpeg-turbo reads: install it with 'pipeline runtime install --jpeg', or save the image anew as an ordinary JPEG")
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

// maxFile bounds how much of a file is read into memory.
const maxFile = 1 << 30

// readWhole reads a file from its start on, into buffer if that has the room.
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
