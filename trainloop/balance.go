package trainloop

import (
	"onnxlab/configs"
	"onnxlab/dataset"
)

// withWeights returns the experiment with class weights filled in from the training images,
// if the settings ask for that. A class of n images gets the weight N/(K·n), where N is the
// number of images and K the number of classes that have any (King and Zeng 2001, and
// scikit-learn's "balanced"). The mean weight over the images is 1.
func withWeights(e configs.Experiment, train *dataset.Set) configs.Experiment {
	if e.Train.Balance != configs.BalanceWeights {
		return e
	}
	counts, classes := make([]float64, len(train.Classes)), 0.0
	for i := range train.Len() {
		label := train.Label(i)
		if counts[label] == 0 {
			classes++
		}
		counts[label]++
	}
	weights := make([]float64, len(counts))
	for class, n := range counts {
		if n > 0 {
			weights[class] = float64(train.Len()) / (classes * n)
		}
	}
	return weighed(e, weights)
}

// evenlyWeighed returns the experiment with class weights of 1 if the settings take the
// weights from the training images. It is for measurements, since the cost of a step does
// not depend on the weights.
func evenlyWeighed(e configs.Experiment) configs.Experiment {
	if e.Train.Balance != configs.BalanceWeights {
		return e
	}
	weights := make([]float64, e.Model.Classes)
	for class := range weights {
		weights[class] = 1
	}
	return weighed(e, weights)
}

func weighed(e configs.Experiment, weights []float64) configs.Experiment {
	e.Train.Balance, e.Train.ClassWeights = configs.BalanceNone, weights
	return e
}

// weightsOf returns the class weights in the form that training artifacts take.
func weightsOf(e configs.Experiment) []float32 {
	var list []float32
	for _, w := range e.Train.ClassWeights {
		list = append(list, float32(w))
	}
	return list
}
