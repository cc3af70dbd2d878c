package folder

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// AmongImages reports whether images in the directory dir, which need not exist yet, are or
// would be read as images of the folder root. Pictures that are written there would become part
// of the data set. If the folder cannot be read, the answer is false.
func AmongImages(root, dir string) bool {
	from, rootErr := filepath.Abs(root)
	to, dirErr := filepath.Abs(dir)
	below, err := filepath.Rel(from, to)
	if errors.Join(rootErr, dirErr, err) != nil || below == "." || !filepath.IsLocal(below) {
		return false
	}
	o := &Options{Path: root, FS: os.DirFS(root)}
	t := newTree(o)
	parts := strings.Split(below, string(filepath.Separator))
	if slices.ContainsFunc(parts, t.passes) { // hidden folders are skipped, for example
		return false
	}
	folders, err := t.folders(".")
	if err != nil {
		return false
	}
	// If the splits have folders of their own, those beside them are not read.
	l, err := findLayout(t, folders, nil)
	return err == nil && (!l.has() || splitOf(parts[0]) != "")
}
