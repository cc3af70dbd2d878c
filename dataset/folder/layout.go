package folder

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"onnxlab/dataset"
)

// splitNames has the names that the folders of the splits may have, in lower case.
var splitNames = map[string]dataset.Split{
	"train": dataset.Train, "training": dataset.Train,
	"val": dataset.Validation, "valid": dataset.Validation, "validation": dataset.Validation, "dev": dataset.Validation,
	"test": dataset.Test, "testing": dataset.Test,
}

const knownNames = "train or training; val, valid, validation or dev; test or testing"

// splitOf returns the split to which a folder with this name belongs; "" if to none.
func splitOf(name string) dataset.Split { return splitNames[strings.ToLower(name)] }

// layout says which folders are used for what.
type layout struct {
	// split is the folder of each split; empty if the folders are classes.
	split map[dataset.Split]string
	// flat has folders whose names are those of splits, but which contain no folders of
	// classes.
	flat map[dataset.Split]string
	// others has the remaining folders.
	others []string
}

// findLayout decides which of the folders in the root are splits and which are classes.
// It uses wanted, the splits that will be read, only to decide what is an error. A class
// may also be called train, so a name alone does not make a split: the folder must
// contain folders, and the folders beside it must be other splits or contain no images.
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

// sortFolders sorts the folders by their names, and by whether they contain folders.
func sortFolders(t *tree, folders []string) (*layout, error) {
	l := &layout{split: map[dataset.Split]string{}, flat: map[dataset.Split]string{}}
	for _, name := range folders {
		split := splitOf(name)
		if split == "" {
			l.others = append(l.others, name)
			continue
		}
		if before := l.split[split] + l.flat[split]; before != "" {
			return nil, t.o.fault(".", fmt.Errorf("has both %q and %q for %s: keep only one of them", before, name, nouns[split]))
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

// checkWithoutTrain returns an error if training images are wanted but there is no folder
// of them.
func (l *layout) checkWithoutTrain(root string, wanted []dataset.Split) error {
	if !slices.Contains(wanted, dataset.Train) {
		return nil
	}
	return &dataset.Error{
		Path: root, Record: dataset.NoRecord, Err: errors.New("has no folder of training images beside " + l.named()),
		Fix: "name one train or training",
	}
}

// named returns the folders of the splits, for messages.
func (l *layout) named() string {
	var names []string
	for _, split := range ordered {
		if name := l.split[split]; name != "" {
			names = append(names, fmt.Sprintf("%q", name))
		}
	}
	return strings.Join(names, " and ")
}

// ordered has the splits that may have folders, in order.
var ordered = []dataset.Split{dataset.Train, dataset.Validation, dataset.Test}

var nouns = map[dataset.Split]string{dataset.Train: "training", dataset.Validation: "validation", dataset.Test: "test images"}

// has reports whether the splits have folders of their own.
func (l *layout) has() bool { return len(l.split) > 0 }

// folderFor returns the folder with the images of a split. If there is none for validation,
// it is that of the test images.
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

// notes returns sentences that say which folders are used for what.
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
		notes = append(notes, fmt.Sprintf("%s: skipped %s beside %s: folders of splits are called %s", root, quotedList(l.others), l.named(), knownNames))
	}
	for _, split := range ordered {
		if name := l.flat[split]; name != "" {
			notes = append(notes, fmt.Sprintf("%s: skipped %q, which contains no folders of classes", root, name))
		}
	}
	return notes
}

// quotedList returns the first of the names, for messages.
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
