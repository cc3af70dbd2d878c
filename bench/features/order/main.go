// Command order prints, a line for each epoch, the files of a folder in the order in which
// onnxlab trains on them.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"strings"

	"onnxlab/augment/batch"
	"onnxlab/dataset"
	"onnxlab/dataset/folder"
)

func main() {
	path := flag.String("data", "", "a folder that contains a folder of training images")
	seed := flag.Uint64("seed", 1, "the run's seed")
	epochs := flag.Int("epochs", 1, "epochs")
	flag.Parse()
	sets, err := folder.Load(context.Background(), folder.Options{Path: *path}, dataset.Train)
	if err != nil {
		log.Fatal(err)
	}
	for epoch := range *epochs {
		var files []string
		for _, i := range batch.Order(sets.Train.Len(), *seed, uint64(epoch)) {
			files = append(files, sets.Train.Files[i])
		}
		fmt.Println(strings.Join(files, " "))
	}
}
