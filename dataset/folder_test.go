package dataset

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/image/tiff"
)

// encodePNG is a picture in one colour.
func encodePNG(t testing.TB, width, height int, c color.Color) []byte {
	t.Helper()
	picture := image.NewNRGBA64(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			picture.Set(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// folderFiles are n red images of class "a" and n blue ones of class "b".
func folderFiles(t testing.TB, prefix string, n int) map[string][]byte {
	files := map[string][]byte{}
	red, blue := encodePNG(t, 5, 4, color.NRGBA{255, 0, 0, 255}), encodePNG(t, 40, 50, color.NRGBA{0, 0, 255, 255})
	for i := range n {
		files[prefix+"a/"+strconv.Itoa(i)+".png"] = red
		files[prefix+"b/"+strconv.Itoa(i)+".PNG"] = blue
	}
	return files
}

// checkColours wants class "a" red and class "b" blue.
func checkColours(t *testing.T, set *Set) {
	t.Helper()
	if got := strings.Join(set.Classes, " "); got != "a b" {
		t.Fatalf("classes %q, want a and b", got)
	}
	for i, label := range set.Labels {
		want := [][]byte{{255, 0, 0}, {0, 0, 255}}[label]
		if got := set.Image(i)[:3]; !bytes.Equal(got, want) {
			t.Errorf("image %d of class %d starts with %v, want %v", i, label, got, want)
		}
	}
}

func TestLoadFolderWithSplit(t *testing.T) {
	for _, held := range []string{"validation", "val", "test"} {
		files := folderFiles(t, "train/", 3)
		for name, data := range folderFiles(t, held+"/", 2) {
			files[name] = data
		}
		files["train/a/notes.txt"] = []byte("not an image")
		files["train/.cache/x.png"] = nil
		opts := Options{Source: SourceFolder, Path: writeFiles(t, files), Size: 8}
		train, validation, err := Load(context.Background(), opts)
		if err != nil {
			t.Fatal(err)
		}
		if train.Len() != 6 || validation.Len() != 4 || train.Height != 8 || train.Width != 8 {
			t.Errorf("%s: %d and %d images of %dx%d", held, train.Len(), validation.Len(), train.Height, train.Width)
		}
		checkColours(t, train)
		checkColours(t, validation)
	}
}

func TestLoadFolderWithoutSplit(t *testing.T) {
	ctx := context.Background()
	small := Options{Source: SourceFolder, Path: writeFiles(t, folderFiles(t, "", 50))}
	train, validation, err := Load(ctx, small)
	if err != nil {
		t.Fatal(err)
	}
	if n := validation.Len(); train.Len()+n != 100 || n < 10 || n > 30 {
		t.Errorf("%d and %d images, want about 80 and 20", train.Len(), n)
	}
	checkColours(t, train)
	checkColours(t, validation)
	if first := train.Labels[:20]; !slices.Contains(first, 0) || !slices.Contains(first, 1) {
		t.Errorf("the first images are all of one class: %v", first)
	}
	again, _, err := Load(ctx, Options{Source: SourceFolder, Path: small.Path, Train: 10})
	if err != nil {
		t.Fatal(err)
	}
	if again.Hash() != train.Head(10).Hash() {
		t.Error("the first ten are others when ten are asked for")
	}
}

// TestFolderSplitIsStable adds images and wants the old ones where they were.
func TestFolderSplitIsStable(t *testing.T) {
	names := func(n int) map[string]bool {
		_, _, validation, err := listFolder(writeFiles(t, folderFiles(t, "", n)))
		if err != nil {
			t.Fatal(err)
		}
		held := map[string]bool{}
		for _, file := range validation {
			held[strings.ToLower(filepath.Base(filepath.Dir(file.path))+"/"+filepath.Base(file.path))] = true
		}
		return held
	}
	few, many := names(20), names(40)
	for name := range few {
		if !many[name] {
			t.Errorf("%s left the validation images", name)
		}
	}
	if len(many) <= len(few) {
		t.Errorf("%d of 40 and %d of 80 images held", len(few), len(many))
	}
}

func TestFolderFaults(t *testing.T) {
	good := encodePNG(t, 2, 2, color.White)
	var tiffFile bytes.Buffer
	if err := tiff.Encode(&tiffFile, image.NewGray(image.Rect(0, 0, 2, 2)), nil); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, path string
		data       []byte
		want       string
	}{
		{"empty", "train/a/x.png", nil, `/train/a/x.png": is empty`},
		{"text", "train/a/x.jpg", []byte("hello, this is text"), `is no PNG or JPEG image: it starts with "hello, t"`},
		{"short", "train/a/x.png", []byte{137}, `is no PNG or JPEG image: it starts with "\x89"`},
		{"tiff in disguise", "train/a/x.png", tiffFile.Bytes(), `is no PNG or JPEG image: it starts with "II*\x00`},
		{"tiff", "train/a/x.tiff", tiffFile.Bytes(), "images of this format are not read; convert it to PNG or JPEG"},
		{"cut off", "train/a/x.png", good[:len(good)-20], "unexpected EOF"},
		{"cut off jpeg", "train/a/x.jpg", encodeJPEG(t, nil)[:360], "unexpected EOF"},
		{"huge", "train/a/x.png", pngHeader(100000, 100000), "image of 100000x100000 pixels is outside 1..33554432 pixels"},
		{"large", "train/a/x.png", pngHeader(8192, 4097), "image of 8192x4097 pixels is outside 1..33554432 pixels of at most 65535 a side: reduce it"},
		{"wide", "train/a/x.png", pngHeader(65536, 1), "image of 65536x1 pixels is outside 1..33554432 pixels of at most 65535 a side: reduce it"},
		{"no pixels", "train/a/x.png", pngHeader(0, 4), "png: invalid format: non-positive dimension"},
		{"folder", "train/a/x.png/y", good, "has no images (*.png, *.jpg, *.jpeg)"},
		{"no images", "train/c/x.txt", nil, `train/c": has no images (*.png, *.jpg, *.jpeg)`},
		{"class of test only", "test/c/x.png", good, `test/c": there is no such class among the training images`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files := map[string][]byte{"train/b/1.png": good, "train/a/.keep": nil, "test/a/1.png": good}
			if !strings.HasPrefix(test.path, "train/a/") {
				files["train/a/1.png"] = good
			}
			files[test.path] = test.data
			_, _, err := Load(context.Background(), Options{Source: SourceFolder, Path: writeFiles(t, files)})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
			checkFault(t, err, NoRecord, "read ", "")
		})
	}
}

func TestFolderLayoutFaults(t *testing.T) {
	ctx := context.Background()
	one := writeFiles(t, map[string][]byte{"a/1.png": encodePNG(t, 2, 2, color.White)})
	for _, test := range []struct {
		opts Options
		want string
	}{
		{Options{}, "no path is set for the folder of images; use --set data.path=DIR"},
		{Options{Path: filepath.Join(one, "absent")}, "no such file or directory; use --set data.path=DIR with a folder that has one folder of images for each class"},
		{Options{Path: one}, "has 1 folders of images, one for each class; at least 2 are needed"},
		{Options{Path: writeFiles(t, folderFiles(t, "", 1))}, "to validation; add images, or sort them into the folders train and validation"},
		{Options{Path: writeFiles(t, folderFiles(t, "", 50)), Validation: 60}, "available; use --set data.validation=" + strconv.Itoa(heldOf50(t)) + ", or 0 for all"},
	} {
		test.opts.Source = SourceFolder
		_, _, err := Load(ctx, test.opts)
		checkFault(t, err, NoRecord, "", test.want)
	}
}

func heldOf50(t *testing.T) int {
	_, _, validation, err := listFolder(writeFiles(t, folderFiles(t, "", 50)))
	if err != nil {
		t.Fatal(err)
	}
	return len(validation)
}

// pngHeader is the start of a PNG image of that size.
func pngHeader(width, height uint32) []byte {
	chunk := []byte("IHDR")
	chunk = binary.BigEndian.AppendUint32(chunk, width)
	chunk = binary.BigEndian.AppendUint32(chunk, height)
	chunk = append(chunk, 8, 2, 0, 0, 0)
	file := append([]byte("\x89PNG\r\n\x1a\n"), 0, 0, 0, 13)
	file = append(file, chunk...)
	return binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(chunk))
}

