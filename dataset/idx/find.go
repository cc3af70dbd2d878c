package idx

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"onnxlab/dataset"
)

// files has the paths of the files of one set.
type files struct {
	dir   string
	pairs map[dataset.Split]pair
}

// pair has a split's file of images and its file of labels.
type pair struct{ images, labels string }

// named matches the names of files of IDX sets, such as
// emnist-letters-train-images-idx3-ubyte.gz. Some programs that unpack MNIST write a dot
// before idx3.
var named = regexp.MustCompile(`^(.*?)(train|t10k|test)-(images[-.]idx3|labels[-.]idx1)-ubyte(\.gz)?$`)

// find returns the files of the set at path.
func find(path string) (files, error) {
	dir, prefix, err := locate(path)
	if err != nil {
		return files{}, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return files{}, dataset.FileError(dir, err)
	}
	sets := map[string]files{}
	for _, entry := range entries {
		m := named.FindStringSubmatch(entry.Name())
		if m == nil || !strings.HasPrefix(entry.Name(), prefix) {
			continue
		}
		if _, known := sets[m[1]]; !known {
			sets[m[1]] = files{dir, map[dataset.Split]pair{}}
		}
		sets[m[1]].put(m, filepath.Join(dir, entry.Name()))
	}
	if len(sets) > 1 {
		names := slices.Sorted(maps.Keys(sets))
		return files{}, &dataset.Error{
			Path: path, Record: dataset.NoRecord, Err: fmt.Errorf("has the files of %d sets", len(sets)),
			Fix: fmt.Sprintf("name one of them: --set data.path=%s", filepath.Join(dir, strings.TrimSuffix(names[0], "-"))),
		}
	}
	for _, set := range sets {
		return set, set.check(path)
	}
	return files{}, &dataset.Error{Path: path, Record: dataset.NoRecord, Err: errors.New("has no files of IDX images"), Fix: fix}
}

// locate splits a path into a folder and a prefix of the names of its files.
func locate(path string) (dir, prefix string, err error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return path, "", nil
	}
	parent := filepath.Dir(path)
	if up, upErr := os.Stat(parent); err != nil && upErr == nil && up.IsDir() {
		prefix := filepath.Base(path)
		if matches, _ := filepath.Glob(filepath.Join(parent, prefix) + "*-ubyte*"); len(matches) > 0 {
			return parent, prefix, nil
		}
	}
	if err == nil {
		err = errors.New("is not a folder")
	}
	return "", "", &dataset.Error{Path: path, Record: dataset.NoRecord, Err: dataset.Cause(err), Fix: fix}
}

// put stores a path according to the parts of its name. A file that is not gzipped has
// priority.
func (f files) put(m []string, path string) {
	split := dataset.Validation
	if m[2] == "train" {
		split = dataset.Train
	}
	p := f.pairs[split]
	at := &p.images
	if strings.HasPrefix(m[3], "labels") {
		at = &p.labels
	}
	if *at == "" || m[4] == "" {
		*at = path
	}
	f.pairs[split] = p
}

// check returns an error if one of the four files is missing.
func (f files) check(path string) error {
	for _, want := range []struct{ have, what string }{
		{f.pairs[dataset.Train].images, "train-images-idx3-ubyte"},
		{f.pairs[dataset.Train].labels, "train-labels-idx1-ubyte"},
		{f.pairs[dataset.Validation].images, "t10k-images-idx3-ubyte"},
		{f.pairs[dataset.Validation].labels, "t10k-labels-idx1-ubyte"},
	} {
		if want.have == "" {
			return &dataset.Error{Path: path, Record: dataset.NoRecord, Err: fmt.Errorf("has no %s or %s.gz", want.what, want.what), Fix: fix}
		}
	}
	return nil
}
