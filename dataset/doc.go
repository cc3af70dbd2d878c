// Package dataset has labelled images, in memory as bytes, and what their readers
// share:
//
//	data, err := source.Load(ctx, configs.Data{Source: "cifar10", Path: dir})
//	pixels, label := data.Train.Image(7), data.Train.Label(7)
//
// The packages below it read them: folder from folders of photographs, one folder a
// class, cifar from the files of CIFAR-10 and CIFAR-100, idx from those of MNIST and its
// like, synthetic from nothing, as it draws them. source chooses among these by the
// settings of an experiment. Images that a program has already make a set, and those in an
// embed.FS or an archive are read in place:
//
//	set, err := dataset.New(pixels, labels, []string{"cat", "dog"})
//	splits, err := folder.FromFS(ctx, files, 64, 64)
//
// "go doc" leaves out the example, which draws a set, writes it, reads it back and makes
// one of its own pixels. It is in dataset/example_test.go, and go test -v -run Example
// onnxlab/dataset runs it.
//
// A [Set] is never changed once it is there, and may be shared. Its [Set.Hash]
// identifies the images, so that a run can say what it was trained on.
//
// Whatever is wrong with the data is an [*Error] that names the file, the record and the
// value. Files are taken for hostile: nothing is allocated that their size does not
// vouch for, no image is decoded that would take more memory than it may, and no archive
// writes outside its folder.
package dataset
