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

// readPNG reads the size from the first chunk, and the orientation from those of
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

// pngBytesPerPixel is what image/png takes, and what is seen on white.
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
		decoded *= 2 // the passes
	}
	return decoded + compositeBytes
}

// readPNG reads the metadata among the chunks of a PNG file, from the second chunk on.
// A file that ends early has what came before.
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

// addChunk keeps the content of a chunk that is metadata.
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

// pngText is the keyword and the text of one of the three kinds of chunks of text (PNG
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

// inflated is the start of what the compressed bytes are, as far as they can be read.
func inflated(data []byte) []byte {
	r, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(r, maxMetadata)) // what there is will do
	return text
}

// rawProfile is the EXIF block that ImageMagick writes as text: an empty line, the kind
// of profile, its length, and its bytes in hexadecimal.
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

// decodePNG decodes a PNG image. If image/png refuses its form, it is decoded once
// more without what does not matter to its pixels.
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