// TestDecodeImageForms decodes the kinds of pictures that people have.
func TestDecodeImageForms(t *testing.T) {
	grey := image.NewGray(image.Rect(0, 0, 8, 8))
	for i := range grey.Pix {
		grey.Pix[i] = 100
	}
	var greyPNG bytes.Buffer
	if err := png.Encode(&greyPNG, grey); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		data []byte
		want color.NRGBA
	}{
		"grey":        {greyPNG.Bytes(), color.NRGBA{100, 100, 100, 255}},
		"16 bits":     {encodePNG(t, 3, 3, color.NRGBA64{0x1234, 0x8000, 0xff00, 0xffff}), color.NRGBA{0x12, 0x80, 0xff, 255}},
		"transparent": {encodePNG(t, 3, 3, color.NRGBA{0, 0, 0, 0}), color.NRGBA{255, 255, 255, 255}},
		"half":        {encodePNG(t, 3, 3, color.NRGBA{0, 0, 0, 128}), color.NRGBA{127, 127, 127, 255}},
		"jpeg":        {encodeJPEG(t, nil), color.NRGBA{100, 100, 100, 255}},
		"cmyk jpeg":   {cmykJPEG(), color.NRGBA{145, 96, 48, 255}},
		"animated":    {animatedPNG(t), color.NRGBA{10, 20, 30, 255}},
	} {
		decoded, err := DecodeImage(bytes.NewReader(test.data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := decoded.NRGBAAt(1, 1); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// cmykJPEG is a picture of 8x8 pixels as printers have it: samples 192, 128, 64
// and 192, of which Adobe's marker says that they count from full ink, so that
// red is 192*192/255. Only the mean of each 8x8 block is coded: each quantised
// by 1, the difference to 128 times 8, in the categories 0 or 10.
func cmykJPEG() []byte {
	segment := func(marker byte, data ...byte) []byte {
		return append([]byte{0xff, marker, 0, byte(2 + len(data))}, data...)
	}
	return slices.Concat([]byte{0xff, 0xd8},
		segment(0xee, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0),
		segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...),
		segment(0xc0, 8, 0, 8, 0, 8, 4, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 4, 0x11, 0),
		segment(0xc4, 0x00, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10),
		segment(0xc4, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		segment(0xda, 4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0),
		[]byte{0x60, 0x00, 0x5f, 0xf3, 0x00, 0x3f, 0xff, 0xd9})
}

// animatedPNG has a second frame, which is not to be seen.
func animatedPNG(t testing.TB) []byte {
	chunk := func(name string, data ...byte) []byte {
		body := append([]byte(name), data...)
		return slices.Concat(binary.BigEndian.AppendUint32(nil, uint32(len(data))), body,
			binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(body)))
	}
	frame := func(number byte) []byte {
		return chunk("fcTL", 0, 0, 0, number, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0)
	}
	const header, end = 8 + 25, 12 // the signature and IHDR; IEND
	first := encodePNG(t, 3, 3, color.NRGBA{10, 20, 30, 255})
	second := encodePNG(t, 3, 3, color.NRGBA{200, 200, 200, 255})
	pixels := second[header+8 : len(second)-end-4] // of its IDAT
	return slices.Concat(first[:header], chunk("acTL", 0, 0, 0, 2, 0, 0, 0, 0), frame(0), first[header:len(first)-end],
		frame(1), chunk("fdAT", append([]byte{0, 0, 0, 2}, pixels...)...), first[len(first)-end:])
}

// encodeJPEG is a grey picture of 8x16 pixels, its upper half white, with the
// EXIF segment given.
func encodeJPEG(t testing.TB, exif []byte) []byte {
	t.Helper()
	picture := image.NewGray(image.Rect(0, 0, 8, 16))
	for i := range picture.Pix {
		picture.Pix[i] = 100
	}
	if exif != nil {
		for i := range 8 * 8 {
			picture.Pix[i] = 255
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	return slices.Concat(b.Bytes()[:2], exif, b.Bytes()[2:])
}

// exifTurned is an EXIF segment with orientation 6: what was taken has to be
// turned clockwise, so that its upper half becomes the right one.
func exifTurned() []byte {
	tiffPart := []byte("MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00")
	exif := append([]byte{0xff, 0xe1, 0, byte(2 + 6 + len(tiffPart))}, "Exif\x00\x00"...)
	return append(exif, tiffPart...)
}

// TestDecodeImageTurns wants a picture upright that lies on its side.
func TestDecodeImageTurns(t *testing.T) {
	decoded, err := DecodeImage(bytes.NewReader(encodeJPEG(t, exifTurned())))
	if err != nil {
		t.Fatal(err)
	}
	if decoded.Rect.Dx() != 16 || decoded.Rect.Dy() != 8 {
		t.Fatalf("size %v, want 16x8", decoded.Rect.Size())
	}
	if left, right := decoded.NRGBAAt(2, 4).R, decoded.NRGBAAt(13, 4).R; left > 110 || right < 245 {
		t.Errorf("left %d and right %d, want 100 and 255", left, right)
	}
}

// TestReadImageCropsFirst resizes a line that stretched would be huge.
func TestReadImageCropsFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "line.png")
	if err := os.WriteFile(path, encodePNG(t, 1, 50000, color.NRGBA{1, 2, 3, 255}), 0o666); err != nil {
		t.Fatal(err)
	}
	err := OpenImages(t.Context(), []string{path}, func(_ int, picture *image.NRGBA, err error) error {
		if err != nil {
			return err
		}
		if pixels := Fill(picture, 4, 4); !bytes.Equal(pixels, bytes.Repeat([]byte{1, 2, 3}, 16)) {
			t.Errorf("pixels %v", pixels)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestOpenImagesTakeTurns uses two images that are too large to be there at
// once, among small ones.
func TestOpenImagesTakeTurns(t *testing.T) {
	dir := t.TempDir()
	var large bytes.Buffer
	if err := png.Encode(&large, image.NewGray(image.Rect(0, 0, 5000, 4000))); err != nil {
		t.Fatal(err)
	}
	small := encodePNG(t, 2, 2, color.NRGBA{1, 2, 3, 255})
	var paths []string
	for i, data := range [][]byte{large.Bytes(), large.Bytes(), small, []byte("no image"), large.Bytes(), small} {
		paths = append(paths, filepath.Join(dir, fmt.Sprintf("%d.png", i)))
		if err := os.WriteFile(paths[i], data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	var there, pixels atomic.Int64
	used := make([]error, len(paths))
	err := OpenImages(t.Context(), paths, func(i int, picture *image.NRGBA, err error) error {
		if used[i] = err; err != nil {
			return nil
		}
		n := int64(picture.Rect.Dx() * picture.Rect.Dy())
		pixels.Add(n)
		if now := there.Add(n); now > maxPixels {
			t.Errorf("%d pixels are there at once", now)
		}
		time.Sleep(10 * time.Millisecond)
		there.Add(-n)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(3*5000*4000 + 2*2*2); pixels.Load() != want {
		t.Errorf("%d pixels were used, want %d", pixels.Load(), want)
	}
	for i, err := range used {
		if (err != nil) != (i == 3) {
			t.Errorf("%s: %v", paths[i], err)
		}
	}
	last := errors.New("that will do")
	if err := OpenImages(t.Context(), paths, func(int, *image.NRGBA, error) error { return last }); err != last {
		t.Errorf("error %v, want that of use", err)
	}
}

// TestFill takes the middle part of the wanted proportions, and the pixels of a
// picture of the wanted size as they are.
func TestFill(t *testing.T) {
	picture := image.NewNRGBA(image.Rect(0, 0, 6, 2))
	for i := range picture.Pix {
		picture.Pix[i] = 255
		if i%4 < 3 {
			picture.Pix[i] = uint8(10 * (i / 4)) // 10 times the number of the pixel
		}
	}
	for want, size := range map[[4]uint8][2]int{
		{20, 30, 80, 90}: {2, 2}, // height, width
		{0, 10, 20, 30}:  {2, 6},
	} {
		pixels := Fill(picture, size[0], size[1])
		if len(pixels) != 3*size[0]*size[1] {
			t.Fatalf("%v: %d bytes", size, len(pixels))
		}
		if got := [4]uint8{pixels[0], pixels[3], pixels[6], pixels[9]}; got != want {
			t.Errorf("%v: pixels %v, want %v", size, got, want)
		}
	}
	if pixels := Fill(picture, 1, 2); len(pixels) != 6 {
		t.Errorf("%d bytes, want 6", len(pixels))
	}
}

// FuzzDecodeImage wants an image or an error, never a panic.
func FuzzDecodeImage(f *testing.F) {
	f.Add(encodePNG(f, 3, 2, color.NRGBA{1, 2, 3, 4}))
	f.Add(pngHeader(4, 4))
	f.Add([]byte("\xff\xd8\xff\xe0"))
	f.Add(encodePNG(f, 5, 7, color.NRGBA64{0x1234, 0x8000, 0xff00, 0x7fff}))
	f.Add(encodeJPEG(f, nil))
	f.Add(cmykJPEG())
	f.Add(animatedPNG(f))
	f.Add(encodeJPEG(f, exifTurned()))
	f.Fuzz(func(t *testing.T, data []byte) {
		decoded, err := DecodeImage(bytes.NewReader(data))
		if (decoded == nil) == (err == nil) {
			t.Errorf("image %v with error %v", decoded, err)
		}
	})
}

// TestAmongImages: what is below a folder of images is read, unless the splits have
// folders of their own and it is beside them.
func TestAmongImages(t *testing.T) {
	whole := writeFiles(t, folderFiles(t, "", 1))
	split := t.TempDir()
	for _, name := range []string{"train/a", "val/a"} {
		if err := os.MkdirAll(filepath.Join(split, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		root, dir string
		want      bool
	}{
		{whole, "", false},
		{whole, "new", true},
		{whole, "new/below", true},
		{whole, ".hidden/below", false},
		{whole, "../beside", false},
		{split, "new", false},
		{split, "train/a", true},
		{split, "val/new", true},
		{split, "validation", true},
		{split, "absent/..", false},
	} {
		if got := AmongImages(c.root, filepath.Join(c.root, c.dir)); got != c.want {
			t.Errorf("%q: %v, want %v", c.dir, got, c.want)
		}
	}
	if AmongImages("absent", "absent/new") {
		t.Error("there are images where there is no folder")
	}
}
