package photo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// format is what the first bytes of a file say it is.
type format int

// The formats. Those after unread are known for a clear message alone.
const (
	unknown format = iota
	jpegFormat
	pngFormat
	gifFormat
	bmpFormat
	webpFormat
	unread
	heicFormat
	avifFormat
	tiffFormat
	jpegXLFormat
	jpeg2000Format
)

func (f format) String() string {
	return [...]string{"unknown", "JPEG", "PNG", "GIF", "BMP", "WebP", "", "HEIC", "AVIF", "TIFF", "JPEG XL", "JPEG 2000"}[f]
}

// Formats names the formats that are read, for messages.
const Formats = "JPEG, PNG, GIF, BMP or WebP"

// headBytes is how much of a file formatOf looks at.
const headBytes = 32

// formatOf recognises a file by its first bytes.
func formatOf(head []byte) format {
	has := func(at int, text string) bool { return len(head) >= at && bytes.HasPrefix(head[at:], []byte(text)) }
	switch {
	case has(0, "\xff\xd8\xff"):
		return jpegFormat
	case has(0, "\x89PNG\r\n\x1a\n"):
		return pngFormat
	case has(0, "GIF87a"), has(0, "GIF89a"):
		return gifFormat
	case has(0, "RIFF") && has(8, "WEBP"):
		return webpFormat
	case isBMP(head):
		return bmpFormat
	case has(4, "ftypavif"), has(4, "ftypavis"):
		return avifFormat
	case has(4, "ftyphei"), has(4, "ftyphev"), has(4, "ftypmif1"), has(4, "ftypmsf1"):
		return heicFormat
	case has(0, "II*\x00"), has(0, "MM\x00*"), has(0, "II+\x00"), has(0, "MM\x00+"):
		return tiffFormat
	case has(0, "\xff\x0a"), has(0, "\x00\x00\x00\x0cJXL "):
		return jpegXLFormat
	case has(0, "\x00\x00\x00\x0cjP  "), has(0, "\xff\x4f\xff\x51"):
		return jpeg2000Format
	}
	return unknown
}

// isBMP looks beyond the two letters that such files start with, as many a text does.
func isBMP(head []byte) bool {
	if len(head) < 18 || head[0] != 'B' || head[1] != 'M' || !bytes.Equal(head[6:10], []byte{0, 0, 0, 0}) {
		return false
	}
	sizes := []byte{12, 40, 52, 56, 64, 108, 124} // of the known forms of the second header
	return slices.Contains(sizes, head[14]) && bytes.Equal(head[15:18], []byte{0, 0, 0})
}

// extensions are the names of files that are images until they turn out to be none.
var extensions = []string{".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".png", ".gif", ".bmp", ".webp"}

// HasImageName reports whether a file of this name says that it is an image that is read.
func HasImageName(name string) bool {
	return slices.Contains(extensions, strings.ToLower(filepath.Ext(name)))
}

// IsImage tells by the first bytes of a file whether it is an image that is read,
// whatever its name.
func IsImage(open Opener, name string) bool {
	file, err := open(name)
	if err != nil {
		return false
	}
	defer file.Close()
	head, err := readHead(file)
	f := formatOf(head)
	return err == nil && f != unknown && f < unread
}

// readHead reads the first bytes, of which there may be fewer than headBytes.
func readHead(r io.Reader) ([]byte, error) {
	head := make([]byte, headBytes)
	n, err := io.ReadFull(r, head)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil
	}
	return head[:n], err
}

// recognise reads the format of an image, which is one that is read, and leaves r at its
// start.
func recognise(r io.ReadSeeker) (format, error) {
	head, err := readHead(r)
	if err != nil {
		return unknown, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return unknown, err
	}
	switch f := formatOf(head); {
	case len(head) == 0:
		return unknown, errors.New("is empty")
	case f == unknown:
		return unknown, fmt.Errorf("is no %s image: it starts with %q", Formats, head[:min(len(head), 8)])
	case f > unread:
		return unknown, fmt.Errorf("is a %v image, which is not read: convert it to JPEG or PNG", f)
	default:
		return f, nil
	}
}
