package cifar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onnxlab/dataset"
	"onnxlab/dataset/internal/datatest"
)

// cifarFiles returns files in CIFAR-10's layout with n records each. Record i has label i%10,
// and all pixels of a file have one value.
func cifarFiles(n int) map[string][]byte {
	files := map[string][]byte{}
	for k, name := range append(CIFAR10().train, CIFAR10().validation...) {
		for i := range n {
			files[name] = append(files[name], byte(i%10))
			files[name] = append(files[name], bytes.Repeat([]byte{byte(10*k + i)}, imageBytes)...)
		}
	}
	return files
}

// load loads both splits.
func load(t *testing.T, layout Layout, path string, limits dataset.Limits) (train, validation *dataset.Set, err error) {
	t.Helper()
	splits, err := layout.Load(t.Context(), path, limits, dataset.Train, dataset.Validation, dataset.Test)
	if err != nil {
		return nil, nil, err
	}
	if splits.Test != nil {
		t.Error("there are test images")
	}
	return splits.Train, splits.Validation, nil
}

// noise returns n images with random pixels and classes.
func noise(n int) *dataset.Set {
	layout, r := CIFAR10(), rand.New(rand.NewPCG(1, uint64(n)))
	set := layout.newSet(layout.classes, n)
	for i := range set.Pixels {
		set.Pixels[i] = uint8(r.Uint32())
	}
	for i := range set.Labels {
		set.Labels[i] = int32(r.IntN(10))
	}
	return set
}

