package photo

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/disintegration/imaging"
	"golang.org/x/image/tiff"
)

// encode returns the picture as a file in this format.
func encode(t testing.TB, picture image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// plain returns a picture of one colour.
func plain(width, height int, c color.Color) image.Image {
	return imaging.New(width, height, c)
}

// pictures returns the files of testdata/pictures, whose contents reference.py describes.
func pictures(t testing.TB) []string {
	t.Helper()
	all, err := filepath.Glob("testdata/pictures/*")
	if err != nil {
		t.Fatal(err)
	}
	paths := slices.DeleteFunc(all, func(path string) bool { return strings.HasSuffix(path, ".want.png") })
	if len(paths) < 70 {
		t.Fatalf("%d pictures", len(paths))
	}
	return paths
}

// TestPictures compares every picture with Pillow's result. JPEG and lossy WebP differ in
// how chroma is interpolated.
func TestPictures(t *testing.T) {
	for _, path := range pictures(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			file, err := os.Open(path + ".want.png")
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			want, err := png.Decode(file)
			if err != nil {
				t.Fatal(err)
			}
			photo, err := ReadFile(path, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			height, width := photo.Size()
			if size := want.Bounds().Size(); width != size.X || height != size.Y {
				t.Fatalf("%dx%d pixels, want %dx%d", width, height, size.X, size.Y)
			}
			largest, mean := 1, 0.5
			if strings.HasSuffix(path, ".jpg") || strings.HasSuffix(path, "lossy.webp") || strings.HasSuffix(path, "alpha.webp") {
				largest, mean = 14, 2
			}
			if strings.HasSuffix(path, "subsampled.jpg") || strings.HasSuffix(path, "y.webp") || strings.HasSuffix(path, "alpha.webp") {
				mean = 5 // the whole picture is a steep gradient
			}
			gotLargest, gotMean := difference(photo.Fill(height, width), imaging.Clone(want))
			if gotLargest > largest || gotMean > mean {
				t.Errorf("it differs by %.2f on average and %d at most", gotMean, gotLargest)
			}
			if fit := photo.Fit(1000); !bytes.Equal(fit.Pix, withAlpha(photo.Fill(height, width))) {
				t.Error("Fit and Fill show different pictures")
			}
		})
	}
}

// difference returns the largest and the mean difference between the pixels and those of a
// picture.
func difference(pixels []uint8, want *image.NRGBA) (largest int, mean float64) {
	for i, value := range pixels {
		d := int(value) - int(want.Pix[i/3*4+i%3])
		largest = max(largest, d, -d)
		mean += float64(max(d, -d)) / float64(len(pixels))
	}
	return largest, mean
}

// withAlpha adds the fourth channel to pixels.
func withAlpha(pixels []uint8) []uint8 {
	var all []uint8
	for pixel := range slices.Chunk(pixels, 3) {
		all = append(append(all, pixel...), 255)
	}
	return all
}

// TestTurnedParts checks that resizing a part of a picture with an orientation gives the
// same as resizing that part after turning the picture.
func TestTurnedParts(t *testing.T) {
	stored := image.NewNRGBA(image.Rect(0, 0, 31, 20))
	for i := range stored.Pix { // waves, so that resizing stays within 0..255
		x, y := float64(i/4%31), float64(i/4/31)
		stored.Pix[i] = uint8(128 + 60*math.Sin(x/2+float64(i%4))*math.Cos(y/3))
		if i%4 == 3 {
			stored.Pix[i] = 255
		}
	}
	for o := orientation(0); o <= 8; o++ {
		turned := &Photo{stored, o}
		before := &Photo{o.upright(stored), 1}
		for _, size := range [][2]int{{8, 8}, {5, 12}, {12, 5}, {40, 40}, {1, 31}} {
			a, b := turned.Fill(size[0], size[1]), before.Fill(size[0], size[1])
			for i := range a {
				if d := int(a[i]) - int(b[i]); d < -2 || d > 2 { // rounding differs, as rows or columns are resized first
					t.Fatalf("orientation %d, %v: byte %d is %d, want %d", o, size, i, a[i], b[i])
				}
			}
		}
		if !bytes.Equal(turned.Fit(100).Pix, before.Fit(100).Pix) {
			t.Errorf("orientation %d: Fit shows another picture", o)
		}
	}
}

