package shard

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"onnxlab/dataset"
	"onnxlab/internal/durable"
)

// ClassesName is the file with the names of the classes.
const ClassesName = "classes.txt"

// placed is a sample and its place.
type placed struct {
	sample
	tar   string // the path of the uncompressed tar
	file  string // the name of the sample in messages
	order uint64
}

func (p placed) label() int { return p.Class }

// listing has the contents of a folder of tars.
type listing struct {
	o       *Options
	classes []string
	files   map[dataset.Split][]placed
	notes   []string
}

// splitOf returns the split to which a tar belongs according to its path; All if the path
// does not say.
func splitOf(name string) dataset.Split {
	for part := range strings.SplitSeq(strings.ToLower(filepath.ToSlash(name)), "/") {
		switch {
		case strings.HasPrefix(part, "train"):
			return dataset.Train
		case strings.HasPrefix(part, "val"), strings.HasPrefix(part, "dev"):
			return dataset.Validation
		case strings.HasPrefix(part, "test"):
			return dataset.Test
		}
	}
	return dataset.All
}

// tars returns the tar files in the folder and in its subfolders, sorted.
func tars(root string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return dataset.FileError(path, err)
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		const deepest = 8
		switch {
		case entry.IsDir() && path != root && (strings.HasPrefix(entry.Name(), ".") || strings.Count(name, string(filepath.Separator)) >= deepest):
			return fs.SkipDir
		case entry.Type().IsRegular() && isTar(entry.Name()):
			names = append(names, name)
		}
		return nil
	})
	return names, err
}

func isTar(name string) bool {
	return !strings.HasPrefix(name, ".") && (strings.HasSuffix(name, ".tar") || isGzipped(name))
}

func isGzipped(name string) bool {
	return strings.HasSuffix(name, ".tar.gz") || strings.HasSuffix(name, ".tgz")
}

// list reads the indexes of all tars.
func list(ctx context.Context, o *Options) (*listing, error) {
	names, err := tars(o.Path)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, &dataset.Error{
			Path: o.Path, Record: dataset.NoRecord, Err: errors.New("has no tar files"),
			Fix: "use --set data.path=DIR with a folder of shards: 'pipeline data pack' makes them",
		}
	}
	l := &listing{o: o, files: map[dataset.Split][]placed{}}
	for _, name := range names {
		if err := l.add(ctx, name); err != nil {
			return nil, err
		}
	}
	return l, l.finish()
}

// add adds the samples of one tar.
func (l *listing) add(ctx context.Context, name string) error {
	path := filepath.Join(l.o.Path, name)
	if isGzipped(name) {
		var err error
		if path, err = unpacked(ctx, path); err != nil {
			return err
		}
	}
	x, err := indexOf(ctx, path)
	if err != nil {
		return err
	}
	split := splitOf(name)
	for _, s := range x.Samples {
		l.files[split] = append(l.files[split], placed{sample: s, tar: path, file: filepath.ToSlash(name) + "/" + s.Key})
	}
	return nil
}

// finish names the classes, orders the samples and divides them.
func (l *listing) finish() error {
	if err := l.nameClasses(); err != nil {
		return err
	}
	if train := l.files[dataset.Train]; train == nil {
		l.files[dataset.Train] = l.files[dataset.All]
	}
	var all []placed
	for split, files := range l.files {
		for i := range files {
			f := &files[i]
			f.order = dataset.NameHash(l.classes[f.Class] + "/" + f.file)
		}
		slices.SortFunc(files, func(a, b placed) int { return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.file, b.file)) })
		if split != dataset.All {
			all = append(all, files...)
		}
	}
	slices.SortFunc(all, func(a, b placed) int { return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.file, b.file)) })
	l.files[dataset.All] = all
	if l.files[dataset.Validation] == nil {
		l.files[dataset.Train], l.files[dataset.Validation] = dataset.HoldOut(l.files[dataset.Train], placed.label, len(l.classes), l.o.ValidationShare)
		l.notes = append(l.notes, fmt.Sprintf("%s: there are no shards of validation images: %d of %d are held out, %.0f %% of each class (data.validation_share)",
			l.o.Path, len(l.files[dataset.Validation]), len(l.files[dataset.Train])+len(l.files[dataset.Validation]), 100*l.o.ValidationShare))
	}
	return nil
}

// nameClasses reads the names of the classes, or makes them up, and sets the number of each
// sample's class.
func (l *listing) nameClasses() error {
	var err error
	if l.classes, err = readClasses(filepath.Join(l.o.Path, ClassesName)); err != nil {
		return err
	}
	named := map[string]int{}
	if l.classes == nil {
		l.classes = l.foundClasses()
	}
	for i, name := range l.classes {
		named[name] = i
	}
	for _, files := range l.files {
		for i := range files {
			f := &files[i]
			if f.Name != "" {
				class, known := named[f.Name]
				if !known {
					return l.fault(f, fmt.Errorf("class %q is not in %s", f.Name, ClassesName))
				}
				f.Class = class
			}
			if f.Class < 0 || f.Class >= len(l.classes) {
				return l.fault(f, fmt.Errorf("class %d is outside 0..%d", f.Class, len(l.classes)-1))
			}
		}
	}
	if len(l.classes) < 2 {
		return &dataset.Error{Path: l.o.Path, Record: dataset.NoRecord, Err: errors.New("the shards have images of only one class; at least 2 are needed")}
	}
	return nil
}

func (l *listing) fault(p *placed, err error) error {
	return dataset.FileError(filepath.Join(l.o.Path, filepath.FromSlash(p.file)), err)
}

// foundClasses returns the class names in the samples, sorted, or else the numbers from 0
// on.
func (l *listing) foundClasses() []string {
	names, most := map[string]bool{}, -1
	for _, files := range l.files {
		for _, f := range files {
			if f.Name != "" {
				names[f.Name] = true
			}
			most = max(most, f.Class)
		}
	}
	var classes []string
	for name := range names {
		classes = append(classes, name)
	}
	slices.Sort(classes)
	for i := len(classes); i <= most; i++ {
		classes = append(classes, strconv.Itoa(i))
	}
	return classes
}

// readClasses reads the names of the classes; nil if there is no such file.
func readClasses(path string) ([]string, error) {
	const most = 16 << 20
	data, err := durable.ReadPlain(path, most)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, dataset.FileError(path, err)
	}
	var classes []string
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		name := strings.TrimSpace(lines.Text())
		if name == "" || slices.Contains(classes, name) || len(classes) == maxClasses {
			return nil, dataset.FileError(path, fmt.Errorf("line %d: %q is empty or a repetition, or there are too many classes", len(classes)+1, name))
		}
		classes = append(classes, name)
	}
	return classes, nil
}
