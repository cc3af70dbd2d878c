// Package cifar reads CIFAR-10 and CIFAR-100 in their binary version, writes other sets in the
// layout of CIFAR-10, and fetches CIFAR-10:
//
//	dir, err := cifar.Fetch(ctx, cifar.FetchOptions{Dir: "data"})
//	splits, err := cifar.CIFAR10().Load(ctx, dir, dataset.Limits{}, dataset.Train, dataset.Validation)
//
// The test images of both sets are used for validation, as in most of the literature. Files
// may be hostile: the memory that a file takes is bounded by its size.
package cifar

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
	"slices"
	"strings"

	"onnxlab/dataset"
	"onnxlab/internal/durable"
	"onnxlab/internal/parallel"
)

// Every image of the CIFAR sets is 32x32 pixels.
const (
	side       = 32
	channels   = 3
	planeBytes = side * side
	imageBytes = channels * planeBytes
)

// maxRecords limits the memory that a file takes to 3.2 GB. The files of the sets have
// 10,000 or 50,000 records. A sparse file of terabytes of zeros, which are valid images
// of label 0, may take no space on the disk.
const maxRecords = 1 << 20

// Layout describes a set in the layout of CIFAR's binary version: files of records, each of
// some label bytes and then the red, the green and the blue plane of an image,
// row by row (Krizhevsky 2009; cs.toronto.edu/~kriz/cifar.html, "Binary
// version").
type Layout struct {
	name string
	// folder is the folder in the archive. The files are looked for in the given path
	// and in this folder below it.
	folder string
	// labels has the number of classes of each label byte of a record. Only the last
	// label byte is used.
	labels []int
	// train and validation are the files of the splits.
	train, validation []string
	// archive is the name of the archive of the files. pythonFolder, pythonFile and
	// pythonArchive are a folder, a file and the archive of the set's version for Python.
	archive                                 string
	pythonFolder, pythonFile, pythonArchive string
	// meta is the file of class names.
	meta string
	// classes are the class names if there is no such file.
	classes []string
	// fix tells the user how to get the files.
	fix string
}

// CIFAR10 describes CIFAR-10: 50,000 training images and 10,000 others in ten classes.
func CIFAR10() Layout {
	return Layout{
		name:       "cifar10",
		folder:     "cifar-10-batches-bin",
		labels:     []int{10},
		train:      []string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
		validation: []string{"test_batch.bin"},
		meta:       "batches.meta.txt",
		archive:    "cifar-10-binary.tar.gz",

		pythonFolder: "cifar-10-batches-py", pythonFile: "data_batch_1", pythonArchive: "cifar-10-python.tar.gz",

		classes: []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"},
		fix:     "get the files with 'pipeline data fetch --out DIR', then use --set data.path=DIR",
	}
}

// CIFAR100 describes CIFAR-100 with its 100 fine classes.
func CIFAR100() Layout {
	classes := make([]string, 100)
	for i := range classes {
		classes[i] = fmt.Sprintf("class %d", i)
	}
	return Layout{
		name:       "cifar100",
		folder:     "cifar-100-binary",
		labels:     []int{20, 100},
		train:      []string{"train.bin"},
		validation: []string{"test.bin"},
		meta:       "fine_label_names.txt",
		archive:    "cifar-100-binary.tar.gz",

		pythonFolder: "cifar-100-python", pythonFile: "train", pythonArchive: "cifar-100-python.tar.gz",

		classes: classes,
		fix:     "unpack cifar-100-binary.tar.gz in DIR, then use --set data.path=DIR",
	}
}

// recordSize returns the number of bytes in a record.
func (l Layout) recordSize() int { return len(l.labels) + imageBytes }

// recordFile is one file of a split and the number of its records.
type recordFile struct {
	path    string
	records int
}

// As returns the layout under another name and with other classes. fix tells the user how to get
// the files.
func (l Layout) As(name string, classes []string, fix string) Layout {
	l.name, l.classes, l.fix = name, classes, fix
	return l
}

