// Package folder reads folders of photographs, one folder a class:
//
//	DIR/cat/a.jpg               DIR/train/cat/a.jpg
//	DIR/cat/at home/b.png       DIR/valid/cat/b.png
//	DIR/dog/c.webp              DIR/test/dog/c.webp
//
// Images in folders below that of a class are of this class. If DIR has a folder train
// or training, the splits have folders of their own: val, valid, validation or dev is
// what decides between models, test or testing is what no training sees; upper and lower
// case are the same. Without a folder of validation images a share of each class is held
// out of the training images, or test serves if there is one. [dataset.Splits.Notes]
// says which folders were taken for what, and what was passed over.
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

// Name is what sets from folders are called.
const Name = "folder"

// Options say what is read and how.
type Options struct {
	// Path is the folder, DIR above.
	Path string
	// FS has the folder in its root, where it is not one of the operating system's;
	// Path then only names it in messages, and may be empty.
	FS fs.FS
	// Height and Width are what images are resized to, in pixels, after the largest
	// part of these proportions is cut out of their middle; 0 means 32.
	Height, Width int
	// Limits are the most images of each split: a sample of all, in an order that
	// their names decide.
	Limits dataset.Limits
	// Labels, if not empty, is a CSV file in the folder that says which classes its images
	// have, where these may have several: the sets then have Targets. It has a column of
	// files (called file or filename), and either one of their classes (labels or tags),
	// which |, ;, commas or spaces separate, or one for each class, of 0 and 1. A column
	// split may name the split of each file.
	Labels string
	// ValidationShare is the share of each class that is held out where the
	// validation images have no folder, in (0, 1); 0 means 0.2.
	ValidationShare float64
	// SkipBroken leaves out images that cannot be read: they are in Set.Skipped.
	// Else they are an error that names them.
	SkipBroken bool
	// Photo bounds what decoding an image may take.
	Photo photo.Limits
	// Transform is how an image is cut and resized; the zero value is photo.Square.
	Transform photo.Transform
	// Decoder is what decodes JPEG images.
	Decoder photo.Decoder
	// Stream leaves the images in their files until they are asked for, whatever they would
	// take. They are left there too if the pixels of all would take more than Memory
	// bytes; 0 means 512 MB. Reading takes about as much at most. An image of a set that streams that cannot
	// be read is an error when it is asked for; with SkipBroken the next of its class
	// takes its place.
	Stream bool
	Memory int64
}

const (
	defaultSide            = 32
	defaultValidationShare = 0.2
	defaultMemory          = 512 << 20
)

// FromFS reads folders of photographs in the root of a file system, such as an
// embed.FS, a *zip.Reader or what fs.Sub gives of one, resized to height x width
// pixels. It is [Load] with these options alone; without splits it reads those of
// training and validation.
func FromFS(ctx context.Context, fsys fs.FS, height, width int, splits ...dataset.Split) (*dataset.Splits, error) {
	if len(splits) == 0 {
		splits = []dataset.Split{dataset.Train, dataset.Validation}
	}
	return Load(ctx, Options{FS: fsys, Height: height, Width: width}, splits...)
}

// Load reads the splits. What is wrong with the folder or its files is a
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

// Survey tells what Load would read, without reading the images.
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

// complete fills in the defaults and returns what is wrong.
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

// fault is an error about what is at name in the folder.
func (o *Options) fault(name string, err error) *dataset.Error {
	full := o.Path
	if name != "." {
		full = strings.TrimSuffix(full, "/") + "/" + name
	}
	return dataset.FileError(path.Clean(full), err)
}

// counted is a number with its noun.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
