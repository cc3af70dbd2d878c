package photo

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
)

// jpegHeader has what a JPEG file says about its samples.
type jpegHeader struct {
	progressive bool
	sampling    []byte // for each component: horizontal factor << 4 | vertical factor
	adobe       bool   // there is Adobe's marker, which says what the components are
	rgb         bool   // by that marker, the components are red, green and blue
	bits        byte   // per sample
	beyondGo    string // why image/jpeg cannot read it; "" if no reason is known
}

// The markers of JPEG that matter here (ITU T.81, table B.1).
const (
	markerSOF0  = 0xc0 // frames, from here to SOF15 except for the next three
	markerDHT   = 0xc4
	markerJPG   = 0xc8
	markerDAC   = 0xcc
	markerSOF15 = 0xcf
	markerRST0  = 0xd0
	markerSOI   = 0xd8
	markerEOI   = 0xd9
	markerSOS   = 0xda
	markerAPP1  = 0xe1
	markerAPP14 = 0xee
)

// readJPEG reads the segments before the first scan.
func (h *header) readJPEG(file io.ReadSeeker) error {
	r := bufio.NewReader(file)
	var m metadata
	for {
		marker, err := nextMarker(r)
		if err != nil {
			return err
		}
		if marker == markerSOS || marker == markerEOI {
			break
		}
		if marker == 0x01 || marker >= markerRST0 && marker <= markerSOI {
			continue // these markers have no content
		}
		segment, err := readSegment(r)
		if err != nil {
			return err
		}
		switch {
		case isFrame(marker):
			if err := h.readFrame(marker, segment); err != nil {
				return err
			}
		case marker == markerAPP1:
			m.addSegment(segment)
		case marker == markerAPP14 && len(segment) >= 12 && bytes.HasPrefix(segment, []byte("Adobe")):
			h.jpeg.adobe, h.jpeg.rgb = true, segment[11] == 0
		}
	}
	if h.width == 0 {
		return errors.New("there is no frame before the first scan")
	}
	h.orientation = m.orientation()
	h.decoding = h.jpeg.decoding(h.width, h.height)
	return nil
}

// nextMarker skips to the next marker, over fill bytes and, like libjpeg and Pillow, over
// invalid bytes between segments.
func nextMarker(r *bufio.Reader) (byte, error) {
	for {
		b, err := r.ReadByte()
		if err != nil {
			return 0, unexpected(err)
		}
		if b != 0xff {
			continue
		}
		for b == 0xff { // a marker, or fill bytes before one
			if b, err = r.ReadByte(); err != nil {
				return 0, unexpected(err)
			}
		}
		if b != 0 {
			return b, nil
		}
	}
}

// readSegment reads the content of a segment, of at most 64 KB.
func readSegment(r *bufio.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, unexpected(err)
	}
	n := int(binary.BigEndian.Uint16(length[:])) - 2
	if n < 0 {
		return nil, errors.New("a segment has a length below 2")
	}
	segment := make([]byte, n)
	_, err := io.ReadFull(r, segment)
	return segment, unexpected(err)
}

// unexpected returns err, or io.ErrUnexpectedEOF if that is the end of the file.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func isFrame(marker byte) bool {
	return marker >= markerSOF0 && marker <= markerSOF15 && marker != markerDHT && marker != markerJPG && marker != markerDAC
}

// readFrame reads a frame header (ITU T.81, B.2.2).
func (h *header) readFrame(marker byte, segment []byte) error {
	const fixed, perComponent = 6, 3
	if len(segment) < fixed || len(segment) < fixed+perComponent*int(segment[5]) {
		return errors.New("the frame header is too short")
	}
	if problem := unreadFrame(marker); problem != "" {
		return errors.New(problem + ", which is not supported: save it again as an ordinary JPEG")
	}
	h.jpeg.bits = segment[0]
	h.jpeg.beyondGo = beyondGo(marker, segment[0])
	h.height, h.width = int(binary.BigEndian.Uint16(segment[1:])), int(binary.BigEndian.Uint16(segment[3:]))
	h.jpeg.progressive = marker&3 == 2
	h.jpeg.sampling = nil
	for c := range int(segment[5]) {
		h.jpeg.sampling = append(h.jpeg.sampling, segment[fixed+perComponent*c+1])
	}
	return nil
}