// TestCIFAR10Orientation checks that a known byte of a file ends up at its row, column and
// channel.
func TestCIFAR10Orientation(t *testing.T) {
	const record, row, column, green = 2, 5, 7, 1
	files := cifarFiles(3)
	at := record*3073 + 1 + green*1024 + row*32 + column
	files["data_batch_2.bin"][at] = 200
	dir := datatest.WriteFiles(t, files)
	train, _, err := load(t, CIFAR10(), dir, dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	image := train.Image(3 + record)
	for i, value := range image {
		want := byte(10 + record)
		if i == (row*32+column)*3+green {
			want = 200
		}
		if value != want {
			t.Fatalf("row %d, column %d, channel %d is %d, want %d", i/96, i/3%32, i%3, value, want)
		}
	}
	if got := train.Label(3 + record); got != record {
		t.Errorf("label is %d, want %d", got, record)
	}
}

func TestLoadCIFAR10(t *testing.T) {
	files := cifarFiles(4)
	files["batches.meta.txt"] = []byte("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n")
	below := map[string][]byte{}
	for name, data := range files {
		below["cifar-10-batches-bin/"+name] = data
	}
	for _, dir := range []string{datatest.WriteFiles(t, files), datatest.WriteFiles(t, below)} {
		train, validation, err := load(t, CIFAR10(), dir, dataset.Limits{Train: 6})
		if err != nil {
			t.Fatal(err)
		}
		if train.Len() != 6 || validation.Len() != 4 || train.Name != "cifar10" {
			t.Errorf("%s has %d and %d images, want cifar10 with 6 and 4", train.Name, train.Len(), validation.Len())
		}
		if want := []int32{0, 1, 2, 3, 0, 1}; !slices.Equal(train.Labels, want) {
			t.Errorf("labels %v, want %v", train.Labels, want)
		}
		if got := train.Image(5)[0]; got != 11 {
			t.Errorf("second image of the second file has value %d, want 11", got)
		}
		if got := strings.Join(train.Classes, ""); got != "abcdefghij" {
			t.Errorf("classes %q, want those of batches.meta.txt", got)
		}
	}
}

func TestLoadCIFAR100TakesFineLabels(t *testing.T) {
	record := append([]byte{19, 99}, make([]byte, imageBytes)...)
	record[2] = 77
	dir := datatest.WriteFiles(t, map[string][]byte{"train.bin": slices.Concat(record, record), "test.bin": record})
	train, validation, err := load(t, CIFAR100(), dir, dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if train.Len() != 2 || validation.Len() != 1 || train.Label(1) != 99 || len(train.Classes) != 100 {
		t.Errorf("%d and %d images, label %d of %d classes", train.Len(), validation.Len(), train.Label(1), len(train.Classes))
	}
	if train.Pixels[0] != 77 {
		t.Errorf("first pixel %d, want 77", train.Pixels[0])
	}
}

// TestCIFARFaults breaks one file at a time, and checks that the error names the file, the
// record and the value.
func TestCIFARFaults(t *testing.T) {
	const file = "data_batch_3.bin"
	tests := []struct {
		name   string
		damage func(files map[string][]byte)
		record int
		want   string
	}{
		{
			"short by one byte", func(f map[string][]byte) { f[file] = f[file][:len(f[file])-1] }, dataset.NoRecord,
			"size of 9218 bytes is not a multiple of the record size 3073: 2 whole records and 3072 bytes left over",
		},
		{"one byte too long", func(f map[string][]byte) { f[file] = append(f[file], 0) }, dataset.NoRecord, "3 whole records and 1 bytes left over"},
		{"empty", func(f map[string][]byte) { f[file] = nil }, dataset.NoRecord, "is empty"},
		{"missing", func(f map[string][]byte) { delete(f, file) }, dataset.NoRecord, "no such file or directory; get the files with 'pipeline data fetch --out DIR', then use --set data.path=DIR"},
		{"folder", func(f map[string][]byte) { delete(f, file); f[file+"/x"] = nil }, dataset.NoRecord, "is a directory, not a file"},
		{"label 10", func(f map[string][]byte) { f[file][2*3073] = 10 }, 2, "record 2: label 10 is outside 0..9"},
		{"label 255", func(f map[string][]byte) { f[file][0] = 255 }, 0, "record 0: label 255 is outside 0..9"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files := cifarFiles(3)
			test.damage(files)
			dir := datatest.WriteFiles(t, files)
			train, _, err := load(t, CIFAR10(), dir, dataset.Limits{})
			want := fmt.Sprintf("read %q: ", filepath.Join(dir, file))
			datatest.CheckFault(t, err, test.record, want, test.want)
			if train != nil {
				t.Error("a set came with the error")
			}
		})
	}
}

// TestCIFARWithoutEnd reads a sparse file of 4 TB.
func TestCIFARWithoutEnd(t *testing.T) {
	dir := datatest.WriteFiles(t, cifarFiles(1))
	file := filepath.Join(dir, "data_batch_3.bin")
	if err := os.Truncate(file, 1<<30*3073); err != nil {
		t.Fatal(err)
	}
	_, _, err := load(t, CIFAR10(), dir, dataset.Limits{})
	datatest.CheckFault(t, err, dataset.NoRecord, fmt.Sprintf("read %q: ", file), "has 1073741824 records, more than 1048576")
}

func TestCIFAR100Faults(t *testing.T) {
	record := make([]byte, 3074)
	for _, test := range []struct {
		coarse, fine byte
		want         string
	}{{20, 0, "record 0: label 20 is outside 0..19"}, {0, 100, "record 0: label 100 is outside 0..99"}} {
		bad := slices.Clone(record)
		bad[0], bad[1] = test.coarse, test.fine
		dir := datatest.WriteFiles(t, map[string][]byte{"train.bin": record, "test.bin": bad})
		_, _, err := load(t, CIFAR100(), dir, dataset.Limits{})
		datatest.CheckFault(t, err, 0, "read", test.want)
	}
}

func TestCIFAR100Swapped(t *testing.T) {
	record := make([]byte, 3074)
	dir := datatest.WriteFiles(t, map[string][]byte{"train.bin": record, "test.bin": slices.Concat(record, record)})
	_, _, err := load(t, CIFAR100(), dir, dataset.Limits{})
	datatest.CheckFault(t, err, dataset.NoRecord, "read", "train.bin has 1 images and test.bin 2: they seem to be swapped; exchange their names")
}

func TestCIFARPathFaults(t *testing.T) {
	dir := datatest.WriteFiles(t, map[string][]byte{"file": nil})
	const fix = "; get the files with 'pipeline data fetch --out DIR', then use --set data.path=DIR"
	for _, test := range []struct{ path, start, end string }{
		{"", "no path is set for the files of cifar10", fix},
		{filepath.Join(dir, "absent"), "read ", "no such file or directory" + fix},
		{filepath.Join(dir, "file"), "read ", "is not a folder" + fix},
	} {
		_, _, err := load(t, CIFAR10(), test.path, dataset.Limits{})
		datatest.CheckFault(t, err, dataset.NoRecord, test.start, test.end)
	}
}

// TestOtherForms checks the errors for files that people confuse with the right ones.
func TestOtherForms(t *testing.T) {
	const binary = "which is not supported: use the binary one, cifar-10-binary.tar.gz; get the files with"
	for _, test := range []struct {
		layout     Layout
		name, want string
	}{
		{CIFAR10(), "data_batch_1", "/data_batch_1\": is the Python version of the set, " + binary},
		{CIFAR10(), "cifar-10-batches-py/data_batch_1", "/cifar-10-batches-py/data_batch_1\": is the Python version of the set, " + binary},
		{CIFAR10(), "cifar-10-python.tar.gz", "/cifar-10-python.tar.gz\": is the Python version of the set, " + binary},
		{CIFAR10(), "cifar-10-binary.tar.gz", "/cifar-10-binary.tar.gz\": is an archive: unpack it with 'tar xzf'"},
		{CIFAR100(), "cifar-100-python/train", "train\": is the Python version of the set, which is not supported: use the binary one, cifar-100-binary.tar.gz; unpack"},
		{CIFAR100(), "train", "train\": is the Python version of the set"},
		{CIFAR100(), "other", "train.bin\": no such file or directory; unpack"},
	} {
		_, _, err := load(t, test.layout, datatest.WriteFiles(t, map[string][]byte{test.name: []byte("x")}), dataset.Limits{})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error is %v, want %q", test.name, err, test.want)
		}
	}
	dir := datatest.WriteFiles(t, map[string][]byte{"cifar-10-binary.tar.gz": nil})
	_, _, err := load(t, CIFAR10(), filepath.Join(dir, "cifar-10-binary.tar.gz"), dataset.Limits{})
	if err == nil || !strings.Contains(err.Error(), "is an archive: unpack it with 'tar xzf', and use the folder that comes out") {
		t.Errorf("error is %v", err)
	}
	// Other files beside the right ones do no harm.
	files := cifarFiles(1)
	files["cifar-10-python.tar.gz"], files["data_batch_1"] = nil, nil
	if _, _, err := load(t, CIFAR10(), datatest.WriteFiles(t, files), dataset.Limits{}); err != nil {
		t.Error(err)
	}
}

