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

// tree finds images in folders and counts the files that it skips.
type tree struct {
	o *Options
	// other counts files that are not images, by their extension.
	other map[string]int
	// hidden counts files and folders whose name starts with a dot, archive those that
	// macOS adds to archives, and loops folders that lead back to a folder above.
	hidden, archive, loops int
	// flat leaves out folders in the root, which below counts.
	flat  bool
	below int
	// unread, if not nil, is called with the error for a folder that cannot be read. The
	// folder is skipped unless unread returns an error.
	unread func(err error) error
	// stop, if not nil, is called regularly, and ends the walk with the error that it
	// returns.
	stop func() error
}

func newTree(o *Options) *tree { return &tree{o: o, other: map[string]int{}} }

// maxDepth is the largest depth of folders that are read.
const maxDepth = 64

// passes reports whether an entry is skipped because of its name, and counts it.
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

// kind returns the type of the file at a path, following links.
func (t *tree) kind(name string, entry fs.DirEntry) fs.FileMode {
	if entry.Type()&fs.ModeSymlink == 0 {
		return entry.Type()
	}
	info, err := fs.Stat(t.o.FS, name)
	if err != nil {
		return fs.ModeIrregular // a broken link
	}
	return info.Mode().Type()
}

// folders returns the names of the folders in dir, sorted, except for those that are
// skipped.
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

// above returns the folders that lead to dir, the root first.
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

// walk calls image for every image in dir and below it, and counts other files. above has
// the folders that lead to dir.
func (t *tree) walk(dir string, above []fs.FileInfo, image func(name string) error) error {
	here, err := fs.Stat(t.o.FS, dir)
	if err != nil {
		return t.fail(t.o.fault(dir, err))
	}
	if slices.ContainsFunc(above, func(info fs.FileInfo) bool { return os.SameFile(info, here) }) {
		t.loops++
		return nil
	}
	if len(above) == maxDepth {
		return t.fail(t.o.fault(dir, fmt.Errorf("is more than %d folders deep", maxDepth)))
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

// fail handles a folder that cannot be read.
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

// notes returns a sentence that says what was skipped.
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
	return []string{fmt.Sprintf("%s: skipped %s", root, strings.Join(parts, "; "))}
}

// className returns the name of the class of a folder: its name in Unicode's composed form,
// since some systems decompose letters.
func className(folder string) string { return norm.NFC.String(folder) }