// unreadFrame says why a frame of this kind (ITU T.81, table B.1) is not supported; "" if
// it is.
func unreadFrame(marker byte) string {
	switch kind := marker - markerSOF0; {
	case kind&7 > 4:
		return "it is hierarchical"
	case kind&7 == 3:
		return "it is a lossless JPEG"
	}
	return ""
}

// beyondGo says why image/jpeg, but not libjpeg-turbo, cannot read a frame of this kind
// with this many bits per sample.
func beyondGo(marker, bits byte) string {
	switch {
	case marker-markerSOF0 > 8:
		return "it uses arithmetic coding"
	case bits != 8:
		return fmt.Sprintf("it has %d bits per sample", bits)
	}
	return ""
}

// addSegment keeps the content of an APP1 segment. A long EXIF block continues in further
// segments.
func (m *metadata) addSegment(segment []byte) {
	exif, xmp := []byte("Exif\x00\x00"), []byte("http://ns.adobe.com/xap/1.0/\x00")
	switch {
	case bytes.HasPrefix(segment, exif) && len(m.exif) < maxMetadata:
		m.exif = append(m.exif, segment[len(exif):]...)
	case bytes.HasPrefix(segment, xmp):
		m.xmp = segment[len(xmp):]
	}
}

// decoding returns the number of bytes that image/jpeg takes: the planes of whole blocks,
// four times as much for the coefficients of a progressive file, and a picture of 4 bytes
// per pixel if the planes are not luma and chroma.
func (j jpegHeader) decoding(width, height int) int64 {
	wide, high := 1, 1
	for _, s := range j.sampling {
		wide, high = max(wide, int(s>>4)), max(high, int(s&15))
	}
	blocks := func(size, most int) int64 { return int64((size + 8*most - 1) / (8 * most)) }
	units := blocks(width, wide) * blocks(height, high)
	var bytes int64
	for _, s := range j.sampling {
		bytes += units * 64 * int64(s>>4) * int64(s&15)
	}
	if j.progressive {
		const coefficient = 4
		bytes += coefficient * bytes
	}
	if len(j.sampling) == 4 || j.rgb {
		bytes += 4 * int64(width) * int64(height)
	}
	return bytes
}

// decodeJPEG decodes a JPEG image, with libjpeg-turbo if Go's decoder does not support it.
func decodeJPEG(r io.ReadSeeker, h header) (image.Image, error) {
	if h.jpeg.beyondGo != "" {
		return decodeSecond(r, h, h.jpeg.beyondGo)
	}
	picture, err := decodeByGo(r, h)
	if unsupported := jpeg.UnsupportedError(""); errors.As(err, &unsupported) {
		return decodeSecond(r, h, "it has "+string(unsupported))
	}
	return picture, err
}

// decodeByGo decodes a JPEG image with image/jpeg, which refuses four components without
// Adobe's marker. Like Pillow, decodeByGo takes them for inverted CMYK, as Adobe writes it,
// and gives the decoder that marker.
func decodeByGo(r io.ReadSeeker, h header) (image.Image, error) {
	// The limits were checked for the frame that was read here, so the decoder must use the
	// same frame.
	config, err := jpeg.DecodeConfig(r)
	if err == nil && (config.Width != h.width || config.Height != h.height) {
		err = errors.New("it has two frames")
	}
	if _, seekErr := r.Seek(0, io.SeekStart); seekErr != nil {
		return nil, seekErr
	}
	if len(h.jpeg.sampling) != 4 || h.jpeg.adobe {
		if err != nil {
			return nil, err
		}
		return jpeg.Decode(r)
	}
	const startBytes = 2
	if _, err := r.Seek(startBytes, io.SeekStart); err != nil {
		return nil, err
	}
	start := "\xff\xd8\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00" // transform 0: CMYK
	return jpeg.Decode(io.MultiReader(bytes.NewReader([]byte(start)), r))
}