// Load reads splits (train, validation or all) from the files in the folder at path, or in the
// layout's own folder below it. If files are missing or wrong, the error is a [*dataset.Error].
func (l Layout) Load(ctx context.Context, path string, limits dataset.Limits, splits ...dataset.Split) (*dataset.Splits, error) {
	dir, err := l.locate(path)
	if err != nil {
		return nil, err
	}
	classes, err := l.readClasses(dir)
	if err != nil {
		return nil, err
	}
	if err := l.checkNotSwapped(dir); err != nil {
		return nil, err
	}
	loaded := &dataset.Splits{}
	for _, split := range splits {
		if split == dataset.Test {
			continue // the set has no test images besides those for validation
		}
		set, err := l.readSplit(ctx, dir, classes, split, limits)
		if err != nil {
			return nil, err
		}
		loaded.Put(split, set)
	}
	return loaded, nil
}

// files returns the names of the files of a split.
func (l Layout) files(split dataset.Split) []string {
	switch split {
	case dataset.Train:
		return l.train
	case dataset.All:
		return slices.Concat(l.train, l.validation)
	}
	return l.validation
}

// locate finds the folder with the files at path or below it.
func (l Layout) locate(path string) (string, error) {
	if path == "" {
		return "", &dataset.Error{Record: dataset.NoRecord, Err: fmt.Errorf("no path is set for the files of %s", l.name), Fix: l.fix}
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.IsDir() && isArchive(path):
		err = errors.New("is an archive: unpack it with 'tar xzf', and use the folder that comes out")
	case err == nil && !info.IsDir():
		err = errors.New("is not a folder")
	}
	if err != nil {
		return "", &dataset.Error{Path: path, Record: dataset.NoRecord, Err: dataset.Cause(err), Fix: l.fix}
	}
	if exists(filepath.Join(path, l.train[0])) {
		return path, nil
	}
	below := filepath.Join(path, l.folder)
	if info, err := os.Stat(below); err == nil && info.IsDir() {
		return below, nil
	}
	return path, l.explainOtherVersion(path)
}

func isArchive(path string) bool {
	return strings.HasSuffix(path, ".tar.gz") || strings.HasSuffix(path, ".tgz") || strings.HasSuffix(path, ".tar")
}

// explainOtherVersion returns an error if the folder contains the set in another version, which cannot be
// read but is often confused with the right one: the version for Python, or an archive.
func (l Layout) explainOtherVersion(path string) error {
	fault := func(path, problem string) error {
		return &dataset.Error{Path: path, Record: dataset.NoRecord, Err: errors.New(problem), Fix: l.fix}
	}
	other := "is the Python version of the set, which is not supported: use the binary one, " + l.archive
	for _, name := range []string{l.pythonFile, filepath.Join(l.pythonFolder, l.pythonFile), l.pythonArchive} {
		if name := filepath.Join(path, name); exists(name) {
			return fault(name, other)
		}
	}
	if name := filepath.Join(path, l.archive); exists(name) {
		return fault(name, "is an archive: unpack it with 'tar xzf'")
	}
	return nil
}

// checkNotSwapped refuses a set with one file for each split if the training file is the
// smaller one. Nothing else in the files shows which split they are.
func (l Layout) checkNotSwapped(dir string) error {
	if len(l.train) != 1 || len(l.validation) != 1 {
		return nil
	}
	train, trainErr := l.countRecords(filepath.Join(dir, l.train[0]))
	validation, validationErr := l.countRecords(filepath.Join(dir, l.validation[0]))
	if err := errors.Join(trainErr, validationErr); err != nil || train >= validation {
		return err
	}
	return &dataset.Error{
		Path: dir, Record: dataset.NoRecord,
		Err: fmt.Errorf("%s has %d images and %s %d: they seem to be swapped", l.train[0], train, l.validation[0], validation),
		Fix: "exchange their names",
	}
}

// readSplit reads the first images of a split.
func (l Layout) readSplit(ctx context.Context, dir string, classes []string, split dataset.Split, limits dataset.Limits) (*dataset.Set, error) {
	names := l.files(split)
	files := make([]recordFile, len(names))
	available := 0
	for i, name := range names {
		path := filepath.Join(dir, name)
		records, err := l.countRecords(path)
		if err != nil {
			return nil, err
		}
		files[i] = recordFile{path, records}
		available += records
	}
	total, err := limits.Count(dir, split, available)
	if err != nil {
		return nil, err
	}
	set := l.newSet(classes, total)
	for at, i := 0, 0; at < total; i++ {
		n := min(files[i].records, total-at)
		if err := l.readFile(ctx, files[i].path, set, at, n); err != nil {
			return nil, err
		}
		at += n
	}
	return set, nil
}

