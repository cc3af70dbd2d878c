package photo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"regexp"
)

// metadata has the blocks that say how a picture is to be turned.
type metadata struct {
	exif []byte // the EXIF block: a TIFF file of nothing but tags
	xmp  []byte
}

// maxMetadata is the largest size of a block of metadata that is read, in bytes.
const maxMetadata = 1 << 20

// orientation says how a stored picture is to be turned, with EXIF's number: 1 means
// upright, and 0, for unknown, the same.
type orientation int

// orientation follows Pillow: the tag in EXIF has priority over XMP.
func (m *metadata) orientation() orientation {
	if o, found := exifOrientation(m.exif); found {
		return o
	}
	if match := xmpOrientation.FindSubmatch(m.xmp); match != nil {
		return valid(uint32(match[1][0] - '0'))
	}
	return 1
}

var xmpOrientation = regexp.MustCompile(`tiff:Orientation(?:="|>)([0-9])`)

func valid(value uint32) orientation {
	if value < 1 || value > 8 {
		return 1
	}
	return orientation(value)
}

// exifOrientation looks for the tag Orientation in the first directory of an EXIF block.
// found reports whether there is one, with any value.
func exifOrientation(exif []byte) (o orientation, found bool) {
	const tag, entryBytes = 0x0112, 12
	for range 2 { // some files have this prefix twice
		exif = bytes.TrimPrefix(exif, []byte("Exif\x00\x00"))
	}
	order, err := exifOrder(exif)
	if err != nil {
		return 1, false
	}
	at := int64(order.Uint32(exif[4:]))
	if at+2 > int64(len(exif)) {
		return 1, false
	}
	entries := exif[at+2:]
	for range order.Uint16(exif[at:]) {
		if len(entries) < entryBytes {
			break
		}
		if order.Uint16(entries) == tag {
			if value := exifValue(order, entries[:entryBytes], exif); value != nil {
				return exifNumber(order, entries, value), true
			}
		}
		entries = entries[entryBytes:]
	}
	return 1, false
}

// exifOrder returns the byte order of an EXIF block.
func exifOrder(exif []byte) (binary.ByteOrder, error) {
	const headerBytes = 8
	switch {
	case len(exif) < headerBytes:
	case bytes.HasPrefix(exif, []byte("II*\x00")):
		return binary.LittleEndian, nil
	case bytes.HasPrefix(exif, []byte("MM\x00*")):
		return binary.BigEndian, nil
	}
	return nil, errors.New("not an EXIF block")
}

// exifValue returns the bytes of the value of an entry in a directory. They are in the
// entry itself if there are at most 4, and otherwise elsewhere in the block. It returns nil
// if there are none.
func exifValue(order binary.ByteOrder, entry, exif []byte) []byte {
	sizes := [...]int64{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8} // sizes of the types 1 to 12
	kind, count := order.Uint16(entry[2:]), int64(order.Uint32(entry[4:]))
	if kind == 0 || int(kind) >= len(sizes) || count == 0 {
		return nil
	}
	length := count * sizes[kind]
	if length <= 4 {
		return entry[8 : 8+length]
	}
	if at := int64(order.Uint32(entry[8:])); at+length <= int64(len(exif)) {
		return exif[at : at+length]
	}
	return nil
}

// exifNumber returns the orientation from the value of an entry: the first integer of two
// or four bytes. Values of other types have none.
func exifNumber(order binary.ByteOrder, entry, value []byte) orientation {
	const short, long, signedShort, signedLong = 3, 4, 8, 9
	switch order.Uint16(entry[2:]) {
	case short, signedShort:
		return valid(uint32(order.Uint16(value)))
	case long, signedLong:
		return valid(order.Uint32(value))
	}
	return 1
}

// readOrSkip reads length bytes into the slice, or skips them if there is no slice or they
// are too many. It continues after the padded length.
func readOrSkip(r io.ReadSeeker, length, padded int64, into *[]byte) error {
	if into != nil && length <= maxMetadata {
		*into = make([]byte, length)
		if _, err := io.ReadFull(r, *into); err != nil {
			return err
		}
		padded -= length
	}
	_, err := r.Seek(padded, io.SeekCurrent)
	return err
}

// ignoreEnd returns nil if err is the end of a file.
func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
