// Package batch makes batches of augmented images on all cores, ahead of the training loop
// that reads them. A Loader shuffles a Source each epoch and fills the caller's buffers:
//
//	loader, err := batch.NewLoader(set, batch.LoaderOptions{Seed: 1, BatchSize: 128, Recipe: recipe})
//	defer loader.Close()
//	wait, err := loader.Next(ctx, images, labels)
//
// What is in a batch depends on the seed, the epoch and the step alone, not on the number
// of workers or on where the loader started. In the steady state no image costs an
// allocation.
//
// With [Mixing], each image of a batch is then mixed with another of the same batch, by
// mixup or CutMix, and NextMixed returns the labels of both. With LoaderOptions.Balance,
// every class is drawn equally often.
//
// "go doc" leaves out the example of this package, which fills a batch and then makes one of
// its images again from its plan. It is in augment/batch/example_test.go, and
// go test -v -run Example onnxlab/augment/batch runs it.
package batch
