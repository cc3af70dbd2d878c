// Package dataset has the images that networks are trained on, in memory as
// bytes:
//
//	train, validation, err := dataset.Load(ctx, dataset.Options{Source: "cifar10", Path: dir})
//	pixels, label := train.Image(7), train.Label(7)
//
// [Load] reads CIFAR-10 and CIFAR-100 in their binary form and folders of PNG
// and JPEG images, one folder a class; without any file it draws the synthetic
// set: ten classes of shapes, 32x32 pixels, told apart by form alone
// ([Synthetic]). [WriteCIFAR10] writes a set in the binary form of CIFAR-10,
// and [Fetch] downloads CIFAR-10 itself.
//
// A [Set] is never changed once it is there, and may be shared. Its [Set.Hash]
// identifies the images, so that a run can say what it was trained on.
//
// Whatever is wrong with the data is an [*Error] that names the file, the
// record and the value. Files are taken for hostile: nothing is allocated that
// their size does not vouch for, images of more than 2^25 pixels are not
// decoded, and no archive writes outside its folder. The synthetic set is the
// same, bit by bit, on every machine and from one version to the next.
package dataset
