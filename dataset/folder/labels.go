package folder

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"onnxlab/dataset"
)

// The allowed names of columns in a file of labels, in lower case.
var (
	fileColumns  = []string{"file", "filename", "file_name", "fname", "image", "image_name", "image index", "path", "name", "id"}
	classColumns = []string{"labels", "label", "tags", "classes", "class", "finding labels"}
	splitColumns = []string{"split", "set", "subset"}
)

// maxLabelBytes is the largest size of a file of labels, in bytes, and maxClasses the largest
// number of classes.
const (
	maxLabelBytes = 1 << 28
	maxClasses    = 100_000
)

// labels reads a file that says which classes images have.
type labels struct {
	o                    *Options
	file, classes, split int // columns; -1 if there is none
	columns              []int
	names                []string // the names of the classes
	files                []imageFile
	splits               []dataset.Split // the split of each file, if there is a column of splits
	fields               []string        // the classes of each file as text, if there is a column of classes
}

// listLabelled is list for a folder with a file of labels.
func listLabelled(o Options) (*listing, error) {
	l := &listing{o: &o, files: map[dataset.Split][]imageFile{}, layout: &layout{}}
	l.tree = newTree(l.o)
	f := &labels{o: &o}
	if err := f.read(); err != nil {
		return nil, err
	}
	l.classes = f.names
	if f.split >= 0 {
		for i, file := range f.files {
			l.files[f.splits[i]] = append(l.files[f.splits[i]], file)
		}
	}
	for split, files := range l.files {
		l.files[split] = sorted(files)
	}
	l.files[dataset.All] = sorted(f.files)
	if len(l.files[dataset.Train]) == 0 && f.split < 0 {
		l.hold()
	} else if len(l.files[dataset.Validation]) == 0 {
		l.files[dataset.Validation] = l.files[dataset.Test]
	}
	return l, nil
}

// hold holds out a share of all files for validation, at least one of two. The share is not
// taken of each class, since an image may have several classes.
func (l *listing) hold() {
	all := l.files[dataset.All]
	held := min(max(int(math.Round(l.o.ValidationShare*float64(len(all)))), 1), len(all)-1)
	l.files[dataset.Validation], l.files[dataset.Train] = all[:held:held], all[held:]
	l.divided = true
}

func sorted(files []imageFile) []imageFile {
	return slices.SortedFunc(slices.Values(files), func(a, b imageFile) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.name, b.name))
	})
}

// fault returns an error about a line of the file; 0 means the whole file.
func (f *labels) fault(line int, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if line > 0 {
		err = fmt.Errorf("line %d: %w", line, err)
	}
	return f.o.fault(f.o.Labels, err)
}

// read reads the file.
func (f *labels) read() error {
	if !validName(f.o.Labels) {
		return f.fault(0, "is not a path below the folder of images")
	}
	file, err := f.o.FS.Open(f.o.Labels)
	if err != nil {
		return f.o.fault(f.o.Labels, errors.New("the file of labels does not exist"))
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxLabelBytes+1))
	if err != nil {
		return f.o.fault(f.o.Labels, err)
	}
	if len(text) > maxLabelBytes {
		return f.fault(0, "has more than %d bytes", maxLabelBytes)
	}
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(text), "\ufeff")))
	header, err := r.Read()
	if err != nil {
		return f.fault(0, "is not a CSV file with a header of column names: %w", err)
	}
	if err := f.head(header); err != nil {
		return err
	}
	return f.rows(r)
}

// validName reports whether a path leads to something below the folder.
func validName(name string) bool {
	return name != "" && !path.IsAbs(name) && path.Clean(name) == name && name != ".." && !strings.HasPrefix(name, "../")
}

// head finds out which columns there are.
func (f *labels) head(header []string) error {
	column := func(names []string) int {
		return slices.IndexFunc(header, func(name string) bool {
			return slices.Contains(names, strings.ToLower(strings.TrimSpace(name)))
		})
	}
	f.file, f.classes, f.split = column(fileColumns), column(classColumns), column(splitColumns)
	if f.file < 0 {
		return f.fault(1, "has no column of files: call it file or filename (columns: %s)", quotedList(header))
	}
	if f.classes >= 0 {
		return nil
	}
	for i, name := range header {
		if i != f.file && i != f.split {
			f.columns = append(f.columns, i)
			f.names = append(f.names, norm.NFC.String(strings.TrimSpace(name)))
		}
	}
	return f.checkClasses()
}