// TestFill checks that Fill uses the middle part with the right proportions, and keeps the
// pixels of a picture that already has the right size.
func TestFill(t *testing.T) {
	picture := image.NewNRGBA(image.Rect(0, 0, 6, 2))
	for i := range picture.Pix {
		picture.Pix[i] = 255
		if i%4 < 3 {
			picture.Pix[i] = uint8(10 * (i / 4)) // 10 times the number of the pixel
		}
	}
	photo := &Photo{stored: picture}
	for want, size := range map[[4]uint8][2]int{
		{20, 30, 80, 90}: {2, 2}, // height, width
		{0, 10, 20, 30}:  {2, 6},
	} {
		pixels := photo.Fill(size[0], size[1])
		if len(pixels) != 3*size[0]*size[1] {
			t.Fatalf("%v: %d bytes", size, len(pixels))
		}
		if got := [4]uint8{pixels[0], pixels[3], pixels[6], pixels[9]}; got != want {
			t.Errorf("%v: pixels %v, want %v", size, got, want)
		}
	}
	if pixels := photo.Fill(1, 2); len(pixels) != 6 {
		t.Errorf("%d bytes, want 6", len(pixels))
	}
	line := &Photo{stored: plain(1, 50000, color.NRGBA{1, 2, 3, 255})} // stretched, it would be huge
	if pixels := line.Fill(4, 4); !bytes.Equal(pixels, bytes.Repeat([]byte{1, 2, 3}, 16)) {
		t.Errorf("pixels %v", pixels)
	}
}

func TestFit(t *testing.T) {
	photo := &Photo{plain(200, 100, color.NRGBA{1, 2, 3, 255}), 6}
	if size := photo.Fit(50).Rect.Size(); size != image.Pt(25, 50) {
		t.Errorf("size %v, want 25x50", size)
	}
	if size := photo.Fit(200).Rect.Size(); size != image.Pt(100, 200) {
		t.Errorf("size %v, want 100x200", size)
	}
}

// TestFaults reads files that are not pictures, or that cannot be read.
func TestFaults(t *testing.T) {
	good := encode(t, plain(5, 4, color.NRGBA{1, 2, 3, 255}))
	photograph := encodeJPEG(t)
	var tiffFile bytes.Buffer
	if err := tiff.Encode(&tiffFile, image.NewGray(image.Rect(0, 0, 2, 2)), nil); err != nil {
		t.Fatal(err)
	}
	badPixels := bytes.Clone(good)
	badPixels[bytes.Index(good, []byte("IDAT"))+5] ^= 1
	for _, test := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "is empty"},
		{"text", []byte("hello, this is text"), `is not a JPEG, PNG, GIF, BMP or WebP image: it starts with "hello, t"`},
		{"text like BMP", []byte("BMW is a maker of cars"), `it starts with "BMW is a"`},
		{"short", []byte{137}, `it starts with "\x89"`},
		{"TIFF", tiffFile.Bytes(), "is a TIFF image, which is not supported: convert it to JPEG or PNG"},
		{"HEIC", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), "is a HEIC image, which is not supported: convert it to JPEG or PNG"},
		{"AVIF", []byte("\x00\x00\x00\x18ftypavif\x00\x00\x00\x00"), "is a AVIF image"},
		{"cut off", good[:len(good)-20], "decode PNG image: png: invalid format: unexpected EOF"},
		{"JPEG cut off", photograph[:len(photograph)-20], "decode JPEG image: invalid JPEG format: short Huffman data"},
		{"JPEG of a header", photograph[:100], "read JPEG header: unexpected EOF"},
		{"JPEG without pixels", []byte("\xff\xd8\xff\xda\x00\x02"), "read JPEG header: there is no frame before the first scan"},
		{"lossless JPEG", frame(t, 0xc3, 8), "it is a lossless JPEG"},
		{"hierarchical JPEG", frame(t, 0xc5, 8), "it is hierarchical"},
		{"damaged pixels", badPixels, "decode PNG image: zlib: invalid header"},
		{"huge", pngHeader(65000, 65000, 2), "image of 65000x65000 pixels would take 48352 MB to decode, more than the 1536 MB allowed"},
		{"large", pngHeader(12000, 12000, 2), "image of 12000x12000 pixels would take 1648 MB to decode, more than the 1536 MB allowed"},
		{"wide", pngHeader(65536, 1, 2), "image of 65536x1 pixels: a side is outside 1..65535"},
		{"negative", pngHeader(1<<31+5, 1, 2), "pixels: a side is outside 1..65535"},
		{"no pixels", pngHeader(0, 4, 2), "image of 0x4 pixels: a side is outside 1..65535"},
		{"other first chunk", append([]byte(pngSignature), chunkOf("tEXt", "hi and bye for now")...), `read PNG header: the first chunk is "tEXt", not IHDR`},
	} {
		_, err := Read(bytes.NewReader(test.data), Limits{})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error is %v, want %q", test.name, err, test.want)
		}
	}
}

