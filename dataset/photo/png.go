package photo

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"strings"
)

// pngSignature starts every PNG file.
const pngSignature = "\x89PNG\r\n\x1a\n"

// maxChunk is the longest chunk that PNG allows.
const maxChunk = 1<<31 - 1

// readPNG reads the size from the first chunk, and the orientation from chunks with
// metadata, which may come after the pixels.
func (h *header) readPNG(r io.ReadSeeker) error {
	if _, err := r.Seek(int64(len(pngSignature)), io.SeekStart); err != nil {
		return err
	}
	first := make([]byte, 8+13+4)
	if _, err := io.ReadFull(r, first); err != nil {
		return unexpected(err)
	}
	if string(first[4:8]) != "IHDR" || binary.BigEndian.Uint32(first) != 13 {
		return fmt.Errorf("the first chunk is %q, not IHDR", first[4:8])
	}
	h.width, h.height = int(int32(binary.BigEndian.Uint32(first[8:]))), int(int32(binary.BigEndian.Uint32(first[12:])))
	depth, colour, interlaced := first[16], first[17], first[20] != 0
	h.decoding = pngBytesPerPixel(depth, colour, interlaced) * int64(max(h.width, 0)) * int64(max(h.height, 0))
	var m metadata
	if err := m.readPNG(r); err != nil {
		return err
	}
	h.orientation = m.orientation()
	return nil
}

// pngBytesPerPixel returns the number of bytes per pixel that image/png takes, plus those
// for putting the picture on white.
func pngBytesPerPixel(depth, colour byte, interlaced bool) int64 {
	const grey, palette = 0, 3
	decoded := int64(4)
	switch {
	case colour == palette || colour == grey && depth <= 8:
		decoded = 1
	case depth == 16:
		decoded = 8
	}
	if interlaced {
		decoded *= 2 // for the passes
	}
	return decoded + compositeBytes
}

// readPNG reads the metadata from the chunks of a PNG file, beginning with the second
// chunk. If the file ends early, it keeps what came before.
func (m *metadata) readPNG(r io.ReadSeeker) error {
	var head [8]byte
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return ignoreEnd(err)
		}
		length, kind := int64(binary.BigEndian.Uint32(head[:])), string(head[4:])
		if length > maxChunk || kind == "IEND" {
			return nil
		}
		var content []byte
		into := &content
		switch kind {
		case "eXIf", "tEXt", "zTXt", "iTXt":
		default:
			into = nil
		}
		if err := readOrSkip(r, length, length+4, into); err != nil {
			return ignoreEnd(err)
		}
		m.addChunk(kind, content)
	}
}

// addChunk keeps the content of a chunk if it is metadata.
func (m *metadata) addChunk(kind string, content []byte) {
	if kind == "eXIf" {
		m.exif = content
		return
	}
	key, text := pngText(kind, content)
	switch {
	case key == "XML:com.adobe.xmp" && len(text) > 0:
		m.xmp = text
	case key == "Raw profile type exif" && m.exif == nil:
		m.exif = rawProfile(text)
	}
}

// pngText returns the keyword and the text of one of the three kinds of text chunks (PNG
// specification, 11.3.3).
func pngText(kind string, content []byte) (key string, text []byte) {
	keyword, rest, found := bytes.Cut(content, []byte{0})
	if !found {
		return "", nil
	}
	switch {
	case kind == "tEXt":
		return string(keyword), rest
	case kind == "zTXt" && len(rest) > 0:
		return string(keyword), inflated(rest[1:])
	case kind == "iTXt" && len(rest) > 2:
		compressed := rest[0] != 0
		_, rest, _ = bytes.Cut(rest[2:], []byte{0}) // the language
		_, rest, found = bytes.Cut(rest, []byte{0}) // the translated keyword
		if found && compressed {
			rest = inflated(rest)
		}
		return string(keyword), rest
	}
	return "", nil
}

// inflated returns the beginning of the uncompressed data, as far as it can be read.
func inflated(data []byte) []byte {
	r, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(r, maxMetadata)) // a part is enough
	return text
}

// rawProfile returns the EXIF block that ImageMagick writes as text: an empty line, the
// kind of profile, its length, and its bytes in hexadecimal.
func rawProfile(text []byte) []byte {
	lines := strings.SplitN(string(text), "\n", 4)
	if len(lines) < 4 {
		return nil
	}
	exif, err := hex.DecodeString(strings.Join(strings.Fields(lines[3]), ""))
	if err != nil {
		return nil
	}
	return exif
}

// decodePNG decodes a PNG image. If image/png refuses it, decodePNG tries again without the
// chunks that do not affect its pixels.
func decodePNG(r io.ReadSeeker) (image.Image, error) {
	picture, err := png.Decode(r)
	var form png.FormatError
	if !errors.As(err, &form) {
		return picture, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	plain, stop := plainPNG(r)
	defer stop()
	if picture, repairErr := png.Decode(plain); repairErr == nil {
		return picture, nil
	}
	return nil, err
}
