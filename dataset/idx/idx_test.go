package idx

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onnxlab/dataset"
	"onnxlab/dataset/internal/datatest"
	"onnxlab/dataset/photo"
)

// encode returns an IDX file with this magic number, these sizes and this data.
func encode(magic uint32, sizes []uint32, data []byte) []byte {
	file := binary.BigEndian.AppendUint32(nil, magic)
	for _, n := range sizes {
		file = binary.BigEndian.AppendUint32(file, n)
	}
	return append(file, data...)
}

func zip(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The names of MNIST's files.
const (
	trainImages = "train-images-idx3-ubyte"
	trainLabels = "train-labels-idx1-ubyte"
	testImages  = "t10k-images-idx3-ubyte"
	testLabels  = "t10k-labels-idx1-ubyte"
)

// tinyFiles returns files with three training images and one test image, of 2 rows and 3
// columns.
func tinyFiles() map[string][]byte {
	pixels := make([]byte, 18)
	for i := range pixels {
		pixels[i] = byte(10 * i)
	}
	return map[string][]byte{
		trainImages: encode(magicImages, []uint32{3, 2, 3}, pixels),
		trainLabels: encode(magicLabels, []uint32{3}, []byte{2, 0, 1}),
		testImages:  encode(magicImages, []uint32{1, 2, 3}, pixels[12:]),
		testLabels:  encode(magicLabels, []uint32{1}, []byte{2}),
	}
}

func loadBoth(t *testing.T, path string, limits dataset.Limits) (train, validation *dataset.Set, err error) {
	t.Helper()
	splits, err := Load(t.Context(), Options{Path: path, Limits: limits}, dataset.Train, dataset.Validation, dataset.Test)
	if err != nil {
		return nil, nil, err
	}
	if splits.Test != nil {
		t.Error("there are test images")
	}
	return splits.Train, splits.Validation, nil
}

// TestLoad reads plain and gzipped files, with every kind of name.
func TestLoad(t *testing.T) {
	plain := tinyFiles()
	gzipped, dotted, emnist := map[string][]byte{}, map[string][]byte{}, map[string][]byte{}
	for name, data := range plain {
		gzipped[name+".gz"] = zip(t, data)
		dotted[strings.Replace(name, "-idx", ".idx", 1)] = data
		emnist["gzip/emnist-letters-"+strings.Replace(name, "t10k", "test", 1)+".gz"] = zip(t, data)
		emnist["gzip/emnist-digits-"+strings.Replace(name, "t10k", "test", 1)+".gz"] = []byte("another set")
	}
	for below, files := range map[string]map[string][]byte{"": plain, ".": gzipped, "./": dotted, "gzip/emnist-letters": emnist} {
		train, validation, err := loadBoth(t, filepath.Join(datatest.WriteFiles(t, files), below), dataset.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if train.Height != 2 || train.Width != 3 || !train.Grey || train.Channels() != 1 || train.Len() != 3 {
			t.Errorf("%q: %+v", below, train)
		}
		if got := train.Image(1); !slices.Equal(got, []byte{60, 70, 80, 90, 100, 110}) {
			t.Errorf("image 1 is %v", got)
		}
		if !slices.Equal(train.Labels, []int32{2, 0, 1}) || !slices.Equal(train.Classes, []string{"0", "1", "2"}) {
			t.Errorf("labels %v of classes %v", train.Labels, train.Classes)
		}
		if validation.Len() != 1 || validation.Image(0)[0] != 120 || validation.Label(0) != 2 {
			t.Errorf("validation is %+v", validation)
		}
		if err := errors.Join(train.Validate(), validation.Validate()); err != nil {
			t.Error(err)
		}
	}
}

// TestLoadSome reads only the first images, all images of both splits, and names of
// classes.
func TestLoadSome(t *testing.T) {
	files := tinyFiles()
	files[ClassesFile] = []byte("coat\n\nbag\nboot\nshirt\n")
	dir := datatest.WriteFiles(t, files)
	train, _, err := loadBoth(t, dir, dataset.Limits{Train: 2})
	if err != nil {
		t.Fatal(err)
	}
	if train.Len() != 2 || !slices.Equal(train.Classes, []string{"coat", "bag", "boot", "shirt"}) {
		t.Errorf("%d images of %q", train.Len(), train.Classes)
	}
	splits, err := Load(t.Context(), Options{Path: dir}, dataset.All)
	if err != nil {
		t.Fatal(err)
	}
	if all := splits.All; all.Len() != 4 || all.Image(3)[0] != 120 || !slices.Equal(all.Labels, []int32{2, 0, 1, 2}) {
		t.Errorf("all is %+v", all)
	}
	_, _, err = loadBoth(t, dir, dataset.Limits{Train: 4})
	datatest.CheckFault(t, err, dataset.NoRecord, `read "`+filepath.Join(dir, trainImages), "4 train images wanted, 3 available; use --set data.train=3, or 0 for all")
}

// TestLoadRefuses checks that errors name the file and the number.
func TestLoadRefuses(t *testing.T) {
	bomb := zip(t, encode(magicImages, []uint32{3, 60000, 60000}, make([]byte, 1<<20)))
	for name, c := range map[string]struct {
		file string
		data []byte
		want string
	}{
		"empty":          {trainImages, nil, "read header of 16 bytes: it ends after 0"},
		"cut header":     {trainLabels, []byte{0, 0, 8}, "read header of 8 bytes: it ends after 3"},
		"labels as both": {trainImages, tinyFiles()[trainLabels], "read header of 16 bytes: it ends after 11"},
		"floats":         {trainImages, encode(0x0D03, []uint32{3, 2, 3}, make([]byte, 72)), "magic number is 0x00000d03, not 0x00000803: it is not an IDX file of unsigned bytes in 3 dimensions"},
		"cut":            {trainImages, encode(magicImages, []uint32{3, 2, 3}, make([]byte, 17)), "its header says 18 bytes of data: it ends after 17"},
		"too long":       {trainImages, encode(magicImages, []uint32{3, 2, 3}, make([]byte, 19)), "has more than the 18 bytes of data that its header says"},
		"other number":   {trainImages, encode(magicImages, []uint32{4, 2, 3}, make([]byte, 24)), "has 4 images, but there are 3 labels"},
		"no rows":        {trainImages, encode(magicImages, []uint32{3, 0, 3}, nil), "images of 0x3 pixels: a side is outside 1..65535"},
		"huge side":      {trainImages, encode(magicImages, []uint32{3, 1 << 31, 1}, nil), "images of 2147483648x1 pixels: a side is outside 1..65535"},
		"huge":           {trainImages, encode(magicImages, []uint32{3, 60000, 60000}, nil), "3 images of 60000x60000 pixels are more than 2147483648 bytes"},
		"many labels":    {trainLabels, encode(magicLabels, []uint32{1<<32 - 1}, nil), "has 4294967295 images, more than 16777216"},
		"promised":       {trainLabels, encode(magicLabels, []uint32{1 << 24}, []byte{1}), "its header says 16777216 bytes of data: it ends after 1"},
		"no labels":      {testLabels, encode(magicLabels, []uint32{0}, nil), "has no labels"},
		"not gzipped":    {trainImages + ".gz", tinyFiles()[trainImages], "unzip: gzip: invalid header"},
		"cut gzip":       {trainImages + ".gz", zip(t, tinyFiles()[trainImages])[:30], "its header says 18 bytes of data: it ends after 9"},
		"bomb":           {trainImages + ".gz", bomb, "3 images of 60000x60000 pixels are more than 2147483648 bytes"},
		"other size":     {testImages, encode(magicImages, []uint32{1, 3, 2}, make([]byte, 6)), "images of 3x2 pixels, and of 2x3 in "},
		"few names":      {ClassesFile, []byte("a\nb\n"), "2 class names, but the labels need 3"},
	} {
		files := tinyFiles()
		delete(files, strings.TrimSuffix(c.file, ".gz"))
		files[c.file] = c.data
		dir := datatest.WriteFiles(t, files)
		_, err := Load(t.Context(), Options{Path: dir}, dataset.All)
		var fault *dataset.Error
		if !errors.As(err, &fault) || fault.Path != filepath.Join(dir, c.file) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want %q of %s", name, err, c.want, c.file)
		}
	}
}

// TestFindRefuses checks that errors say what a folder lacks.
func TestFindRefuses(t *testing.T) {
	files := tinyFiles()
	delete(files, testLabels)
	two := tinyFiles()
	two["letters-"+trainImages] = nil
	for want, path := range map[string]string{
		`has no t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz; use --set data.path=DIR`: datatest.WriteFiles(t, files),
		"has no files of IDX images":                t.TempDir(),
		"no such file or directory":                 filepath.Join(t.TempDir(), "missing"),
		"is not a folder":                           filepath.Join(datatest.WriteFiles(t, tinyFiles()), trainImages),
		"has the files of 2 sets; name one of them": datatest.WriteFiles(t, two),
	} {
		_, _, err := loadBoth(t, path, dataset.Limits{})
		var fault *dataset.Error
		if !errors.As(err, &fault) || fault.Path != path || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q of %s", err, want, path)
		}
	}
}

