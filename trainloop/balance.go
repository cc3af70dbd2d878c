package trainloop

import (
	"onnxlab/configs"
	"onnxlab/dataset"
)

// withWeights returns the experiment with the weights of classes that it leaves to the
// training images: N/(K·n) for a class of n of the N images, of which K classes have
// some (King and Zeng 2001, and scikit-learn's "balanced"). Their mean over the images
// is 1.
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

// evenlyWeighed returns the experiment with weights of 1 where it leaves them to the
// training images, for what costs the same with any.
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

// weightsOf are the weights of classes in the form of artifacts.
func weightsOf(e configs.Experiment) []float32 {
	var list []float32
	for _, w := range e.Train.ClassWeights {
		list = append(list, float32(w))
	}
	return list
}
