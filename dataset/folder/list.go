package folder

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"onnxlab/dataset"
)

// imageFile is one image of a folder.
type imageFile struct {
	name  string // its path in the folder
	class int
	// order is a hash of the class and of the path below its folder. It determines the
	// order, so that the first n images are a sample of all, and which images are held out.
	order uint64
	// targets, if images may have several classes, has 1 for each class that the image has
	// and 0 for the others.
	targets []uint8
	bytes   int64 // its size; 0 if not needed
}

func (f imageFile) label() int { return f.class }

// listing has the contents of a folder.
type listing struct {
	o       *Options
	tree    *tree
	layout  *layout
	classes []string
	files   map[dataset.Split][]imageFile
	// divided reports that images are held out for validation, and that a wanted split is
	// affected.
	divided bool
	// empty has the folders of classes without images in splits other than training.
	empty []string
}

// list finds the classes, and the images of the wanted splits.
func list(o Options, wanted []dataset.Split) (*listing, error) {
	if o.Labels != "" {
		return listLabelled(o)
	}
	l := &listing{o: &o, files: map[dataset.Split][]imageFile{}}
	l.tree = newTree(l.o)
	folders, err := l.readRoot()
	if err != nil {
		return nil, err
	}
	if l.layout, err = findLayout(l.tree, folders, wanted); err != nil {
		return nil, err
	}
	l.divided = l.layout.folderFor(dataset.Validation) == "" &&
		(slices.Contains(wanted, dataset.Train) || slices.Contains(wanted, dataset.Validation))
	if l.layout.has() {
		return l, l.listSplits(wanted)
	}
	all, err := l.listClasses(".", nil)
	if err != nil {
		return nil, err
	}
	l.files[dataset.All] = all
	l.files[dataset.Train], l.files[dataset.Validation] = dataset.HoldOut(all, imageFile.label, len(l.classes), o.ValidationShare)
	return l, nil
}

// readRoot returns the folders in the root, and counts the other entries.
func (l *listing) readRoot() (folders []string, err error) {
	entries, err := l.tree.readDir(".")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		switch name := entry.Name(); {
		case l.tree.passes(name):
		case l.tree.kind(name, entry).IsDir():
			folders = append(folders, name)
		default:
			l.tree.other[strings.ToLower(path.Ext(name))]++
		}
	}
	return folders, nil
}

// listSplits lists the images of the wanted splits if these have their own folders. The
// first folder, that for training if there is one, determines the classes.
func (l *listing) listSplits(wanted []dataset.Split) error {
	byFolder := map[string][]imageFile{}
	var known []string
	for _, split := range ordered {
		name := l.layout.split[split]
		if name == "" || known != nil && !l.layout.reads(name, wanted) {
			continue
		}
		files, err := l.listClasses(name, known)
		if err != nil {
			return err
		}
		known = l.classes
		byFolder[name] = files
		l.files[dataset.All] = append(l.files[dataset.All], files...)
	}
	for _, split := range ordered {
		l.files[split] = byFolder[l.layout.folderFor(split)]
	}
	if l.layout.folderFor(dataset.Validation) == "" { // there are only training images
		l.files[dataset.Train], l.files[dataset.Validation] = dataset.HoldOut(l.files[dataset.All], imageFile.label, len(l.classes), l.o.ValidationShare)
	}
	return nil
}

// listClasses returns the images below dir, which has one folder for each class, in order.
// If known is given, there may be no other classes, and folders may be empty.
func (l *listing) listClasses(dir string, known []string) ([]imageFile, error) {
	folders, err := l.tree.folders(dir)
	if err != nil {
		return nil, err
	}
	if known == nil {
		if l.classes, err = l.classesOf(dir, folders); err != nil {
			return nil, err
		}
	}
	var files []imageFile
	for _, folder := range folders {
		class := slices.Index(l.classes, className(folder))
		if class < 0 {
			return nil, l.o.fault(path.Join(dir, folder), errors.New("the training images have no such class"+l.nearest(folder)))
		}
		before := len(files)
		if files, err = l.listClass(files, path.Join(dir, folder), class); err != nil {
			return nil, err
		}
		if len(files) == before && known == nil {
			return nil, l.o.fault(path.Join(dir, folder), fmt.Errorf("has no images (%s)", formats))
		}
		if len(files) == before {
			l.empty = append(l.empty, path.Join(dir, folder))
		}
	}
	slices.SortFunc(files, func(a, b imageFile) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.name, b.name))
	})
	return files, nil
}

// classesOf returns the classes that the folders stand for, sorted.
func (l *listing) classesOf(dir string, folders []string) ([]string, error) {
	var classes []string
	for _, folder := range folders {
		classes = append(classes, className(folder))
	}
	slices.Sort(classes)
	classes = slices.Compact(classes) // a name may occur in two Unicode forms
	if len(classes) >= 2 {
		return classes, nil
	}
	fault := l.o.fault(dir, fmt.Errorf("has %s of images, one for each class; at least 2 are needed", counted(len(classes), "folder", "folders")))
	if len(folders) == 1 {
		if below, err := l.tree.folders(path.Join(dir, folders[0])); err == nil && len(below) > 0 {
			fault.Fix = fmt.Sprintf("if the classes are in %q, use --set data.path=%s", folders[0], l.o.fault(path.Join(dir, folders[0]), nil).Path)
		}
	}
	return nil, fault
}

// nearest suggests a class whose name differs from that of the folder only in case or
// spaces.
func (l *listing) nearest(folder string) string {
	plain := func(name string) string { return strings.ToLower(strings.TrimSpace(className(name))) }
	for _, class := range l.classes {
		if plain(class) == plain(folder) {
			return fmt.Sprintf("; they have %q", class)
		}
	}
	return ""
}

// listClass appends the images of one folder of a class.
func (l *listing) listClass(files []imageFile, folder string, class int) ([]imageFile, error) {
	above, err := l.tree.above(folder)
	if err != nil {
		return nil, err
	}
	err = l.tree.walk(folder, above, func(name string) error {
		below := norm.NFC.String(strings.TrimPrefix(name, folder+"/"))
		files = append(files, imageFile{name: name, class: class, order: dataset.NameHash(l.classes[class] + "/" + below)})
		return nil
	})
	return files, err
}

// notes returns the sentences for Splits.Notes.
func (l *listing) notes() []string {
	notes := l.layout.notes(l.o.Path)
	if l.divided {
		all, held := len(l.files[dataset.All]), len(l.files[dataset.Validation])
		of := "each class"
		if l.o.Labels != "" {
			of = "them"
		}
		notes = append(notes, fmt.Sprintf("%s: there is no folder of validation images: %d of %d are held out, %.0f %% of %s (data.validation_share)",
			l.o.Path, held, all, 100*l.o.ValidationShare, of))
	}
	if len(l.empty) > 0 {
		notes = append(notes, fmt.Sprintf("%s: no images in %s", l.o.Path, quotedList(l.empty)))
	}
	return append(notes, l.tree.notes(l.o.Path)...)
}
