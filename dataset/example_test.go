package dataset_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"onnxlab/dataset"
	"onnxlab/dataset/cifar"
	"onnxlab/dataset/synthetic"
)

// This example draws the synthetic set, writes it in the form of CIFAR-10 and reads it
// back.
func Example() {
	ctx := context.Background()
	train, validation, err := synthetic.Draw(ctx, synthetic.Seed, 50, 10)
	if err != nil {
		log.Fatal(err)
	}
	height, width := train.Size()
	fmt.Printf("%d images of %dx%d pixels, %d bytes each\n", train.Len(), height, width, len(train.Image(0)))
	fmt.Println("the third is a", train.Classes[train.Label(2)])
	fmt.Println("images of each class:", train.Stats().Counts)

	dir, err := os.MkdirTemp("", "set")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := cifar.Write(dir, train, validation); err != nil {
		log.Fatal(err)
	}
	again, err := cifar.CIFAR10().Load(ctx, dir, dataset.Limits{}, dataset.Train)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the same images:", again.Train.Hash() == train.Hash())

	// Three black images of 2x2 pixels that the program made.
	own, err := dataset.New(make([]uint8, 3*2*2*3), []int{1, 0, 1}, []string{"day", "night"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(own.Len(), "images, the first is", own.Classes[own.Label(0)])

	_, err = cifar.CIFAR10().Load(ctx, dir, dataset.Limits{Train: 60}, dataset.Train)
	var bad *dataset.Error
	fmt.Println(errors.As(err, &bad), "too many:", bad.Err)
	// Output:
	// 50 images of 32x32 pixels, 3072 bytes each
	// the third is a square
	// images of each class: [5 5 5 5 5 5 5 5 5 5]
	// the same images: true
	// 3 images, the first is night
	// true too many: 60 train images wanted, 50 available
}