// TestLimits checks that the header is enough to refuse files that would take too much
// memory.
func TestLimits(t *testing.T) {
	data := encodeJPEG(t) // 16 columns and 8 rows of grey: two blocks
	for limit, fits := range map[int64]bool{127: false, 128: true, 0: true} {
		_, err := Read(bytes.NewReader(data), Limits{Memory: limit})
		var tooLarge *TooLargeError
		if fits != (err == nil) || !fits && (!errors.As(err, &tooLarge) || *tooLarge != TooLargeError{16, 8, 128, 127} || tooLarge.Megabytes() != 1) {
			t.Errorf("limit %d: error %v", limit, err)
		}
	}
}

// TestDecoding checks the memory that kinds of pictures take: see Limits.
func TestDecoding(t *testing.T) {
	for name, want := range map[string]int64{
		"grey.jpg":        24 * 16,
		"exif1.jpg":       3 * 24 * 16,
		"subsampled.jpg":  32 * 16 * 3 / 2, // whole units of 16x16
		"progressive.jpg": 5 * 3 * 24 * 16,
		"cmyk.jpg":        8 * 24 * 16,
		"rgb.jpg":         7 * 24 * 16,
		"grey.png":        9 * 24 * 16,
		"exif1.png":       12 * 24 * 16,
		"16_bits.png":     16 * 24 * 16,
		"interlaced.png":  16 * 24 * 16,
		"animated.gif":    10 * 24 * 16,
		"24.bmp":          12 * 24 * 16,
		"lossless.webp":   20 * 24 * 16,
	} {
		file, err := os.Open(filepath.Join("testdata/pictures", name))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		h, err := readHeader(file)
		if err != nil || h.decoding != want {
			t.Errorf("%s: %d bytes, error %v, want %d", name, h.decoding, err, want)
		}
	}
}

// TestNames checks how images are recognised by their names and by their contents.
func TestNames(t *testing.T) {
	for name, want := range map[string]bool{"a.jpg": true, "a.JPEG": true, "a.jfif": true, "b.c.Png": true, "a.webp": true, "a.txt": false, "a": false, ".jpg.txt": false, "a.tif": false} {
		if HasImageName(name) != want {
			t.Errorf("%s: %v, want %v", name, !want, want)
		}
	}
	dir := t.TempDir()
	for name, test := range map[string]struct {
		data []byte
		want bool
	}{
		"png":   {encode(t, plain(1, 1, color.White)), true},
		"jpeg":  {encodeJPEG(t), true},
		"empty": {nil, false},
		"text":  {[]byte("GIF is the name of a format"), false},
		"heic":  {[]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), false},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, test.data, 0o600); err != nil {
			t.Fatal(err)
		}
		if IsImage(OpenFile, path) != test.want {
			t.Errorf("%s: %v, want %v", name, !test.want, test.want)
		}
	}
	if IsImage(OpenFile, dir) || IsImage(OpenFile, filepath.Join(dir, "absent")) {
		t.Error("a folder or nothing is taken for an image")
	}
}

// encodeJPEG returns a grey picture of 16x8 pixels.
func encodeJPEG(t testing.TB) []byte {
	t.Helper()
	picture := image.NewGray(image.Rect(0, 0, 16, 8))
	for i := range picture.Pix {
		picture.Pix[i] = uint8(100 + i)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// frame returns encodeJPEG with a frame of another kind and precision.
func frame(t testing.TB, marker, bits byte) []byte {
	data := encodeJPEG(t)
	at := bytes.Index(data, []byte{0xff, markerSOF0})
	data[at+1], data[at+4] = marker, bits
	return data
}

// FuzzRead checks that any bytes give a picture or an error, and never a panic.
func FuzzRead(f *testing.F) {
	for _, path := range pictures(f) {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add(pngHeader(4, 4, 2))
	f.Add([]byte("\xff\xd8\xff\xe0"))
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 1 << 24
		photo, err := Read(bytes.NewReader(data), Limits{Memory: limit})
		if (photo == nil) == (err == nil) {
			t.Fatalf("picture %v with error %v", photo, err)
		}
		if err != nil {
			return
		}
		height, width := photo.Size()
		if pixels := photo.Fill(2, 3); len(pixels) != 2*3*3 || height < 1 || width < 1 {
			t.Errorf("%d bytes of a picture of %dx%d", len(pixels), width, height)
		}
	})
}
