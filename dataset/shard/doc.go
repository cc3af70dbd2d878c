// Package shard reads and writes sets of photographs in tar files, in the form of
// WebDataset:
//
//	DIR/train-000000.tar      a/cat1.jpg  a/cat1.cls  b/dog7.jpg  b/dog7.cls  …
//	DIR/train-000001.tar.gz
//	DIR/val-000000.tar
//	DIR/classes.txt           cat, dog: one name per line
//
// The files of a tar whose names are equal up to the first dot after the last slash form a
// sample: an image (jpg, jpeg, png, webp, gif, bmp) and its class, as a number in a cls
// file or as "label", "cls" or "class" in a json file, where it may also be a name. Without
// classes.txt and names, the classes are named by their numbers.
//
// A tar file belongs to a split if its name, or that of its folder, begins with train; val
// or dev; or test. If there are no shards of validation images, a share of each class is
// held out.
//
//	splits, err := shard.Load(ctx, shard.Options{Path: "DIR", Height: 224, Width: 224}, dataset.Train, dataset.Validation)
//	err = shard.Write(ctx, "DIR", shard.WriteOptions{}, splits)
//
// Images are read when they are needed, directly from the tar. An index beside it,
// FILE.tar.index, says where they are. It is made if it is missing or if the tar has
// changed. Gzipped tars are unpacked once, into the user's cache folder.
//
// Tars may be hostile: no name in them becomes a path, and sizes are checked before
// anything is read.
package shard
