package configs

import (
	"strings"
	"testing"
)

// TestBalanceFaults checks that there must be one weight for each class, one of them above
// 0, and that weights are set in only one way.
func TestBalanceFaults(t *testing.T) {
	for text, want := range map[string]string{
		"train: {balance: even}\n":          `FILE:1:18: train.balance: "even" is not one of none, weights, sampling`,
		"train: {class_weights: [1, -1]}\n": "FILE:1:28: train.class_weights: -1 is outside 0..1000000",
		"train: {class_weights: [1, 2]}\n":  "FILE:1:24: train.class_weights: 2 weights for 10 classes: give one for each class",
		"model: {classes: 2}\ndata: {source: folder}\ntrain: {class_weights: [0, 0]}\n":                      "FILE:3:24: train.class_weights: all are 0, which leaves nothing to learn",
		"model: {classes: 2}\ndata: {source: folder}\ntrain: {class_weights: [1, 2], balance: weights}\n":    "FILE:3:24: train.class_weights: train.balance weights takes the weights from the numbers of images: set it to none, or train.class_weights to []",
		"model: {classes: 2}\ndata: {source: folder}\ntrain: {class_weights: [0, 2.5], balance: sampling}\n": "",
		"data: {source: folder}\ntrain: {class_weights: [1, 2, 3]}\n":                                        "",
		"sweep: {conditions: [a], definitions: {a: {train: {balance: weights}}}}\n":                          "",
		"sweep: {conditions: [a], definitions: {a: {train: {class_weights: [1,1,1,1,1,1,1,1,1,2]}}}}\n":      "",
	} {
		if got := strings.Join(problems(t, text), "\n"); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
	weighed, err := Load("", []string{"train.class_weights=[1,1,1,1,1,1,1,1,1,2]"})
	if err != nil {
		t.Fatal(err)
	}
	copied := weighed.clone()
	copied.Train.ClassWeights[0] = 5
	if weighed.Train.ClassWeights[0] != 1 || weighed.Hash() == copied.Hash() || weighed.Hash() == Default().Hash() {
		t.Errorf("weights %v are shared with a copy, or do not count", weighed.Train.ClassWeights)
	}
}

// TestLosses checks that losses other than cross-entropy have no class weights, and that
// they change the hash.
func TestLosses(t *testing.T) {
	for text, want := range map[string]string{
		"train: {loss: hinge}\n": `FILE:1:15: train.loss: "hinge" is not one of cross_entropy, binary_cross_entropy, mean_squared_error`,
		"train: {loss: binary_cross_entropy, class_weights: [1, 2]}\nmodel: {classes: 2}\ndata: {source: folder, path: x}\n": "FILE:1:52: train.class_weights: class weights are only for train.loss cross_entropy, not for binary_cross_entropy: set this to []",
		"train: {loss: mean_squared_error, balance: weights}\n":                                                              "FILE:1:44: train.balance: weights is only for train.loss cross_entropy, not for mean_squared_error: set it to sampling or none",
		"train: {loss: mean_squared_error, balance: sampling, label_smoothing: 0.1}\n":                                       "",
	} {
		if got := strings.Join(problems(t, text), "\n"); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"data: {labels: l.csv}\n":                          `FILE:1:16: data.labels: "l.csv" does nothing, since data.source synthetic has classes of its own: it is for a folder`,
		"data: {source: folder, path: x, labels: l.csv}\n": "FILE:1:41: data.labels: images may have several classes, and train.loss cross_entropy is for one each: set it to binary_cross_entropy",

		"data: {source: folder, path: x, labels: l.csv}\ntrain: {loss: binary_cross_entropy}\n": "",
	} {
		if got := strings.Join(problems(t, text), "\n"); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
	squared, err := Load("", []string{"train.loss=mean_squared_error"})
	if err != nil || squared.Hash() == hashOfDefault || squared.Train.Loss != LossMeanSquaredError {
		t.Errorf("loss %v, error %v", squared, err)
	}
}
