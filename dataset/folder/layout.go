package folder

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"onnxlab/dataset"
)

// splitNames are what the folders of the splits may be called, in lower case.
var splitNames = map[string]dataset.Split{
	"train": dataset.Train, "training": dataset.Train,
	"val": dataset.Validation, "valid": dataset.Validation, "validation": dataset.Validation, "dev": dataset.Validation,
	"test": dataset.Test, "testing": dataset.Test,
}

const knownNames = "train or training; val, valid, validation or dev; test or testing"

// splitOf is the split that a folder of this name is for, "" for none.
func splitOf(name string) dataset.Split { return splitNames[strings.ToLower(name)] }

// layout says which folders are for what.
type layout struct {
	// split is the folder of each split; empty if the folders are classes.
	split map[dataset.Split]string
	// flat are folders that are called like those of splits, but have no folders of
	// classes in them.
	flat map[dataset.Split]string
	// others are the folders beside.
	others []string
}

// findLayout decides what the folders in the root are. As a class may be called train
// too, a name alone makes no split: it has folders in it, and what is beside it are
// other splits or no images.
func findLayout(t *tree, folders []string, wanted []dataset.Split) (*layout, error) {
	l, err := sortFolders(t, folders)
	if err != nil {
		return nil, err
	}
	train, flat := l.split[dataset.Train], l.flat[dataset.Train]
	heldOut := l.split[dataset.Validation] + l.split[dataset.Test]
	switch {
	case train != "" && (heldOut != "" || !slices.ContainsFunc(l.others, t.hasImages)):
		return l, nil
	case flat != "" && (heldOut != "" || len(l.others) == 0):
		return nil, t.o.fault(flat, errors.New("has no folders in it: it needs one folder of images for each class"))
	case train == "" && flat == "" && heldOut != "" && len(l.others)+len(l.flat) == 0:
		return l, l.checkWithoutTrain(t.o.Path, wanted)
	}
	return &layout{}, nil
}

// sortFolders sorts the folders by their names, and by whether there are folders in them.
func sortFolders(t *tree, folders []string) (*layout, error) {
	l := &layout{split: map[dataset.Split]string{}, flat: map[dataset.Split]string{}}
	for _, name := range folders {
		split := splitOf(name)
		if split == "" {
			l.others = append(l.others, name)
			continue
		}
		if before := l.split[split] + l.flat[split]; before != "" {
			return nil, t.o.fault(".", fmt.Errorf("has both %q and %q for %s: leave one of them", before, name, nouns[split]))
		}
		below, err := t.folders(name)
		switch {
		case err != nil:
			return nil, err
		case len(below) == 0:
			l.flat[split] = name
		default:
			l.split[split] = name
		}
	}
	return l, nil
}

// checkWithoutTrain refuses a folder without training images where they are wanted.
func (l *layout) checkWithoutTrain(root string, wanted []dataset.Split) error {
	if !slices.Contains(wanted, dataset.Train) {
		return nil
	}
	return &dataset.Error{
		Path: root, Record: dataset.NoRecord, Err: errors.New("has no folder of training images beside " + l.named()),
		Fix: "name one train or training",
	}
}

// named are the folders of the splits, for messages.
func (l *layout) named() string {
	var names []string
	for _, split := range ordered {
		if name := l.split[split]; name != "" {
			names = append(names, fmt.Sprintf("%q", name))
		}
	}
	return strings.Join(names, " and ")
}

// ordered are the splits that may have folders.
var ordered = []dataset.Split{dataset.Train, dataset.Validation, dataset.Test}

var nouns = map[dataset.Split]string{dataset.Train: "training", dataset.Validation: "validation", dataset.Test: "test images"}

// has reports whether the splits have folders of their own.
func (l *layout) has() bool { return len(l.split) > 0 }

// folderFor is the folder that has the images of a split. Where there is none for
// validation, that of the test images serves.
func (l *layout) folderFor(split dataset.Split) string {
	if name := l.split[split]; name != "" || split != dataset.Validation {
		return name
	}
	return l.split[dataset.Test]
}

// reads reports whether the folder has images of one of the splits.
func (l *layout) reads(name string, splits []dataset.Split) bool {
	return slices.ContainsFunc(splits, func(split dataset.Split) bool {
		return split == dataset.All || l.folderFor(split) == name
	})
}

// notes tell which folders were taken for what.
func (l *layout) notes(root string) []string {
	if !l.has() {
		return nil
	}
	train, validation, test := l.split[dataset.Train], l.split[dataset.Validation], l.split[dataset.Test]
	var notes []string
	switch {
	case train == "":
	case validation != "" && test != "":
		notes = append(notes, fmt.Sprintf("%s: trains on %q and validates on %q; %q is left for pipeline evaluate", root, train, validation, test))
	case validation != "":
		notes = append(notes, fmt.Sprintf("%s: trains on %q and validates on %q", root, train, validation))
	case test != "":
		notes = append(notes, fmt.Sprintf("%s: trains on %q and, as there is no folder of validation images, validates on %q: the best epoch is chosen on the test images", root, train, test))
	}
	if len(l.others) > 0 {
		notes = append(notes, fmt.Sprintf("%s: passed over %s beside %s: folders of splits are called %s", root, quotedList(l.others), l.named(), knownNames))
	}
	for _, split := range ordered {
		if name := l.flat[split]; name != "" {
			notes = append(notes, fmt.Sprintf("%s: passed over %q, which has no folders of classes in it", root, name))
		}
	}
	return notes
}

// quotedList is the first of the names, for messages.
func quotedList(names []string) string {
	const most = 5
	var quoted []string
	for _, name := range names[:min(len(names), most)] {
		quoted = append(quoted, fmt.Sprintf("%q", name))
	}
	if more := len(names) - most; more > 0 {
		quoted = append(quoted, fmt.Sprintf("%d more", more))
	}
	return strings.Join(quoted, ", ")
}
