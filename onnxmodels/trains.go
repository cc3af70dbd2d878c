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
	// Head is the last layer; nil if it is none that can be replaced.
	Head *LastLayer `json:"head,omitempty"`
	// Refused lists the reasons why the model cannot be trained, usually one line for each
	// node concerned.
	Refused []string `json:"refused,omitempty"`
}

// LastLayer is the layer of a classifier that a new one replaces for other classes.
type LastLayer struct {
	// Parameters are the names of its weight and its bias, if it has one.
	Parameters []string `json:"parameters"`
	Features   int      `json:"features"`
	Classes    int      `json:"classes"`
}

// Trains tells whether a classifier can be trained with all its parameters. The model must say how
// large images are (importer.SetImageSize). It gets the parameters that training gives it, which changes
// m: see importer.Untie.
func Trains(m *modelfile.Model) (t Trainability) {
	importer.Untie(m)
	refuse := func(err error) Trainability {
		t.Refused = strings.Split(err.Error(), "\n")
		return t
	}
	read, err := importer.Read(m, importer.Options{})
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
	if head, err := read.Head(); err == nil {
		t.Head = &LastLayer{Parameters: head.Names(), Features: head.Features, Classes: read.Logits.Size(1)}
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
