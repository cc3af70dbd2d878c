package photo

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"image/color"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// chunkOf returns a chunk of a PNG file.
func chunkOf(kind, content string) []byte {
	var b bytes.Buffer
	_ = writeChunk(&b, kind, []byte(content)) // cannot fail, as it writes to memory
	return b.Bytes()
}

// pngHeader returns the start of a PNG file of this size.
func pngHeader(width, height uint32, colour byte) []byte {
	content := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	content = append(content, 8, colour, 0, 0, 0)
	return append([]byte(pngSignature), chunkOf("IHDR", string(content))...)
}

// TestRepairsNothingThatMatters checks that damage to the pixels, the size or the palette
// is still an error, with the decoder's message.
func TestRepairsNothingThatMatters(t *testing.T) {
	good := encode(t, plain(5, 4, color.NRGBA{1, 2, 3, 255}))
	for _, kind := range []string{"IHDR", "IDAT"} {
		at := bytes.Index(good, []byte(kind))
		damaged := bytes.Clone(good)
		length := int(binary.BigEndian.Uint32(good[at-4:]))
		damaged[at+4+length] ^= 1 // the checksum
		_, err := Read(bytes.NewReader(damaged), Limits{})
		if err == nil || !strings.Contains(err.Error(), "invalid checksum") {
			t.Errorf("%s: error is %v", kind, err)
		}
	}
	// An iTXt with a wrong checksum before pixels that are cut short.
	at := bytes.Index(good, []byte("IDAT")) - 4
	bad := chunkOf("iTXt", "key\x00\x00\x00\x00\x00text")
	bad[len(bad)-1] ^= 1
	cut := slices.Concat(good[:at], bad, good[at:len(good)-18])
	if _, err := Read(bytes.NewReader(cut), Limits{}); err == nil {
		t.Error("half the pixels were taken for all")
	}
}

// TestPlainPNGSize checks the number of bytes of the pixels for each form.
func TestPlainPNGSize(t *testing.T) {
	ihdr := func(width, height uint32, depth, colour, interlace byte) []byte {
		content := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
		return append(content, depth, colour, 0, 0, interlace)
	}
	for _, test := range []struct {
		ihdr []byte
		want int64
	}{
		{ihdr(5, 4, 8, 2, 0), 4 * (1 + 15)},
		{ihdr(5, 4, 16, 6, 0), 4 * (1 + 40)},
		{ihdr(9, 3, 1, 0, 0), 3 * (1 + 2)},
		{ihdr(9, 3, 4, 3, 0), 3 * (1 + 5)},
		{ihdr(1, 1, 8, 4, 1), 1 + 2},
		// Passes of 1x1, 1x1, 2x1, 2x2, 4x2 and 4x4 pixels, and of 8x4.
		{ihdr(8, 8, 8, 0, 1), 2 + 2 + 3 + 2*3 + 2*5 + 4*5 + 4*9},
	} {
		if got, err := pngDataBytes(test.ihdr); err != nil || got != test.want {
			t.Errorf("%v: %d, %v, want %d", test.ihdr, got, err, test.want)
		}
	}
}

// zeros is an endless reader.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestBombs checks that a text chunk that inflates to a gigabyte is read only up to the
// limit, and that a chunk that claims to have two gigabytes is not allocated.
func TestBombs(t *testing.T) {
	good := encode(t, plain(5, 4, color.NRGBA{1, 2, 3, 255}))
	const header = 8 + 25
	long := binary.BigEndian.AppendUint32(nil, 1<<31-1)
	long = append(long, "eXIf"...)
	lying := slices.Concat(good[:header], long, good[header:])
	var zipped bytes.Buffer
	w := zlib.NewWriter(&zipped)
	if _, err := io.CopyN(w, zeros{}, 1<<28); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	swelling := slices.Concat(good[:header], []byte(chunkOf("zTXt", "Raw profile type exif\x00\x00"+zipped.String())), good[header:])
	for name, data := range map[string][]byte{"lying": lying, "swelling": swelling} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if h, err := readHeader(bytes.NewReader(data)); err != nil || h.width != 5 {
			t.Errorf("%s: header %v, error %v", name, h, err)
		}
		runtime.ReadMemStats(&after)
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 16<<20 {
			t.Errorf("%s: %d bytes were allocated", name, allocated)
		}
	}
}
