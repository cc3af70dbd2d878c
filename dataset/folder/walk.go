package folder

import (
	"context"
	"os"
	"path/filepath"
)

// Walk finds images that need not be of any class: it calls image with the path of
// each in the folder dir, and if recursive in those below it, in the order of their
// names. They are known by what Load knows them by, and as soon as each is found. An
// error of image ends the walk, and so does ctx. A folder that cannot be read is passed
// over when unread, which is told why by a [*dataset.Error], returns nil. The notes say
// what was passed over.
func Walk(ctx context.Context, dir string, recursive bool, image func(path string) error, unread func(err error) error) (notes []string, err error) {
	t := newTree(&Options{Path: dir, FS: os.DirFS(dir)})
	t.flat, t.unread, t.stop = !recursive, unread, ctx.Err
	err = t.walk(".", nil, func(name string) error {
		return image(filepath.Join(dir, filepath.FromSlash(name)))
	})
	return t.notes(dir), err
}
