package photo

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/disintegration/imaging"

	"onnxlab/dataset/photo/jpegturbo"
	"onnxlab/dataset/photo/jpegturbo/jpegturbotest"
	"onnxlab/internal/resize"
)

// want returns the picture in a PNG file.
func want(t testing.TB, path string) *image.NRGBA {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	picture, err := png.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	return imaging.Clone(picture)
}

// turboFiles returns the JPEG images of testdata.
func turboFiles(t testing.TB) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"testdata/turbo/*.jpg", "testdata/pictures/*.jpg"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 30 {
		t.Fatalf("%d files", len(files))
	}
	return files
}

// TestTurboPictures compares with the pixels of Pillow, which decodes with the same
// library. Only the conversion of CMYK rounds differently.
func TestTurboPictures(t *testing.T) {
	cutter := Cutter{Decoder: Decoder{jpegturbotest.Open(t)}}
	for _, path := range turboFiles(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want := want(t, path+".want.png")
			size := want.Bounds().Size()
			got := make([]uint8, 3*size.X*size.Y)
			err = cutter.ReadBytes(data, func(height, width int) Cut {
				if height != size.Y || width != size.X {
					t.Errorf("%dx%d pixels, want %v", width, height, size)
				}
				return Whole(want.Bounds(), size.Y, size.X)
			}, got)
			if err != nil {
				t.Fatal(err)
			}
			most := 0
			if name := strings.ToLower(filepath.Base(path)); strings.Contains(name, "cmyk") || strings.Contains(name, "ycck") {
				most = 1
			} else if name == "twelve.jpg" { // compared with the pixels before encoding
				most = 5 // chroma is subsampled
			}
			if largest, mean := difference(got, want); largest > most {
				t.Errorf("it differs by %.3f on average and %d at most", mean, largest)
			}
		})
	}
}

// TestStrangeJPEG checks that files that Go's decoder does not support can be read like all
// files.
func TestStrangeJPEG(t *testing.T) {
	jpegturbotest.Open(t) // puts it into the cache, where it is found
	for name, most := range map[string]int{"arithmetic": 0, "sampling-cr-larger": 0, "sampling-mixed": 0, "twelve": 5} {
		path := "testdata/turbo/" + name + ".jpg"
		p, err := ReadFile(path, Limits{})
		if err != nil {
			t.Error(err)
			continue
		}
		height, width := p.Size()
		if largest, _ := difference(p.Fill(height, width), want(t, path+".want.png")); largest > most {
			t.Errorf("%s: it differs by %d", name, largest)
		}
	}
}

// TestParts checks that a decoded part has the same pixels as the whole picture there.
func TestParts(t *testing.T) {
	lib := jpegturbotest.Open(t)
	rng := rand.New(rand.NewPCG(1, 1))
	for _, path := range turboFiles(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		h, err := readHeader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		for range 40 {
			r := jpegturbo.Request{Width: h.width, Height: h.height, Scale: 1 << rng.IntN(4), Memory: 1 << 24}
			if h.jpeg.bits != 8 { // these cannot be reduced
				r.Scale = 8
			}
			r.Part = image.Rect(0, 0, h.width, h.height)
			whole, err := lib.Decode(data, r, nil)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			left, top := rng.IntN(h.width), rng.IntN(h.height)
			r.Part = image.Rect(left, top, left+1+rng.IntN(h.width-left), top+1+rng.IntN(h.height-top))
			part, err := lib.Decode(data, r, nil)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if d := differs(whole, part, r); d != "" {
				t.Fatalf("%s: %+v: %s", path, r, d)
			}
		}
	}
}

// differs says where the wanted pixels of a part differ from those of the whole picture; ""
// if they do not.
func differs(whole, part jpegturbo.Part, r jpegturbo.Request) string {
	up := func(v int) int { return (v*r.Scale + 7) / 8 }
	wanted := image.Rect(r.Part.Min.X*r.Scale/8, r.Part.Min.Y*r.Scale/8, up(r.Part.Max.X), up(r.Part.Max.Y)).Intersect(whole.Rect)
	if !wanted.In(part.Rect) {
		return fmt.Sprintf("%v is not within %v", wanted, part.Rect)
	}
	for y := wanted.Min.Y; y < wanted.Max.Y; y++ {
		for x := wanted.Min.X; x < wanted.Max.X; x++ {
			a := whole.Pixels[3*(y*whole.Rect.Dx()+x):][:3]
			b := part.Pixels[3*((y-part.Rect.Min.Y)*part.Rect.Dx()+x-part.Rect.Min.X):][:3]
			if !bytes.Equal(a, b) {
				return fmt.Sprintf("pixel %d,%d is %v, want %v", x, y, b, a)
			}
		}
	}
	return ""
}

