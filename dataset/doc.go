// Package dataset has labelled images, in memory as bytes, and what their readers
// share:
//
//	data, err := source.Load(ctx, configs.Data{Source: "cifar10", Path: dir})
//	pixels, label := data.Train.Image(7), data.Train.Label(7)
//
// The packages below it read them: folder reads folders of photographs, with one folder for
// each class, cifar the files of CIFAR-10 and CIFAR-100, idx those of MNIST and similar
// sets, and shard tar files. synthetic draws its images. source chooses among these by the
// settings of an experiment. Programs can also make a set of images in memory, or read
// images in place from an embed.FS or an archive:
//
//	set, err := dataset.New(pixels, labels, []string{"cat", "dog"})
//	splits, err := folder.FromFS(ctx, files, 64, 64)
//
// "go doc" leaves out the example, which draws a set, writes it, reads it back and makes a
// set from its own pixels. It is in dataset/example_test.go, and go test -v -run Example
// onnxlab/dataset runs it.
//
// A [Set] does not change after it was made, and may be shared. Its [Set.Hash]
// identifies the images, so that a run can say what it was trained on.
//
// Anything wrong with the data is an [*Error] that names the file, the record and the
// value. Files may be hostile: no more memory is allocated than the size of a file
// justifies, images that would take too much memory to decode are refused, and no archive
// can write outside its folder.
package dataset
