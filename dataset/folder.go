package dataset

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	defaultSize = 32
	// A folder without a split gives about one in validationShare images to
	// the validation.
	validationShare = 5
)

// imageFile is one image of a folder.
type imageFile struct {
	path  string
	class int
	// order is a hash of the class and the name. It decides the order, so that
	// the first n images are a sample of all, and where need be the split.
	order uint64
}

// loadFolder reads <root>/<class>/<image>, or <root>/train/<class>/<image> and
// <root>/validation/<class>/<image> ("val" and "test" will do). Without such
// folders the hash of an image's name decides its split, so that an image
// stays in its split when others come or go.
func loadFolder(ctx context.Context, opts Options) (train, validation *Set, err error) {
	if opts.Size < 0 {
		return nil, nil, fmt.Errorf("load data: size %d is negative", opts.Size)
	}
	opts.Size = cmp.Or(opts.Size, defaultSize)
	if opts.Path == "" {
		return nil, nil, &Error{Record: NoRecord, Err: errors.New("no path is set for the folder of images"), Fix: "use --set data.path=DIR"}
	}
	classes, trainFiles, validationFiles, err := listFolder(opts.Path)
	if err != nil {
		return nil, nil, err
	}
	if train, err = readImages(ctx, opts, classes, "train", opts.Train, trainFiles); err != nil {
		return nil, nil, err
	}
	if validation, err = readImages(ctx, opts, classes, "validation", opts.Validation, validationFiles); err != nil {
		return nil, nil, err
	}
	return train, validation, nil
}

// listFolder finds the classes and the images of both splits.
func listFolder(root string) (classes []string, train, validation []imageFile, err error) {
	folders, err := listDirs(root)
	if err != nil {
		return nil, nil, nil, err
	}
	held := heldOut(folders)
	if held == "" {
		var all []imageFile
		if classes, all, err = listClasses(root, nil); err != nil {
			return nil, nil, nil, err
		}
		for _, file := range all {
			if file.order%validationShare == 0 {
				validation = append(validation, file)
			} else {
				train = append(train, file)
			}
		}
		return classes, train, validation, nil
	}
	if classes, train, err = listClasses(filepath.Join(root, "train"), nil); err != nil {
		return nil, nil, nil, err
	}
	_, validation, err = listClasses(filepath.Join(root, held), classes)
	return classes, train, validation, err
}

// heldOutNames are what the folder of validation images may be called, beside
// train.
var heldOutNames = []string{"validation", "val", "test"}

// heldOut is the one of these folders that has the validation images; "" if they
// are classes, whose images are to be split.
func heldOut(folders []string) string {
	if i := slices.IndexFunc(heldOutNames, func(name string) bool { return slices.Contains(folders, name) }); i >= 0 && slices.Contains(folders, "train") {
		return heldOutNames[i]
	}
	return ""
}

// AmongImages tells whether the directory dir, which need not exist yet, is or would
// be one of the folders that the source folder with the path root reads: pictures
// that are written there become a part of the data set.
func AmongImages(root, dir string) bool {
	from, rootErr := filepath.Abs(root)
	to, dirErr := filepath.Abs(dir)
	below, err := filepath.Rel(from, to)
	if errors.Join(rootErr, dirErr, err) != nil || strings.HasPrefix(below, ".") {
		return false // root itself, outside, or hidden
	}
	folders, err := listDirs(root)
	first, _, _ := strings.Cut(below, string(filepath.Separator))
	return err == nil && (heldOut(folders) == "" || first == "train" || slices.Contains(heldOutNames, first))
}

// listClasses finds the images below dir, one folder a class, in their order.
// If known is given, there may be no other classes.
func listClasses(dir string, known []string) (classes []string, files []imageFile, err error) {
	folders, err := listDirs(dir)
	if err != nil {
		return nil, nil, err
	}
	classes = known
	if classes == nil {
		classes = folders
	}
	if len(classes) < 2 {
		return nil, nil, fileError(dir, fmt.Errorf("has %d folders of images, one for each class; at least 2 are needed", len(classes)))
	}
	for _, name := range folders {
		class := slices.Index(classes, name)
		if class < 0 {
			return nil, nil, fileError(filepath.Join(dir, name), errors.New("there is no such class among the training images"))
		}
		if files, err = listImages(files, filepath.Join(dir, name), name, class); err != nil {
			return nil, nil, err
		}
	}
	slices.SortFunc(files, func(a, b imageFile) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.path, b.path))
	})
	return classes, files, nil
}

// listDirs are the names of the folders in dir, sorted, without hidden ones.
func listDirs(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, &Error{Path: dir, Record: NoRecord, Err: plainCause(err), Fix: "use --set data.path=DIR with a folder that has one folder of images for each class"}
	}
	var names []string
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		// Stat, since a folder may be a link to one.
		if info, err := os.Stat(filepath.Join(dir, entry.Name())); err == nil && info.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// listImages adds the images of one class's folder to files.
func listImages(files []imageFile, dir, className string, class int) ([]imageFile, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fileError(dir, plainCause(err))
	}
	before := len(files)
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		switch strings.ToLower(filepath.Ext(path)) {
		case ".png", ".jpg", ".jpeg":
			files = append(files, imageFile{path, class, nameHash(className + "/" + entry.Name())})
		case ".gif", ".bmp", ".tif", ".tiff", ".webp", ".heic", ".avif":
			return nil, fileError(path, errors.New("images of this format are not read; convert it to PNG or JPEG"))
		}
	}
	if len(files) == before {
		return nil, fileError(dir, errors.New("has no images (*.png, *.jpg, *.jpeg)"))
	}
	return files, nil
}

// nameHash is the same on every machine.
func nameHash(name string) uint64 {
	sum := sha256.Sum256([]byte(name))
	return binary.LittleEndian.Uint64(sum[:])
}

// readImages decodes the first images on all cores; a limit of 0 takes all.
func readImages(ctx context.Context, opts Options, classes []string, split string, limit int, files []imageFile) (*Set, error) {
	if len(files) == 0 {
		return nil, &Error{
			Path: opts.Path, Record: NoRecord, Err: fmt.Errorf("too few images: none fell to %s", split),
			Fix: "add images, or sort them into the folders train and validation",
		}
	}
	if err := checkCount(opts.Path, split, limit, len(files)); err != nil {
		return nil, err
	}
	if limit > 0 {
		files = files[:limit]
	}
	set := newSet(SourceFolder, classes, opts.Size, opts.Size, len(files))
	paths := make([]string, len(files))
	for i, file := range files {
		paths[i], set.Labels[i] = file.path, int32(file.class)
	}
	err := OpenImages(ctx, paths, func(i int, picture *image.NRGBA, err error) error {
		if err != nil {
			return err
		}
		copy(set.Image(i), Fill(picture, opts.Size, opts.Size))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return set, nil
}
