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

// format is the format of a file according to its first bytes.
type format int

// The formats. Those after unread are recognised only for a clear message.
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

// Formats names the supported formats, for messages.
const Formats = "JPEG, PNG, GIF, BMP or WebP"

// headBytes is the number of bytes that formatOf looks at.
const headBytes = 32

// formatOf recognises the format of a file by its first bytes.
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

// isBMP also checks the header, since many texts begin with the same two letters as BMP
// files.
func isBMP(head []byte) bool {
	if len(head) < 18 || head[0] != 'B' || head[1] != 'M' || !bytes.Equal(head[6:10], []byte{0, 0, 0, 0}) {
		return false
	}
	sizes := []byte{12, 40, 52, 56, 64, 108, 124} // of the known forms of the second header
	return slices.Contains(sizes, head[14]) && bytes.Equal(head[15:18], []byte{0, 0, 0})
}

// extensions has the extensions of files that are assumed to be images, until reading them
// fails.
var extensions = []string{".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".png", ".gif", ".bmp", ".webp"}

// HasImageName reports whether a file with this name is supposed to be an image of a
// supported format.
func HasImageName(name string) bool {
	return slices.Contains(extensions, strings.ToLower(filepath.Ext(name)))
}

// IsImage reports whether the first bytes of a file are those of an image in a supported
// format, whatever its name.
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

// readHead reads the first headBytes bytes, or fewer if the file is shorter.
func readHead(r io.Reader) ([]byte, error) {
	head := make([]byte, headBytes)
	n, err := io.ReadFull(r, head)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil
	}
	return head[:n], err
}

// recognise returns the format of an image, and an error if it is not supported. It leaves
// r at its start.
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
		return unknown, fmt.Errorf("is not a %s image: it starts with %q", Formats, head[:min(len(head), 8)])
	case f > unread:
		return unknown, fmt.Errorf("is a %v image, which is not supported: convert it to JPEG or PNG", f)
	default:
		return f, nil
	}
}
