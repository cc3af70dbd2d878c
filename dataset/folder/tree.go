package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"onnxlab/dataset/photo"
)

// tree finds images in folders and keeps account of what it passes over.
type tree struct {
	o *Options
	// other counts files that are no images by their extension.
	other map[string]int
	// hidden counts files and folders whose name starts with a dot, archive those
	// that macOS puts into archives, loops folders that lead back to one above.
	hidden, archive, loops int
	// flat leaves out folders in the root, which below counts.
	flat  bool
	below int
	// unread, if not nil, is told why a folder cannot be read, which is then passed
	// over unless it returns an error.
	unread func(err error) error
	// stop, if not nil, is asked for an error that ends the walk.
	stop func() error
}

func newTree(o *Options) *tree { return &tree{o: o, other: map[string]int{}} }

// deepest bounds how deep folders are read.
const deepest = 64

// passes reports whether an entry is passed over by its name, and counts it.
func (t *tree) passes(name string) bool {
	switch {
	case name == "__MACOSX":
		t.archive++
	case strings.HasPrefix(name, "."):
		t.hidden++
	default:
		return false
	}
	return true
}

// readDir reads the folder at dir.
func (t *tree) readDir(dir string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(t.o.FS, dir)
	if err == nil {
		return entries, nil
	}
	fault := t.o.fault(dir, err)
	if dir == "." && t.unread == nil {
		fault.Fix = "use --set data.path=DIR with a folder that has one folder of images for each class"
	}
	return nil, fault
}

// kind is what is at a path, where a link leads.
func (t *tree) kind(name string, entry fs.DirEntry) fs.FileMode {
	if entry.Type()&fs.ModeSymlink == 0 {
		return entry.Type()
	}
	info, err := fs.Stat(t.o.FS, name)
	if err != nil {
		return fs.ModeIrregular // a link to nothing
	}
	return info.Mode().Type()
}

// folders are the names of the folders in dir, sorted, but for those that are passed
// over.
func (t *tree) folders(dir string) ([]string, error) {
	entries, err := t.readDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	uncounted := newTree(t.o)
	for _, entry := range entries {
		if !uncounted.passes(entry.Name()) && t.kind(path.Join(dir, entry.Name()), entry).IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// hasImages reports whether there are images in the folder or below it.
func (t *tree) hasImages(dir string) bool {
	found := errors.New("found")
	return newTree(t.o).walk(dir, nil, func(string) error { return found }) == found
}

// above are the folders that lead to dir, the root first.
func (t *tree) above(dir string) ([]fs.FileInfo, error) {
	var infos []fs.FileInfo
	for dir != "." {
		dir = path.Dir(dir)
		info, err := fs.Stat(t.o.FS, dir)
		if err != nil {
			return nil, t.o.fault(dir, err)
		}
		infos = append(infos, info)
	}
	return infos, nil
}

// walk calls image for every image in dir and below it, and counts what else there
// is. above are the folders that lead here.
func (t *tree) walk(dir string, above []fs.FileInfo, image func(name string) error) error {
	here, err := fs.Stat(t.o.FS, dir)
	if err != nil {
		return t.fail(t.o.fault(dir, err))
	}
	if slices.ContainsFunc(above, func(info fs.FileInfo) bool { return os.SameFile(info, here) }) {
		t.loops++
		return nil
	}
	if len(above) == deepest {
		return t.fail(t.o.fault(dir, fmt.Errorf("is more than %d folders deep", deepest)))
	}
	entries, err := t.readDir(dir)
	if err != nil {
		return t.fail(err)
	}
	above = append(above, here)
	for _, entry := range entries {
		if err := t.visit(dir, entry, above, image); err != nil {
			return err
		}
	}
	return nil
}

// fail is what becomes of a folder that cannot be read.
func (t *tree) fail(err error) error {
	if t.unread == nil {
		return err
	}
	return t.unread(err)
}

// visit is walk for one entry of a folder.
func (t *tree) visit(dir string, entry fs.DirEntry, above []fs.FileInfo, image func(name string) error) error {
	if t.stop != nil {
		if err := t.stop(); err != nil {
			return err
		}
	}
	if t.passes(entry.Name()) {
		return nil
	}
	name := path.Join(dir, entry.Name())
	switch kind := t.kind(name, entry); {
	case kind.IsDir() && t.flat:
		t.below++
		return nil
	case kind.IsDir():
		return t.walk(name, above, image)
	case photo.HasImageName(name), kind.IsRegular() && photo.IsImage(t.o.open, name):
		return image(name)
	}
	t.other[strings.ToLower(path.Ext(name))]++
	return nil
}

// open opens a file of the folder.
func (o *Options) open(name string) (photo.File, error) { return photo.OpenFS(o.FS, name) }

// notes tell what was passed over.
func (t *tree) notes(root string) []string {
	var parts []string
	for _, ext := range slices.SortedFunc(maps.Keys(t.other), func(a, b string) int {
		if d := t.other[b] - t.other[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	}) {
		n, what := t.other[ext], ext
		if ext == "" {
			what = "without extension"
		}
		parts = append(parts, fmt.Sprintf("%d %s", n, what))
	}
	if len(parts) > 0 {
		const most = 8
		if more := len(parts) - most; more > 0 {
			parts = append(parts[:most], fmt.Sprintf("files of %d more extensions", more))
		}
		parts = []string{strings.Join(parts, ", ") + " (no " + photo.Formats + ")"}
	}
	for _, c := range []struct {
		n         int
		one, many string
	}{
		{t.hidden, "hidden file or folder", "hidden files or folders"},
		{t.archive, "folder __MACOSX", "folders __MACOSX"},
		{t.loops, "link to a folder above", "links to folders above"},
		{t.below, "folder (--recursive reads it)", "folders (--recursive reads them)"},
	} {
		if c.n > 0 {
			parts = append(parts, counted(c.n, c.one, c.many))
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: passed over %s", root, strings.Join(parts, "; "))}
}

// className is the name of a class whose folder has this name: its letters in
// Unicode's composed form, as some systems take them apart.
func className(folder string) string { return norm.NFC.String(folder) }
