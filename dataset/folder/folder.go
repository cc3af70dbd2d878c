// Package folder reads folders of photographs, one folder for each class:
//
//	DIR/cat/a.jpg               DIR/train/cat/a.jpg
//	DIR/cat/at home/b.png       DIR/valid/cat/b.png
//	DIR/dog/c.webp              DIR/test/dog/c.webp
//
// Images in folders below that of a class belong to this class. If DIR has a folder train
// or training, the splits have their own folders: val, valid, validation or dev has the
// images that decide between models, and test or testing those that training never sees.
// Upper and lower case are the same. Without a folder of validation images, the folder of
// test images is used for validation; if there is none, a share of each class is held out
// of the training images. [dataset.Splits.Notes] says which folders were used for what, and
// what was skipped.
//
//	splits, err := folder.Load(ctx, folder.Options{Path: "photos", Height: 64, Width: 64}, dataset.Train, dataset.Validation)
//	splits, err := folder.FromFS(ctx, zipReader, 64, 64) // in any fs.FS
package folder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"onnxlab/dataset"
	"onnxlab/dataset/photo"
)

// Name is the name of sets from folders.
const Name = "folder"

// Options says what to read and how.
type Options struct {
	// Path is the path of the folder, called DIR above.
	Path string
	// FS, if not nil, has the folder as its root, instead of the operating system. Path is
	// then only its name in messages, and may be empty.
	FS fs.FS
	// Height and Width are the size to which images are resized, in pixels; 0 means 32.
	// Before that, the largest part with these proportions is cut out of their middle.
	Height, Width int
	// Limits are the largest numbers of images of each split. They are a sample of all
	// images, in an order that depends on the images' names.
	Limits dataset.Limits
	// Labels, if not empty, is the path of a CSV file in the folder that says which classes
	// each image has, if it may have several. The sets then have Targets. The CSV file has
	// a column of files (called file or filename), and either one column of classes (labels
	// or tags), separated by |, ;, commas or spaces, or a column of 0 and 1 for each class.
	// A column split may name the split of each file.
	Labels string
	// ValidationShare is the share of each class, in (0, 1), that is held out if there is
	// no folder of validation images; 0 means 0.2.
	ValidationShare float64
	// SkipBroken leaves out images that cannot be read, and lists them in Set.Skipped.
	// Without it, they are an error that names them.
	SkipBroken bool
	// Photo limits the memory for decoding an image.
	Photo photo.Limits
	// Transform says how an image is cut and resized; the zero value is photo.Square.
	Transform photo.Transform
	// Decoder decodes JPEG images.
	Decoder photo.Decoder
	// Stream leaves the images in their files until they are needed, even if they would fit
	// into memory. They are also left there if the pixels of all would take more than
	// Memory bytes; 0 means 512 MB, which is also about the most memory that reading takes.
	// An image of such a set that cannot be read is an error when it is needed; with
	// SkipBroken, the next image of its class takes its place.
	Stream bool
	Memory int64
}

const (
	defaultSide            = 32
	defaultValidationShare = 0.2
	defaultMemory          = 512 << 20
)

// FromFS reads folders of photographs in the root of a file system, such as an embed.FS, a
// *zip.Reader or the result of fs.Sub, and resizes them to height x width pixels. It is
// [Load] with only these options. If no splits are given, it reads those for training and
// validation.
func FromFS(ctx context.Context, fsys fs.FS, height, width int, splits ...dataset.Split) (*dataset.Splits, error) {
	if len(splits) == 0 {
		splits = []dataset.Split{dataset.Train, dataset.Validation}
	}
	return Load(ctx, Options{FS: fsys, Height: height, Width: width}, splits...)
}

// Load reads the splits. If something is wrong with the folder or its files, the error is a
// [*dataset.Error].
func Load(ctx context.Context, o Options, splits ...dataset.Split) (*dataset.Splits, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	l, err := list(o, splits)
	if err != nil {
		return nil, err
	}
	loaded := &dataset.Splits{Notes: l.notes()}
	if streams, err := l.streams(splits); err != nil {
		return nil, err
	} else if streams {
		return loaded, l.stream(ctx, loaded, splits)
	}
	var broken []brokenFile
	images := 0
	for _, split := range splits {
		set, bad, err := l.read(ctx, o, split)
		if err != nil {
			return nil, err
		}
		if set != nil {
			loaded.Put(split, set)
			broken, images = append(broken, bad...), images+set.Len()+len(bad)
		}
	}
	if len(broken) > 0 && !o.SkipBroken {
		return nil, brokenError(o.Path, broken, images)
	}
	if len(broken) > 0 {
		loaded.Notes = append(loaded.Notes, fmt.Sprintf("left out %s that cannot be read, such as %s: %v",
			counted(len(broken), "image", "images"), broken[0].file, broken[0].err))
	}
	return loaded, nil
}

// Survey reports what Load would read, without reading the images.
func Survey(o Options, splits ...dataset.Split) (dataset.Survey, error) {
	if err := o.complete(); err != nil {
		return dataset.Survey{}, err
	}
	l, err := list(o, splits)
	if err != nil {
		return dataset.Survey{}, err
	}
	s := dataset.Survey{Classes: l.classes, Notes: l.notes()}
	for _, split := range ordered {
		if l.layout.split[split] != "" {
			s.Own = append(s.Own, split)
		}
	}
	return s, nil
}

// complete fills in the defaults and checks the options.
func (o *Options) complete() error {
	switch {
	case o.Height < 0 || o.Width < 0:
		return fmt.Errorf("load data: size %dx%d is negative", o.Height, o.Width)
	case o.ValidationShare < 0 || o.ValidationShare >= 1:
		return fmt.Errorf("load data: the share of %v of the images for validation is outside 0..1", o.ValidationShare)
	case o.Path == "" && o.FS == nil:
		return &dataset.Error{Record: dataset.NoRecord, Err: errors.New("no path is set for the folder of images"), Fix: "use --set data.path=DIR"}
	}
	o.Height, o.Width = cmp.Or(o.Height, defaultSide), cmp.Or(o.Width, defaultSide)
	o.ValidationShare = cmp.Or(o.ValidationShare, defaultValidationShare)
	o.Memory = cmp.Or(o.Memory, defaultMemory)
	if o.FS == nil {
		o.FS = os.DirFS(o.Path)
	}
	o.Path = cmp.Or(o.Path, ".")
	return nil
}

// fault returns an error about the file or folder with this name.
func (o *Options) fault(name string, err error) *dataset.Error {
	full := o.Path
	if name != "." {
		full = strings.TrimSuffix(full, "/") + "/" + name
	}
	return dataset.FileError(path.Clean(full), err)
}

// counted returns a number with its noun.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
