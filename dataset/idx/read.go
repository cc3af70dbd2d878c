package idx

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"onnxlab/dataset"
	"onnxlab/internal/durable"
)

// The magic numbers: two zero bytes, the code of unsigned bytes, and the number of
// dimensions.
const (
	magicLabels = 0x00000801
	magicImages = 0x00000803
)

// The limits of one file. EMNIST's largest has 814,255 images in 638 MB.
const (
	maxImages = 1 << 24
	maxBytes  = 1 << 31
	maxSide   = 1<<16 - 1
)

// images has the images of one file.
type images struct {
	height, width int
	pixels        []byte
}

// readLabels reads all labels of the file at path.
func readLabels(ctx context.Context, path string) ([]byte, error) {
	var labels []byte
	err := open(ctx, path, func(r io.Reader) (err error) {
		labels, err = decodeLabels(r)
		return err
	})
	return labels, err
}

// readImages reads the first n images of the file at path, which must have as many images
// as there are labels.
func readImages(ctx context.Context, path string, n, labels int) (images, error) {
	var read images
	err := open(ctx, path, func(r io.Reader) (err error) {
		read, err = decodeImages(r, n, labels)
		return err
	})
	return read, err
}

// open passes the bytes of the file at path to decode, uncompressed if its name ends in
// .gz. Its errors name the file.
func open(ctx context.Context, path string, decode func(io.Reader) error) error {
	file, err := durable.OpenPlain(path)
	if err != nil {
		return dataset.FileError(path, err)
	}
	defer file.Close()
	var r io.Reader = bufio.NewReaderSize(&stopped{ctx, file}, 1<<16)
	if strings.HasSuffix(path, ".gz") {
		unzipped, err := gzip.NewReader(r)
		if err != nil {
			return dataset.FileError(path, fmt.Errorf("unzip: %w", err))
		}
		defer unzipped.Close() // only frees memory
		r = unzipped
	}
	err = decode(r)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return dataset.FileError(path, err)
	}
	return nil
}

// stopped is a reader that stops when the context is done.
type stopped struct {
	ctx context.Context
	r   io.Reader
}

func (s *stopped) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// header reads the magic number and the sizes of this many dimensions.
func header(r io.Reader, magic uint32, dimensions int) ([]int, error) {
	numbers := make([]uint32, 1+dimensions)
	data := make([]byte, 4*len(numbers))
	if n, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("read header of %d bytes: %w", len(data), short(n, err))
	}
	for i := range numbers {
		numbers[i] = binary.BigEndian.Uint32(data[4*i:])
	}
	if numbers[0] != magic {
		return nil, fmt.Errorf("magic number is 0x%08x, not 0x%08x: it is not an IDX file of unsigned bytes in %d dimensions", numbers[0], magic, dimensions)
	}
	sizes := make([]int, dimensions)
	for i, n := range numbers[1:] {
		sizes[i] = int(n)
	}
	if sizes[0] > maxImages {
		return nil, fmt.Errorf("has %d images, more than %d", sizes[0], maxImages)
	}
	return sizes, nil
}

func decodeLabels(r io.Reader) ([]byte, error) {
	sizes, err := header(r, magicLabels, 1)
	if err != nil {
		return nil, err
	}
	return body(r, int64(sizes[0]), true)
}

// decodeImages reads the first n images. labels is the number that the file must have. Only
// if all are wanted does it read to the end, to check that they are there.
func decodeImages(r io.Reader, n, labels int) (images, error) {
	sizes, err := header(r, magicImages, 3)
	if err != nil {
		return images{}, err
	}
	count, height, width := sizes[0], sizes[1], sizes[2]
	switch {
	case height < 1 || width < 1 || height > maxSide || width > maxSide:
		return images{}, fmt.Errorf("images of %dx%d pixels: a side is outside 1..%d", height, width, maxSide)
	case count != labels:
		return images{}, fmt.Errorf("has %d images, but there are %d labels", count, labels)
	case int64(n)*int64(height)*int64(width) > maxBytes:
		return images{}, fmt.Errorf("%d images of %dx%d pixels are more than %d bytes", n, height, width, maxBytes)
	}
	pixels, err := body(r, int64(n)*int64(height)*int64(width), n == count)
	return images{height, width, pixels}, err
}

// body reads n bytes. If they are the last, the file must end after them. Memory grows only
// with the bytes that are read.
func body(r io.Reader, n int64, last bool) ([]byte, error) {
	var data bytes.Buffer
	got, err := io.Copy(&data, io.LimitReader(r, n))
	if err == nil && got < n {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("its header says %d bytes of data: %w", n, short(int(got), err))
	}
	if !last {
		return data.Bytes(), nil
	}
	more := make([]byte, 1)
	switch _, err := io.ReadFull(r, more); {
	case err == nil:
		return nil, fmt.Errorf("has more than the %d bytes of data that its header says", n)
	case !errors.Is(err, io.EOF): // the end of the gzipped file is damaged
		return nil, err
	}
	return data.Bytes(), nil
}

// short returns an error that says after how many bytes a file ended too early.
func short(n int, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("it ends after %d", n)
	}
	return err
}
