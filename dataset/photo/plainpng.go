package photo

import (
	"bufio"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// plainPNG returns a copy of the PNG file in r with only the chunks that determine its
// pixels, and only as many bytes of pixels as the image has. Like libpng and Pillow, it
// thereby accepts files in which other chunks are damaged, and files with more pixels than
// they need. Call stop if not everything is read.
func plainPNG(r io.Reader) (plain io.Reader, stop func()) {
	reader, writer := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := writePlainPNG(writer, bufio.NewReader(r))
		writer.CloseWithError(err) //nolint:errcheck // never fails
	}()
	return reader, func() {
		reader.Close() //nolint:errcheck // never fails
		<-done
	}
}

// writePlainPNG copies the relevant chunks of a PNG file.
func writePlainPNG(w io.Writer, r io.Reader) error {
	signature := make([]byte, len(pngSignature))
	if _, err := io.ReadFull(r, signature); err != nil {
		return err
	}
	if _, err := w.Write(signature); err != nil {
		return err
	}
	chunks := &pngChunks{r: r}
	var size int64 // of the pixels in bytes
	for {
		kind, err := chunks.next()
		if err != nil {
			return err
		}
		switch kind {
		case "IHDR", "PLTE", "tRNS":
			content, err := chunks.content()
			if err != nil {
				return err
			}
			if kind == "IHDR" {
				if size, err = pngDataBytes(content); err != nil {
					return err
				}
			}
			if err := writeChunk(w, kind, content); err != nil {
				return err
			}
		case "IDAT":
			if err := copyPixels(w, chunks, size); err != nil {
				return err
			}
			return writeChunk(w, "IEND", nil)
		}
	}
}

// copyPixels copies the first size bytes of the pixels, uncompressed.
func copyPixels(w io.Writer, chunks *pngChunks, size int64) error {
	pixels, err := zlib.NewReader(chunks)
	if err != nil {
		return err
	}
	pieces := bufio.NewWriterSize(idatWriter{w}, 1<<16)
	stored, err := zlib.NewWriterLevel(pieces, zlib.NoCompression)
	if err != nil {
		return err
	}
	if _, err := io.CopyN(stored, pixels, size); err != nil {
		return err
	}
	// The rest must be complete and undamaged too; otherwise the file was cut off or
	// damaged.
	if _, err := io.Copy(io.Discard, chunks); err != nil {
		return err
	}
	return errors.Join(stored.Close(), pieces.Flush())
}

// pngDataBytes returns the number of bytes of the pixels of an image, including the byte
// before each row that names its filter, from the contents of its IHDR.
func pngDataBytes(ihdr []byte) (int64, error) {
	if len(ihdr) != 13 {
		return 0, errors.New("the length of IHDR is not 13")
	}
	width, height := int64(binary.BigEndian.Uint32(ihdr)), int64(binary.BigEndian.Uint32(ihdr[4:]))
	samples := [...]int64{0: 1, 2: 3, 3: 1, 4: 2, 6: 4, 255: 0}[ihdr[9]]
	bits := samples * int64(ihdr[8])
	rows := func(width, height int64) int64 {
		if width == 0 {
			return 0
		}
		return height * (1 + (width*bits+7)/8)
	}
	if ihdr[12] == 0 {
		return rows(width, height), nil
	}
	// The passes of Adam7: the start and the steps of each.
	total := int64(0)
	for _, p := range [...][4]int64{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}} {
		x, y, dx, dy := p[0], p[1], p[2], p[3]
		total += rows((max(width-x, 0)+dx-1)/dx, (max(height-y, 0)+dy-1)/dy)
	}
	return total, nil
}

// pngChunks reads the chunks of a PNG file one after the other. As an io.Reader, it reads
// the contents of consecutive IDAT chunks.
type pngChunks struct {
	r io.Reader
	// left is the number of bytes of the current chunk that are still to be read, and sum
	// its checksum so far.
	left int64
	sum  uint32
	kind string
	done bool // a chunk other than IDAT has begun
}

// next skips the rest of the chunk and begins the next one.
func (c *pngChunks) next() (kind string, err error) {
	if c.kind != "" {
		if _, err := io.CopyN(io.Discard, c.r, c.left+4); err != nil {
			return "", unexpected(err)
		}
	}
	return c.begin()
}

// begin reads the header of a chunk.
func (c *pngChunks) begin() (kind string, err error) {
	var head [8]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return "", unexpected(err)
	}
	c.left, c.kind = int64(binary.BigEndian.Uint32(head[:])), string(head[4:])
	c.sum = crc32.ChecksumIEEE(head[4:])
	if c.left > maxChunk {
		return "", errors.New("a chunk is too long")
	}
	return c.kind, nil
}

// content reads and checks the content of a short chunk.
func (c *pngChunks) content() ([]byte, error) {
	const longest = 1 << 10
	if c.left > longest {
		return nil, errors.New("a chunk is too long")
	}
	content := make([]byte, c.left)
	if _, err := io.ReadFull(c.r, content); err != nil {
		return nil, unexpected(err)
	}
	c.sum = crc32.Update(c.sum, crc32.IEEETable, content)
	if err := c.check(); err != nil {
		return nil, err
	}
	c.kind = ""
	return content, nil
}

// check reads the checksum of the chunk and compares it.
func (c *pngChunks) check() error {
	var sum [4]byte
	if _, err := io.ReadFull(c.r, sum[:]); err != nil {
		return unexpected(err)
	}
	if binary.BigEndian.Uint32(sum[:]) != c.sum {
		return errors.New("invalid checksum")
	}
	return nil
}

// Read continues to read the contents of the IDAT chunks.
func (c *pngChunks) Read(p []byte) (int, error) {
	for c.left == 0 {
		if c.done {
			return 0, io.EOF
		}
		if err := c.check(); err != nil {
			return 0, err
		}
		kind, err := c.begin()
		if err != nil {
			return 0, err
		}
		if kind != "IDAT" {
			c.done, c.left = true, 0
		}
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	c.sum = crc32.Update(c.sum, crc32.IEEETable, p[:n])
	return n, unexpected(err)
}

// idatWriter writes each piece as its own IDAT chunk.
type idatWriter struct{ w io.Writer }

func (w idatWriter) Write(p []byte) (int, error) {
	if err := writeChunk(w.w, "IDAT", p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// writeChunk writes a chunk with its checksum.
func writeChunk(w io.Writer, kind string, content []byte) error {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(content)))
	head = append(head, kind...)
	sum := crc32.Update(crc32.ChecksumIEEE(head[4:]), crc32.IEEETable, content)
	for _, part := range [][]byte{head, content, binary.BigEndian.AppendUint32(nil, sum)} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}
