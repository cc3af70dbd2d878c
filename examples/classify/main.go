// Classify counts how many validation images of a folder a given classifier gets right,
// in pure Go:
//
//	CGO_ENABLED=0 go build ./examples/classify
//	./classify -model finetuned.onnx -normalize imagenet -height 224 -width 224 -data flowers
//
// The folder has a folder for each class, as "pipeline train" takes it. docs/finetune.md says
// how to make such a model.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"

	"onnxlab/dataset"
	"onnxlab/dataset/folder"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/modelfile"
)

func main() {
	path := flag.String("model", "finetuned.onnx", "file of the model")
	normalize := flag.String("normalize", "imagenet", "mean and deviation by which the model's images are normalised: imagenet, 0..1, -1..1, 0..255 or MEAN,…/DEVIATION,…")
	height := flag.Int("height", 224, "rows of pixels of an image")
	width := flag.Int("width", 224, "columns of pixels of an image")
	data := flag.String("data", "", "folder of images")
	flag.Parse()
	ctx := context.Background()
	model, err := open(*path, *normalize, *height, *width)
	if err != nil {
		log.Fatal(err)
	}
	sets, err := folder.FromFS(ctx, os.DirFS(*data), *height, *width)
	if err != nil {
		log.Fatal(err)
	}
	right, err := count(ctx, model, sets.Validation)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d of %d right\n", right, sets.Validation.Len())
}

// open reads a classifier as PyTorch or another framework exported it, and makes it ready to run.
// normalize says how the model's images are normalised.
func open(path, normalize string, height, width int) (*interp.Model, error) {
	file, err := modelfile.ReadFile(path)
	if err != nil {
		return nil, err
	}
	normalization, err := onnxmodels.ParseNormalization(normalize)
	if err != nil {
		return nil, err
	}
	inference, err := onnxmodels.InferenceOf(file.Model, onnxmodels.InputOptions{Normalization: &normalization, Height: height, Width: width})
	if err != nil {
		return nil, err
	}
	data, err := modelfile.Marshal(inference)
	if err != nil {
		return nil, err
	}
	return interp.New(data)
}

// count returns how many images of the set have their own class as the most likely one.
func count(ctx context.Context, model *interp.Model, set *dataset.Set) (right int, err error) {
	_, probabilities, err := model.Predict(ctx, set.Images(0, set.Len()))
	if err != nil {
		return 0, err
	}
	classes := len(probabilities) / set.Len()
	if classes != len(set.Classes) {
		return 0, errors.New("the model has other classes than the folder")
	}
	for i := range set.Len() {
		row, best := probabilities[i*classes:][:classes], 0
		for class, p := range row {
			if p > row[best] {
				best = class
			}
		}
		if best == int(set.Label(i)) {
			right++
		}
	}
	return right, nil
}
