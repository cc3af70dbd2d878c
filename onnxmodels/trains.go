package onnxmodels

import (
	"strings"

	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/modelfile"
)

// Trainability says whether training artifacts can be made of a model.
type Trainability struct {
	// Parameters counts the tensors that are trained, Statistics the running means and
	// variances of batch normalisation.
	Parameters int `json:"parameters"`
	Statistics int `json:"statistics"`
	// Refused lists the reasons why the model cannot be trained, usually one line for each
	// node concerned.
	Refused []string `json:"refused,omitempty"`
}

// usualSide is the height and width of images for models that leave their size open.
const usualSide = 224

// Trains tells whether a classifier can be trained with all its parameters.
func Trains(m *modelfile.Model) (t Trainability) {
	refuse := func(err error) Trainability {
		t.Refused = strings.Split(err.Error(), "\n")
		return t
	}
	read, err := importer.Read(m, importer.Options{Height: usualSide, Width: usualSide})
	if err != nil {
		return refuse(err)
	}
	for _, p := range read.Parameters {
		if p.Kind == importer.Statistic {
			t.Statistics++
		} else {
			t.Parameters++
		}
	}
	n, err := Given(read, GivenOptions{})
	if err != nil {
		return refuse(err)
	}
	if _, err := n.trainingGraph(TrainingOptions{Target: TargetPortable}); err != nil {
		return refuse(err)
	}
	return t
}