// TestLoadResized checks that images are resized as predict resizes a file.
func TestLoadResized(t *testing.T) {
	dir := datatest.WriteFiles(t, tinyFiles())
	splits, err := Load(t.Context(), Options{Path: dir, Height: 5, Width: 4}, dataset.Train)
	if err != nil {
		t.Fatal(err)
	}
	set := splits.Train
	if set.Height != 5 || set.Width != 4 || set.Validate() != nil {
		t.Fatalf("%dx%d, %v", set.Height, set.Width, set.Validate())
	}
	var file bytes.Buffer
	if err := png.Encode(&file, &image.Gray{Pix: []byte{60, 70, 80, 90, 100, 110}, Stride: 3, Rect: image.Rect(0, 0, 3, 2)}); err != nil {
		t.Fatal(err)
	}
	p, err := photo.Read(bytes.NewReader(file.Bytes()), photo.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := make([]uint8, 5*4)
	dataset.GreyOf(want, p.Fill(5, 4))
	if got := set.Image(1); !slices.Equal(got, want) || slices.Max(got) == slices.Min(got) {
		t.Errorf("image 1 is %v, want %v", got, want)
	}
	if splits, err = Load(t.Context(), Options{Path: dir, Height: 3}, dataset.Train); err != nil || splits.Train.Width != 3 {
		t.Errorf("%+v, %v", splits, err)
	}
}

func TestLoadStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Load(ctx, Options{Path: datatest.WriteFiles(t, tinyFiles())}, dataset.Train); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

// TestMNIST compares the images and labels of MNIST with those that
// testdata/mnist_hashes.py read.
func TestMNIST(t *testing.T) {
	dir, err := Fetch(t.Context(), FetchOptions{})
	if err != nil {
		t.Skipf("MNIST cannot be fetched here: %v", err)
	}
	train, validation, err := loadBoth(t, dir, dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		set            *dataset.Set
		images         int
		pixels, labels string
	}{
		{train, 60000, "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757", "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13"},
		{validation, 10000, "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161", "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5"},
	} {
		labels := make([]byte, c.set.Len())
		for i := range labels {
			labels[i] = byte(c.set.Label(i))
		}
		if c.set.Len() != c.images || c.set.Height != 28 || c.set.Width != 28 || len(c.set.Classes) != 10 {
			t.Errorf("%d images of %dx%d pixels in %d classes", c.set.Len(), c.set.Height, c.set.Width, len(c.set.Classes))
		}
		if sum(c.set.Pixels) != c.pixels || sum(labels) != c.labels {
			t.Errorf("SHA-256 of pixels is %s, of labels %s", sum(c.set.Pixels), sum(labels))
		}
	}
}

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

// FuzzDecode checks that any bytes give the images that their header promises, or an error.
func FuzzDecode(f *testing.F) {
	for _, data := range tinyFiles() {
		f.Add(data, uint16(3))
		f.Add(zip(f, data), uint16(1))
	}
	f.Add(encode(magicImages, []uint32{1 << 24, 65535, 65535}, nil), uint16(9))
	f.Fuzz(func(t *testing.T, data []byte, n uint16) {
		if labels, err := decodeLabels(bytes.NewReader(data)); err == nil && len(labels) != len(data)-8 {
			t.Fatalf("%d labels of %d bytes", len(labels), len(data))
		}
		read, err := decodeImages(bytes.NewReader(data), int(n), int(n))
		if err == nil && (len(read.pixels) != int(n)*read.height*read.width || len(read.pixels) != len(data)-16) {
			t.Fatalf("%d bytes of %d images of %dx%d out of %d", len(read.pixels), n, read.height, read.width, len(data))
		}
		if z, err := gzip.NewReader(bytes.NewReader(data)); err == nil {
			_, _ = decodeImages(io.LimitReader(z, 1<<20), int(n), int(n)) // must not panic
		}
	})
}

// BenchmarkLoad reads the first thousand images of MNIST, as each run of the quickstart
// does.
func BenchmarkLoad(b *testing.B) {
	dir, err := Fetch(b.Context(), FetchOptions{})
	if err != nil {
		b.Skip(err)
	}
	for b.Loop() {
		if _, err := Load(b.Context(), Options{Path: dir, Limits: dataset.Limits{Train: 1000, Validation: 1000}}, dataset.Train, dataset.Validation); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := os.Stat(dir); err != nil {
		b.Fatal(err)
	}
}
