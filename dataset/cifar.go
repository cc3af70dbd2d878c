package dataset

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"onnxlab/internal/durable"
)

// Every image of the CIFAR sets is 32x32 pixels.
const (
	cifarSide  = 32
	cifarPlane = cifarSide * cifarSide
	cifarImage = channels * cifarPlane
)

// mostRecords bounds what one file takes of the memory to 3.2 GB. The sets have
// 10,000 or 50,000 records in a file; one of terabytes of zeros, which are
// images of label 0, may take no room on the disk.
const mostRecords = 1 << 20

// cifarForm describes a set in CIFAR's binary form: files of records, each of
// some label bytes and then the red, the green and the blue plane of an image,
// row by row (Krizhevsky 2009; cs.toronto.edu/~kriz/cifar.html, "Binary
// version").
type cifarForm struct {
	name string
	// folder is what the files are unpacked to; they are found in the path
	// itself or in this folder below it.
	folder string
	// labels are the highest values of a record's label bytes, plus one; the
	// last label byte is the one that counts.
	labels []int
	// train and validation are the files of the splits.
	train, validation []string
	// meta is the file of class names.
	meta string
	// classes are used when there is no such file.
	classes []string
	// fix is how to get the files.
	fix string
}

func cifar10Form() cifarForm {
	return cifarForm{
		name:       SourceCIFAR10,
		folder:     "cifar-10-batches-bin",
		labels:     []int{10},
		train:      []string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
		validation: []string{"test_batch.bin"},
		meta:       "batches.meta.txt",
		classes:    []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"},
		fix:        "get the files with 'pipeline data fetch --out DIR', then use --set data.path=DIR",
	}
}

func cifar100Form() cifarForm {
	classes := make([]string, 100)
	for i := range classes {
		classes[i] = fmt.Sprintf("class %d", i)
	}
	return cifarForm{
		name:       SourceCIFAR100,
		folder:     "cifar-100-binary",
		labels:     []int{20, 100},
		train:      []string{"train.bin"},
		validation: []string{"test.bin"},
		meta:       "fine_label_names.txt",
		classes:    classes,
		fix:        "unpack cifar-100-binary.tar.gz in DIR, then use --set data.path=DIR",
	}
}

// recordSize is the number of bytes of one record.
func (f cifarForm) recordSize() int { return len(f.labels) + cifarImage }

// cifarFile is one file of a split and how many records it has.
type cifarFile struct {
	path    string
	records int
}

func loadCIFAR(ctx context.Context, form cifarForm, opts Options) (train, validation *Set, err error) {
	dir, err := form.locate(opts.Path)
	if err != nil {
		return nil, nil, err
	}
	classes, err := form.readClasses(dir)
	if err != nil {
		return nil, nil, err
	}
	if err := form.checkNotSwapped(dir); err != nil {
		return nil, nil, err
	}
	train, err = form.readSplit(ctx, dir, classes, split{"train", form.train, opts.Train})
	if err != nil {
		return nil, nil, err
	}
	validation, err = form.readSplit(ctx, dir, classes, split{"validation", form.validation, opts.Validation})
	if err != nil {
		return nil, nil, err
	}
	return train, validation, nil
}

// locate finds the folder with the files at path or below it.
func (f cifarForm) locate(path string) (string, error) {
	if path == "" {
		return "", &Error{Record: NoRecord, Err: fmt.Errorf("no path is set for the files of %s", f.name), Fix: f.fix}
	}
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = errors.New("is not a folder")
	}
	if err != nil {
		return "", &Error{Path: path, Record: NoRecord, Err: plainCause(err), Fix: f.fix}
	}
	below := filepath.Join(path, f.folder)
	if info, err := os.Stat(below); err == nil && info.IsDir() && !exists(filepath.Join(path, f.train[0])) {
		return below, nil
	}
	return path, nil
}

// checkNotSwapped refuses splits of one file each of which that for training is
// the smaller one. Nothing in the files says which they are.
func (f cifarForm) checkNotSwapped(dir string) error {
	if len(f.train) != 1 || len(f.validation) != 1 {
		return nil
	}
	train, trainErr := f.countRecords(filepath.Join(dir, f.train[0]))
	validation, validationErr := f.countRecords(filepath.Join(dir, f.validation[0]))
	if err := errors.Join(trainErr, validationErr); err != nil || train >= validation {
		return err
	}
	return &Error{
		Path: dir, Record: NoRecord,
		Err: fmt.Errorf("%s has %d images and %s %d: they seem to be swapped", f.train[0], train, f.validation[0], validation),
		Fix: "exchange their names",
	}
}

// split is the files of the training or the validation images, and how many
// of the images are wanted; 0 for all.
type split struct {
	name  string
	files []string
	limit int
}