// TestEvaluationTransforms compares with torchvision's transforms of Pillow's pictures.
func TestEvaluationTransforms(t *testing.T) {
	decoders := map[string]Decoder{"libjpeg-turbo": {jpegturbotest.Open(t)}, "go": {}}
	for name, decoder := range decoders {
		for _, transform := range []Transform{Torchvision, Timm} {
			for _, file := range []string{"444.jpg", "turned.jpg", "gray.jpg"} {
				for _, side := range []int{56, 224} {
					data, err := os.ReadFile("testdata/turbo/" + file)
					if err != nil {
						t.Fatal(err)
					}
					cutter := Cutter{Decoder: decoder}
					got := make([]uint8, 3*side*side)
					err = cutter.ReadBytes(data, func(height, width int) Cut { return transform.Cut(height, width, side, side) }, got)
					if err != nil {
						t.Fatal(err)
					}
					path := fmt.Sprintf("testdata/evaluation/%s-%d-%s.png", transform, side, file)
					largest, mean := difference(got, want(t, path))
					most, average := 1, 0.5
					if name == "go" { // the chroma of turned.jpg is subsampled
						most, average = 25, 3
					}
					if largest > most || mean > average {
						t.Errorf("%s, %s: it differs by %.3f on average and %d at most", name, path, mean, largest)
					}
				}
			}
		}
	}
}

// TestReduced checks that letting the decoder reduce a large picture gives about the same
// pixels.
func TestReduced(t *testing.T) {
	data, err := os.ReadFile("testdata/turbo/420.jpg")
	if err != nil {
		t.Fatal(err)
	}
	cutter := Cutter{Decoder: Decoder{jpegturbotest.Open(t)}}
	read := func(reduce bool, box image.Rectangle) *image.NRGBA {
		got := make([]uint8, 3*20*20)
		err := cutter.ReadBytes(data, func(int, int) Cut {
			cut := Whole(box, 20, 20)
			cut.Reduce = reduce
			return cut
		}, got)
		if err != nil {
			t.Fatal(err)
		}
		return &image.NRGBA{Pix: withAlpha(got), Stride: 80, Rect: image.Rect(0, 0, 20, 20)}
	}
	for _, side := range []int{20, 39, 40, 79, 80, 150} {
		box := image.Rect(3, 5, 3+side, 5+side)
		plain, reduced := read(false, box), read(true, box)
		var pixels []uint8
		for i := range 400 {
			pixels = append(pixels, reduced.Pix[4*i:4*i+3]...)
		}
		largest, mean := difference(pixels, plain)
		if same := side < 40; same != (largest == 0) || mean > 3 {
			t.Errorf("box of %d pixels: it differs by %.2f on average and %d at most", side, mean, largest)
		}
	}
}

// TestTurnedBytes compares turning bytes with turning pictures.
func TestTurnedBytes(t *testing.T) {
	const width, height = 5, 3
	stored := image.NewNRGBA(image.Rect(0, 0, width, height))
	for i := range stored.Pix {
		stored.Pix[i] = uint8(i)
	}
	var src []uint8
	for i := range width * height {
		src = append(src, stored.Pix[4*i:4*i+3]...)
	}
	for o := orientation(1); o <= 8; o++ {
		got := make([]uint8, len(src))
		o.turn(got, src, height, width)
		if largest, _ := difference(got, o.upright(stored)); largest != 0 {
			t.Errorf("orientation %d: the pixels are different", o)
		}
	}
}

// TestWindows checks that a window has the same pixels as the whole result there.
func TestWindows(t *testing.T) {
	data, err := os.ReadFile("testdata/turbo/turned.jpg")
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(2, 2))
	for _, decoder := range []Decoder{{jpegturbotest.Open(t)}, {}} {
		cutter := Cutter{Decoder: decoder}
		for _, filter := range []resize.Filter{resize.Bilinear, resize.Bicubic} {
			for range 20 {
				cut := Whole(image.Rect(3, 4, 200, 150), 10+rng.IntN(200), 10+rng.IntN(200))
				cut.Filter = filter
				whole := make([]uint8, 3*cut.Width*cut.Height)
				if err := cutter.ReadBytes(data, func(int, int) Cut { return cut }, whole); err != nil {
					t.Fatal(err)
				}
				x, y := rng.IntN(cut.Width-4), rng.IntN(cut.Height-4)
				cut.Window = image.Rect(x, y, x+4, y+4)
				got := make([]uint8, 3*4*4)
				if err := cutter.ReadBytes(data, func(int, int) Cut { return cut }, got); err != nil {
					t.Fatal(err)
				}
				for row := range 4 {
					if w := whole[3*((y+row)*cut.Width+x):][:12]; !near(got[12*row:12*row+12], w) {
						t.Fatalf("%+v: row %d is %v, want %v", cut, row, got[12*row:12*row+12], w)
					}
				}
			}
		}
	}
}

// near allows for differently rounded weights.
func near(a, b []uint8) bool {
	for i := range a {
		if d := int(a[i]) - int(b[i]); d < -1 || d > 1 {
			return false
		}
	}
	return true
}
