package folder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"onnxlab/dataset"
	"onnxlab/dataset/photo"
)

// formats names the accepted formats, for messages.
const formats = photo.Formats

// brokenFile is a file that cannot be read.
type brokenFile struct {
	file string
	err  error
}

// chosen returns the files that are used for a split; nil if there is no such split.
func (l *listing) chosen(split dataset.Split) ([]imageFile, error) {
	files := l.files[split]
	if len(files) == 0 {
		if split == dataset.Test {
			return nil, nil
		}
		return nil, &dataset.Error{
			Path: l.o.Path, Record: dataset.NoRecord, Err: fmt.Errorf("too few images: none is left for %s", split),
			Fix: "add images, or sort them into the folders train and validation",
		}
	}
	n, err := l.o.Limits.Count(l.o.Path, split, len(files))
	return files[:n], err
}

// read decodes the first images of a split, except for broken ones. It returns nil if there
// is no such split.
func (l *listing) read(ctx context.Context, o Options, split dataset.Split) (*dataset.Set, []brokenFile, error) {
	files, err := l.chosen(split)
	if err != nil || len(files) == 0 {
		return nil, nil, err
	}
	set, broken, err := l.decode(ctx, o, files)
	if err != nil {
		return nil, nil, err
	}
	if set.Len() == 0 {
		return nil, nil, brokenError(o.Path, broken, len(files))
	}
	return set, broken, nil
}

// decode decodes the files into a set.
func (l *listing) decode(ctx context.Context, o Options, files []imageFile) (*dataset.Set, []brokenFile, error) {
	imageBytes := 3 * o.Height * o.Width
	pixels := make([]uint8, len(files)*imageBytes)
	var mu sync.Mutex
	broken := map[int]error{}
	err := photo.NewStream(l.filesOf(files), o.stream()).ReadAll(ctx, len(files), func(i int, image []uint8, err error) error {
		if err != nil {
			mu.Lock()
			broken[i] = err
			mu.Unlock()
			return nil
		}
		copy(pixels[i*imageBytes:], image)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	set := &dataset.Set{Name: Name, Classes: l.classes, Height: o.Height, Width: o.Width, Decoder: o.Decoder.String()}
	var bad []brokenFile
	for i, f := range files {
		if err := broken[i]; err != nil {
			bad = append(bad, brokenFile{f.name, err})
			set.Skipped = append(set.Skipped, dataset.SkippedFile{File: f.name, Reason: err.Error()})
			continue
		}
		kept := len(set.Labels)
		copy(pixels[kept*imageBytes:(kept+1)*imageBytes], pixels[i*imageBytes:])
		set.Labels = append(set.Labels, int32(f.class))
		set.Targets = append(set.Targets, f.targets...)
		set.Files = append(set.Files, f.name)
	}
	set.Pixels = pixels[: len(set.Labels)*imageBytes : len(set.Labels)*imageBytes]
	return set, bad, nil
}

// largest returns how many megabytes would be enough for the files that were refused
// because they would take too much memory; 0 if there are none.
func largest(broken []brokenFile) (megabytes int64) {
	for _, b := range broken {
		var large *photo.TooLargeError
		if errors.As(b.err, &large) {
			megabytes = max(megabytes, large.Megabytes())
		}
	}
	return megabytes
}

// brokenError returns an error that names the first dozen files that cannot be read.
func brokenError(root string, broken []brokenFile, images int) error {
	broken = slices.SortedFunc(slices.Values(broken), func(a, b brokenFile) int { return cmp.Compare(a.file, b.file) })
	fix := "use --set data.broken=skip to leave out what cannot be read"
	if enough := largest(broken); enough > 0 {
		fix += fmt.Sprintf(", or data.image_memory=%d to read large ones (pipeline evaluate: --image-memory %d)", enough, enough)
	}
	o := Options{Path: root}
	if len(broken) == 1 {
		fault := o.fault(broken[0].file, broken[0].err)
		fault.Fix = fix
		return fault
	}
	const most = 12
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d images cannot be read:", len(broken), images)
	for _, bad := range broken[:min(len(broken), most)] {
		fmt.Fprintf(&b, "\n  %s: %v", bad.file, bad.err)
	}
	if more := len(broken) - most; more > 0 {
		fmt.Fprintf(&b, "\n  and %d more", more)
	}
	fault := o.fault(".", errors.New(b.String()))
	fault.Fix = fix
	return fault
}
