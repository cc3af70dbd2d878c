package folder

import (
	"context"
	"os"
	"path/filepath"
)

// Walk finds images that need not belong to classes. It calls image with the path of each
// image in the folder dir and, if recursive is set, in the folders below it, in the order
// of their names and as soon as each is found. Images are recognised as by Load. The walk
// ends when image returns an error or ctx is done. If a folder cannot be read, unread is
// called with a [*dataset.Error]; if it returns nil, the folder is skipped. The notes say
// what was skipped.
func Walk(ctx context.Context, dir string, recursive bool, image func(path string) error, unread func(err error) error) (notes []string, err error) {
	t := newTree(&Options{Path: dir, FS: os.DirFS(dir)})
	t.flat, t.unread, t.stop = !recursive, unread, ctx.Err
	err = t.walk(".", nil, func(name string) error {
		return image(filepath.Join(dir, filepath.FromSlash(name)))
	})
	return t.notes(dir), err
}
