// Package shard reads and writes sets of photographs in tar files, as WebDataset has them:
//
//	DIR/train-000000.tar      a/cat1.jpg  a/cat1.cls  b/dog7.jpg  b/dog7.cls  …
//	DIR/train-000001.tar.gz
//	DIR/val-000000.tar
//	DIR/classes.txt           cat, dog: one name a line
//
// Files of a tar whose names are the same up to the first dot of the last part are one
// sample: an image (jpg, jpeg, png, webp, gif, bmp) and its class, as a number in a cls file
// or as "label", "cls" or "class" in a json file, which may also name it. Without classes.txt
// the classes are called by their numbers.
//
// Tar files whose names, or folders, begin with train; val or dev; or test are of these
// splits. If none is of validation, a share of each class is held out.
//
//	splits, err := shard.Load(ctx, shard.Options{Path: "DIR", Height: 224, Width: 224}, dataset.Train, dataset.Validation)
//	err = shard.Write(ctx, "DIR", shard.WriteOptions{}, splits)
//
// Images are read when they are needed, from wherever they are in a tar. Where that is
// says an index beside it, FILE.tar.index, which is made when it is missing or the tar
// has changed. Gzipped tars are unpacked once, into the user's cache folder.
//
// Tars are taken for hostile: no name in them becomes a path, and sizes are checked
// before anything is read.
package shard
