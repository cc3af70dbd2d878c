package resize

import (
	"bytes"
	"image"
	"math"
	"math/rand/v2"
	"testing"
)

// noise returns a picture of random pixels.
func noise(rng *rand.Rand, height, width int) Picture {
	p := Picture{make([]uint8, 3*height*width), height, width}
	for i := range p.Pixels {
		p.Pixels[i] = uint8(rng.UintN(256))
	}
	return p
}

// TestSameBytes compares bilinear with plain, byte by byte.
func TestSameBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var r Resizer
	for range 300 {
		p := noise(rng, 1+rng.IntN(70), 1+rng.IntN(70))
		box := someBox(rng, p)
		to := To{Box: box, Height: 1 + rng.IntN(60), Width: 1 + rng.IntN(60)}
		to.Window = image.Rect(rng.IntN(to.Width), rng.IntN(to.Height), to.Width, to.Height)
		got := make([]uint8, 3*to.Window.Dx()*to.Window.Dy())
		if err := r.Resize(got, p, to); err != nil {
			t.Fatal(err)
		}
		want := make([]uint8, len(got))
		plain(want, p, &r.rows, &r.columns, make([]int16, len(r.line)))
		if !bytes.Equal(got, want) {
			t.Fatalf("%dx%d pixels, %+v: bytes differ", p.Width, p.Height, to)
		}
	}
}

// someBox returns a random box within the picture, whose edges may be fractions.
func someBox(rng *rand.Rand, p Picture) Box {
	left, top := rng.Float64()*float64(p.Width)*0.9, rng.Float64()*float64(p.Height)*0.9
	return Box{left, top, left + (float64(p.Width)-left)*(0.05+0.95*rng.Float64()), top + (float64(p.Height)-top)*(0.05+0.95*rng.Float64())}
}

// TestMean compares results with the weighted mean in floating point, which
// rounds nothing.
func TestMean(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 40 {
		p := noise(rng, 1+rng.IntN(40), 1+rng.IntN(900))
		to := To{Box: someBox(rng, p), Height: 1 + rng.IntN(30), Width: 1 + rng.IntN(30)}
		to.Window = image.Rect(0, 0, to.Width, to.Height)
		got := make([]uint8, 3*to.Width*to.Height)
		var r Resizer
		if err := r.Resize(got, p, to); err != nil {
			t.Fatal(err)
		}
		for i := range got {
			want := r.mean(p, i/3/to.Width, i/3%to.Width, i%3)
			if math.Abs(float64(got[i])-want) > 0.8 {
				t.Fatalf("%dx%d pixels, %+v: byte %d is %d, want %.2f", p.Width, p.Height, to, i, got[i], want)
			}
		}
	}
}

func (r *Resizer) mean(p Picture, row, column, channel int) (sum float64) {
	for j := range int(r.rows.count[row]) {
		for k := range int(r.columns.count[column]) {
			at := (int(r.rows.first[row])+j)*p.Width + int(r.columns.first[column]) + k
			sum += r.rows.exact[row*r.rows.taps+j] * r.columns.exact[column*r.columns.taps+k] * float64(p.Pixels[3*at+channel])
		}
	}
	return sum
}

// TestConstant checks that a picture of one colour keeps it, whatever its size.
func TestConstant(t *testing.T) {
	for _, filter := range []Filter{Bilinear, Bicubic} {
		for _, size := range [][2]int{{1, 1}, {1, 4000}, {333, 17}, {50, 50}} {
			p := Picture{bytes.Repeat([]uint8{255, 0, 77}, size[0]*size[1]), size[0], size[1]}
			to := To{Box{0, 0, float64(size[1]), float64(size[0])}, 23, 31, image.Rect(0, 0, 31, 23), filter, size[0] == 50}
			got := make([]uint8, 3*23*31)
			if err := new(Resizer).Resize(got, p, to); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, bytes.Repeat([]uint8{255, 0, 77}, 23*31)) {
				t.Errorf("filter %d, %v: the colour changed", filter, size)
			}
		}
	}
}

func TestRefusesWrongSizes(t *testing.T) {
	p := Picture{make([]uint8, 12), 2, 2}
	whole := Box{0, 0, 2, 2}
	for name, c := range map[string]struct {
		room int
		p    Picture
		to   To
	}{
		"picture": {3, Picture{make([]uint8, 11), 2, 2}, To{whole, 1, 1, image.Rect(0, 0, 1, 1), Bilinear, false}},
		"size":    {3, p, To{whole, 0, 1, image.Rect(0, 0, 1, 1), Bilinear, false}},
		"window":  {3, p, To{whole, 1, 1, image.Rect(1, 0, 2, 1), Bilinear, false}},
		"box":     {3, p, To{Box{0, 0, 3, 2}, 1, 1, image.Rect(0, 0, 1, 1), Bilinear, false}},
		"nan":     {3, p, To{Box{0, 0, math.NaN(), 2}, 1, 1, image.Rect(0, 0, 1, 1), Bilinear, false}},
		"room":    {4, p, To{whole, 1, 1, image.Rect(0, 0, 1, 1), Bilinear, false}},
	} {
		if err := new(Resizer).Resize(make([]uint8, c.room), c.p, c.to); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func BenchmarkBilinear(b *testing.B) {
	p := noise(rand.New(rand.NewPCG(5, 6)), 300, 310)
	to := To{Box{0, 0, 310, 300}, 224, 224, image.Rect(0, 0, 224, 224), Bilinear, false}
	dst := make([]uint8, 3*224*224)
	var r Resizer
	for b.Loop() {
		if err := r.Resize(dst, p, to); err != nil {
			b.Fatal(err)
		}
	}
}