func TestClassNameFaults(t *testing.T) {
	files := cifarFiles(1)
	files["batches.meta.txt"] = []byte("a\nb\n")
	_, _, err := load(t, CIFAR10(), datatest.WriteFiles(t, files), dataset.Limits{})
	datatest.CheckFault(t, err, dataset.NoRecord, "read", "2 class names, not 10")
}

func TestLoadMoreThanThereAre(t *testing.T) {
	dir := datatest.WriteFiles(t, cifarFiles(3))
	_, _, err := load(t, CIFAR10(), dir, dataset.Limits{Train: 16})
	datatest.CheckFault(t, err, dataset.NoRecord, "read", "16 train images wanted, 15 available; use --set data.train=15, or 0 for all")
	_, _, err = load(t, CIFAR10(), dir, dataset.Limits{Validation: 4})
	datatest.CheckFault(t, err, dataset.NoRecord, "read", "4 validation images wanted, 3 available; use --set data.validation=3, or 0 for all")
}

func TestLoadStopsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := CIFAR10().Load(ctx, datatest.WriteFiles(t, cifarFiles(3)), dataset.Limits{}, dataset.Train)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
}

func TestWriteThenLoad(t *testing.T) {
	train, validation := noise(13), noise(4)
	dir := filepath.Join(t.TempDir(), "new folder")
	if err := Write(dir, train, validation); err != nil {
		t.Fatal(err)
	}
	gotTrain, gotValidation, err := load(t, CIFAR10(), dir, dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if gotTrain.Hash() != train.Hash() || gotValidation.Hash() != validation.Hash() {
		t.Error("what is read differs from what was written")
	}
}

// TestWriteFails overwrites a set until a folder is in the way, and checks that a
// half-replaced set is not taken for a complete one.
func TestWriteFails(t *testing.T) {
	train, validation := noise(13), noise(4)
	files := cifarFiles(2)
	delete(files, "data_batch_4.bin")
	files["data_batch_4.bin/x"] = nil
	dir := datatest.WriteFiles(t, files)
	if err := Write(dir, train, validation); err == nil || !strings.Contains(err.Error(), "data_batch_4.bin") {
		t.Errorf("error is %v, want one about data_batch_4.bin", err)
	}
	if datatest.Exists(filepath.Join(dir, "test_batch.bin")) {
		t.Error("test_batch.bin is there")
	}
}

func TestWriteRefuses(t *testing.T) {
	few, hundred := noise(4), noise(9)
	hundred.Classes = CIFAR100().classes
	tiny := &dataset.Set{Name: "tiny", Classes: CIFAR10().classes, Height: 8, Width: 8, Pixels: make([]uint8, 9*8*8*3), Labels: make([]int32, 9)}
	for want, set := range map[string]*dataset.Set{
		"8x8, not 32x32":          tiny,
		"fewer than the 5 needed": few,
		"has 100 classes, not 10": hundred,
	} {
		dir := filepath.Join(t.TempDir(), "out")
		if err := Write(dir, set, few); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
		if datatest.Exists(dir) {
			t.Errorf("%q: a folder was created", want)
		}
	}
}

// FuzzReadRecords checks that any bytes give images with labels in range, or an error about
// a record.
func FuzzReadRecords(f *testing.F) {
	f.Add([]byte{}, uint8(1))
	f.Add(make([]byte, 3073), uint8(1))
	f.Add(bytes.Repeat([]byte{10}, 3073*2), uint8(2))
	f.Fuzz(func(t *testing.T, data []byte, n uint8) {
		for _, layout := range []Layout{CIFAR10(), CIFAR100()} {
			set := layout.newSet(layout.classes, int(n))
			err := layout.readRecords(context.Background(), bytes.NewReader(data), set, 0, int(n))
			var fault *dataset.Error
			if err != nil && (!errors.As(err, &fault) || fault.Record < 0 || fault.Record >= int(n)) {
				t.Fatalf("error is %v", err)
			}
			if err == nil && len(data) < int(n)*layout.recordSize() {
				t.Fatalf("%d records out of %d bytes", n, len(data))
			}
			for _, label := range set.Labels {
				if label < 0 || int(label) >= len(layout.classes) {
					t.Fatalf("label %d", label)
				}
			}
		}
	})
}

// TestFirstFaultIsNamed checks that, although a file is read on all cores, the error is
// about the first fault in it.
func TestFirstFaultIsNamed(t *testing.T) {
	train, validation := noise(5), noise(1600)
	dir := t.TempDir()
	if err := Write(dir, train, validation); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "test_batch.bin")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range []int{1599, 1234, 777} {
		data[record*(1+imageBytes)] = 99
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int]int{0: 777, 1000: 777, 778: 777, 777: -1} {
		_, _, err := load(t, CIFAR10(), dir, dataset.Limits{Validation: limit})
		var fault *dataset.Error
		if want < 0 && err != nil || want >= 0 && (!errors.As(err, &fault) || fault.Record != want || fault.Path != path) {
			t.Errorf("%d images: error %v, want record %d", limit, err, want)
		}
	}
}