// readSplit reads the first images of a split.
func (f cifarForm) readSplit(ctx context.Context, dir string, classes []string, s split) (*Set, error) {
	files := make([]cifarFile, len(s.files))
	total := 0
	for i, name := range s.files {
		path := filepath.Join(dir, name)
		records, err := f.countRecords(path)
		if err != nil {
			return nil, err
		}
		files[i] = cifarFile{path, records}
		total += records
	}
	if err := checkCount(dir, s.name, s.limit, total); err != nil {
		return nil, err
	}
	if s.limit > 0 {
		total = s.limit
	}
	set := newSet(f.name, classes, cifarSide, cifarSide, total)
	for at, i := 0, 0; at < total; i++ {
		n := min(files[i].records, total-at)
		if err := f.readFile(ctx, files[i].path, set, at, n); err != nil {
			return nil, err
		}
		at += n
	}
	return set, nil
}

// countRecords checks that path is a file of whole records and counts them.
func (f cifarForm) countRecords(path string) (int, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, &Error{Path: path, Record: NoRecord, Err: plainCause(err), Fix: f.fix}
	}
	if !info.Mode().IsRegular() {
		return 0, fileError(path, fmt.Errorf("is a %s, not a file", kindOf(info.Mode())))
	}
	size, record := info.Size(), int64(f.recordSize())
	switch {
	case size == 0:
		return 0, fileError(path, errors.New("is empty"))
	case size%record != 0:
		return 0, fileError(path, fmt.Errorf("size of %d bytes is not a multiple of the record size %d: %d whole records and %d bytes left over",
			size, record, size/record, size%record))
	case size/record > mostRecords:
		return 0, fileError(path, fmt.Errorf("has %d records, more than %d", size/record, mostRecords))
	}
	return int(size / record), nil
}

// readFile reads the first n records of the file at path into the set, from
// its image number at on, on all cores.
func (f cifarForm) readFile(ctx context.Context, path string, set *Set, at, n int) error {
	file, err := os.Open(path)
	if err != nil {
		return fileError(path, plainCause(err))
	}
	defer file.Close()
	const chunk = 500
	size := int64(f.recordSize())
	return inChunks(0, n, chunk, func(from, to int) error {
		section := io.NewSectionReader(file, int64(from)*size, int64(to-from)*size)
		err := f.readRecords(ctx, bufio.NewReaderSize(section, 1<<16), set, at+from, to-from)
		var fault *Error
		if errors.As(err, &fault) {
			fault.Path = path
			fault.Record += from
		}
		return err
	})
}

// readRecords reads n records from r into the set, from its image number at
// on. The errors about the data lack the path, and count from r's first record.
func (f cifarForm) readRecords(ctx context.Context, r io.Reader, set *Set, at, n int) error {
	record := make([]byte, f.recordSize())
	for i := range n {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := io.ReadFull(r, record); err != nil {
			return &Error{Record: i, Err: fmt.Errorf("read %d bytes: %w", len(record), err)}
		}
		label, err := f.label(record)
		if err != nil {
			return &Error{Record: i, Err: err}
		}
		set.Labels[at+i] = label
		interleave(set.Image(at+i), record[len(f.labels):])
	}
	return nil
}

// label is the label of a record.
func (f cifarForm) label(record []byte) (int32, error) {
	for i, classes := range f.labels {
		if value := int(record[i]); value >= classes {
			return 0, fmt.Errorf("label %d is outside 0..%d", value, classes-1)
		}
	}
	return int32(record[len(f.labels)-1]), nil
}

// interleave turns three planes into pixels of three channels.
func interleave(pixels, planes []byte) {
	red, green, blue := planes[:cifarPlane], planes[cifarPlane:2*cifarPlane], planes[2*cifarPlane:3*cifarPlane]
	for i := range cifarPlane {
		pixels[channels*i] = red[i]
		pixels[channels*i+1] = green[i]
		pixels[channels*i+2] = blue[i]
	}
}

// readClasses reads the class names, one a line, or takes the form's own.
func (f cifarForm) readClasses(dir string) ([]string, error) {
	const limit = 1 << 16
	path := filepath.Join(dir, f.meta)
	file, err := durable.OpenPlain(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f.classes, nil
	}
	if err != nil {
		return nil, fileError(path, plainCause(err))
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, limit))
	if err != nil {
		return nil, fileError(path, plainCause(err))
	}
	var classes []string
	for line := range bytes.Lines(text) {
		if name := strings.TrimSpace(string(line)); name != "" {
			classes = append(classes, name)
		}
	}
	if len(classes) != len(f.classes) {
		return nil, fileError(path, fmt.Errorf("%d class names, not %d", len(classes), len(f.classes)))
	}
	return classes, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