// newSet returns a set of n black images of class 0.
func (l Layout) newSet(classes []string, n int) *dataset.Set {
	return &dataset.Set{
		Name: l.name, Classes: classes, Height: side, Width: side,
		Pixels: make([]uint8, n*imageBytes), Labels: make([]int32, n),
	}
}

// countRecords checks that path is a file of whole records and counts them.
func (l Layout) countRecords(path string) (int, error) {
	file, err := durable.OpenPlain(path)
	if err != nil {
		fault := dataset.FileError(path, err)
		if errors.Is(err, fs.ErrNotExist) {
			fault.Fix = l.fix
		}
		return 0, fault
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, dataset.FileError(path, err)
	}
	size, record := info.Size(), int64(l.recordSize())
	switch {
	case size == 0:
		return 0, dataset.FileError(path, errors.New("is empty"))
	case size%record != 0:
		return 0, dataset.FileError(path, fmt.Errorf("size of %d bytes is not a multiple of the record size %d: %d whole records and %d bytes left over",
			size, record, size/record, size%record))
	case size/record > maxRecords:
		return 0, dataset.FileError(path, fmt.Errorf("has %d records, more than %d", size/record, maxRecords))
	}
	return int(size / record), nil
}

// readFile reads the first n records of the file at path into the images of the set that begin
// at index at, on all cores.
func (l Layout) readFile(ctx context.Context, path string, set *dataset.Set, at, n int) error {
	file, err := os.Open(path)
	if err != nil {
		return dataset.FileError(path, err)
	}
	defer file.Close()
	const chunk = 500
	size := int64(l.recordSize())
	return parallel.Chunks(0, n, chunk, func(from, to int) error {
		section := io.NewSectionReader(file, int64(from)*size, int64(to-from)*size)
		err := l.readRecords(ctx, bufio.NewReaderSize(section, 1<<16), set, at+from, to-from)
		var fault *dataset.Error
		if errors.As(err, &fault) {
			fault.Path = path
			fault.Record += from
		}
		return err
	})
}

// readRecords reads n records from r into the images of the set that begin at index at. Its
// errors have no path, and count records from the first one of r.
func (l Layout) readRecords(ctx context.Context, r io.Reader, set *dataset.Set, at, n int) error {
	record := make([]byte, l.recordSize())
	for i := range n {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := io.ReadFull(r, record); err != nil {
			return &dataset.Error{Record: i, Err: fmt.Errorf("read %d bytes: %w", len(record), err)}
		}
		label, err := l.label(record)
		if err != nil {
			return &dataset.Error{Record: i, Err: err}
		}
		set.Labels[at+i] = label
		interleave(set.Image(at+i), record[len(l.labels):])
	}
	return nil
}

// label returns the label of a record.
func (l Layout) label(record []byte) (int32, error) {
	for i, classes := range l.labels {
		if value := int(record[i]); value >= classes {
			return 0, fmt.Errorf("label %d is outside 0..%d", value, classes-1)
		}
	}
	return int32(record[len(l.labels)-1]), nil
}

// interleave turns three planes into pixels of three channels.
func interleave(pixels, planes []byte) {
	red, green, blue := planes[:planeBytes], planes[planeBytes:2*planeBytes], planes[2*planeBytes:3*planeBytes]
	for i := range planeBytes {
		pixels[channels*i] = red[i]
		pixels[channels*i+1] = green[i]
		pixels[channels*i+2] = blue[i]
	}
}

// readClasses reads the class names, one on each line. If there is no such file, it returns the
// layout's own names.
func (l Layout) readClasses(dir string) ([]string, error) {
	const limit = 1 << 16
	path := filepath.Join(dir, l.meta)
	file, err := durable.OpenPlain(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l.classes, nil
	}
	if err != nil {
		return nil, dataset.FileError(path, err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, limit))
	if err != nil {
		return nil, dataset.FileError(path, err)
	}
	var classes []string
	for line := range bytes.Lines(text) {
		if name := strings.TrimSpace(string(line)); name != "" {
			classes = append(classes, name)
		}
	}
	if len(classes) != len(l.classes) {
		return nil, dataset.FileError(path, fmt.Errorf("%d class names, not %d", len(classes), len(l.classes)))
	}
	return classes, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