// checkClasses returns an error for classes that cannot be distinguished.
func (f *labels) checkClasses() error {
	if len(f.names) < 2 || len(f.names) > maxClasses {
		return f.fault(0, "has %s; 2..%d are needed: a column labels with the classes of each file, or a column for each class, of 0 and 1", counted(len(f.names), "class", "classes"), maxClasses)
	}
	names := slices.Sorted(slices.Values(f.names))
	for i, name := range names {
		if name == "" || i > 0 && name == names[i-1] {
			return f.fault(1, "the class name %q is empty or occurs twice", name)
		}
	}
	return nil
}

// rows reads the rows, one for each file.
func (f *labels) rows(r *csv.Reader) error {
	seen := map[string]int{}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return f.fault(0, "%w", err)
		}
		line, _ := r.FieldPos(0)
		name := strings.TrimPrefix(path.Clean(strings.ReplaceAll(strings.TrimSpace(row[f.file]), "\\", "/")), "./")
		if !validName(name) || name == "." {
			return f.fault(line, "%q is not a path below the folder", row[f.file])
		}
		if before := seen[name]; before > 0 {
			return f.fault(line, "%q already occurred in line %d", name, before)
		}
		seen[name] = line
		if err := f.row(line, name, row); err != nil {
			return err
		}
	}
	if len(f.files) == 0 {
		return f.fault(0, "has no rows")
	}
	return f.gather()
}

// row reads the row of a file.
func (f *labels) row(line int, name string, row []string) error {
	file := imageFile{name: name, order: dataset.NameHash(norm.NFC.String(name))}
	if f.split >= 0 {
		split := splitOf(strings.TrimSpace(row[f.split]))
		if split == "" {
			return f.fault(line, "split %q is unknown: use %s", row[f.split], knownNames)
		}
		f.splits = append(f.splits, split)
	}
	if f.classes >= 0 {
		f.fields = append(f.fields, row[f.classes])
	}
	for _, i := range f.columns {
		x, err := strconv.ParseFloat(strings.TrimSpace(row[i]), 64)
		if err != nil || x != 0 && x != 1 {
			return f.fault(line, "%q is neither 0 nor 1", row[i])
		}
		file.targets = append(file.targets, uint8(x))
	}
	f.files = append(f.files, file)
	return nil
}

// separator returns the separator of classes in all fields: the first of |, ; and comma
// that occurs in any of them. If none does, it is a space; otherwise names of classes may
// contain spaces.
func (f *labels) separator() string {
	for _, s := range []string{"|", ";", ","} {
		if slices.ContainsFunc(f.fields, func(field string) bool { return strings.Contains(field, s) }) {
			return s
		}
	}
	return " "
}

// tagsOf returns the classes in a field.
func tagsOf(field, separator string) []string {
	var tags []string
	for tag := range strings.SplitSeq(field, separator) {
		if tag = norm.NFC.String(strings.TrimSpace(tag)); tag != "" && !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	return tags
}

// gather turns the classes in the fields into targets, and finds the first class of each
// file.
func (f *labels) gather() error {
	if f.classes >= 0 {
		names, separator := map[string]bool{}, f.separator()
		all := make([][]string, len(f.fields))
		for i, field := range f.fields {
			all[i] = tagsOf(field, separator)
			for _, tag := range all[i] {
				names[tag] = true
			}
		}
		for name := range names {
			f.names = append(f.names, name)
		}
		slices.Sort(f.names)
		if err := f.checkClasses(); err != nil {
			return err
		}
		for i, tags := range all {
			f.files[i].targets = make([]uint8, len(f.names))
			for _, tag := range tags {
				k, _ := slices.BinarySearch(f.names, tag)
				f.files[i].targets[k] = 1
			}
		}
	}
	for i := range f.files {
		f.files[i].class = max(slices.Index(f.files[i].targets, 1), 0)
	}
	return nil
}
