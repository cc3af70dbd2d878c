// Package evaluation measures how well a classifier does on a labelled set: accuracy, also
// among the k most likely classes, loss, the confusion matrix, precision, recall and F1 of
// each class and their averages, the prediction for each image, and the most confident
// mistakes.
//
//	report, err := evaluation.Run(ctx, model, set)
//	fmt.Println(report.Accuracy, report.TopAccuracy(5), report.Classes[3].Recall)
//	for _, w := range report.Wrong[:10] { … set.Image(w.Index) … }
//
// A model is anything with Predict: a session of ONNX Runtime
// (onnxlab/ort/session) or the same in pure Go.
package evaluation

import (
	"context"

	"onnxlab/dataset"
)

// Batch is the number of images of up to 128x128 pixels that are classified at once: enough to
// keep the threads busy.
const Batch = 100

// BatchOf returns how many images of a size are classified at once: Batch, or fewer if they
// are large, so that they take no more memory than Batch images of 128x128 pixels. Of
// 224x224 pixels it is 32.
func BatchOf(height, width int) int {
	const pixels = Batch * 128 * 128
	return max(1, min(Batch, pixels/max(height*width, 1)))
}

// Predictor runs a classifier on images [n, height, width, 3] of 0..255 and returns logits
// and probabilities, both [n, classes]. If it takes seconds, it stops when ctx is done.
type Predictor interface {
	Predict(ctx context.Context, images []uint8) (logits, probabilities []float32, err error)
}

// Report is the result of evaluating a classifier on a set.
type Report struct {
	Images int `json:"images"`
	// Accuracy is the share of images that are classified correctly, 0..1. If images may
	// have several classes, all of them must be correct.
	Accuracy float64 `json:"accuracy"`
	// Loss is the mean loss, by default cross-entropy, with natural logarithms.
	Loss float64 `json:"loss"`
	// Macro has the means over the classes that have images. Each class has the same
	// weight.
	Macro Averages `json:"macro"`
	// Micro has precision, recall and F1 over the answers for all classes together, and
	// MeanAveragePrecision is the mean of the average precisions of the classes that have
	// images, 0..1. Both exist only if images may have several classes; otherwise Micro is
	// nil. For such images there are no Confusion, Wrong and Predictions, but there are
	// Probabilities [images, classes].
	Micro                *Averages `json:"micro,omitempty"`
	MeanAveragePrecision float64   `json:"mean_average_precision,omitempty"`
	// Confusion counts the images of the row's class that were classified as the column's
	// class.
	Confusion [][]int `json:"confusion"`
	// Classes is in the order of the labels.
	Classes []Class `json:"classes"`
	// Wrong has the images that were classified wrong, beginning with the highest
	// probabilities of the wrong class.
	Wrong []Mistake `json:"wrong"`
	// Predictions has the prediction for each image, in the order of the set.
	Predictions   []Prediction `json:"-"`
	Probabilities []float32    `json:"-"`
}

// Averages are means over classes, 0..1. Macro recall is also called balanced
// accuracy.
type Averages struct {
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
}

// Class is the result for one class.
type Class struct {
	Name string `json:"name"`
	// Images is the number of images of the class, Predicted the number that were
	// classified as it, and Correct the number of both.
	Images    int `json:"images"`
	Predicted int `json:"predicted"`
	Correct   int `json:"correct"`
	// Precision is Correct/Predicted, Recall Correct/Images and F1 their harmonic
	// mean, 2 Correct/(Images + Predicted); 0/0 is 0.
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
	// AveragePrecision, if images may have several classes, is the mean of the precisions
	// at each image of the class, in the order of the class's logits. It is the area below
	// the steps of the precision-recall curve, as in scikit-learn.
	AveragePrecision float64 `json:"average_precision,omitempty"`
}

// Prediction is the prediction for one image.
type Prediction struct {
	// Predicted is the most likely class, the first of equals, and Probability (0..1) its
	// probability.
	Predicted   int
	Probability float64
	// Rank is the position of the image's own class when all are sorted by probability; 0
	// if the image is classified correctly. Equal classes keep their order.
	Rank int
}

// Mistake is one image that was classified wrong.
type Mistake struct {
	// Index is the number of the image in the set, and File its file, if it comes from one.
	Index int    `json:"index"`
	File  string `json:"file,omitempty"`
	// Label is the class of the image, and Predicted the class that was predicted.
	Label     int `json:"label"`
	Predicted int `json:"predicted"`
	// Probability is the probability of Predicted.
	Probability float64 `json:"probability"`
}

// Run classifies every image of the set. The classifier must have the set's classes. If the
// set's images and labels do not fit together, the error is a *dataset.Error.
func Run(ctx context.Context, p Predictor, set *dataset.Set) (*Report, error) {
	return RunLoss(ctx, p, CrossEntropy, set)
}

// RunLoss is Run for a classifier that was trained on another loss.
func RunLoss(ctx context.Context, p Predictor, loss Loss, set *dataset.Set) (*Report, error) {
	var buffer []uint8 // for images that are read when they are needed
	return RunBy(ctx, loss, func(ctx context.Context, from, to int) ([]float32, error) {
		images, err := set.ReadImages(ctx, from, to, buffer)
		if err != nil {
			return nil, err
		}
		if set.Streams() {
			buffer = images
		}
		logits, _, err := p.Predict(ctx, images)
		return logits, err
	}, set)
}

// RunBy is Run with a function that returns the logits [to−from, classes] of the images
// from..to−1 of the set, at most BatchOf of them.
func RunBy(ctx context.Context, loss Loss, logits func(ctx context.Context, from, to int) ([]float32, error), set *dataset.Set) (*Report, error) {
	if err := set.Validate(); err != nil {
		return nil, err
	}
	if set.MultiLabel() {
		return runMulti(ctx, loss, logits, set)
	}
	tally := newTally(set.Classes, loss)
	err := eachBatch(ctx, set, logits, func(list []float32, from, to int) error {
		return tally.add(list, set.Labels[from:to])
	})
	if err != nil {
		return nil, err
	}
	r := tally.report()
	for i := range r.Wrong {
		if set.Files != nil {
			r.Wrong[i].File = set.Files[r.Wrong[i].Index]
		}
	}
	return r, nil
}

// eachBatch calls use with the logits of the images from..to−1, batch after batch.
func eachBatch(
	ctx context.Context, set *dataset.Set, logits func(ctx context.Context, from, to int) ([]float32, error),
	use func(list []float32, from, to int) error,
) error {
	batch := BatchOf(set.Size())
	for from := 0; from < set.Len(); from += batch {
		if err := ctx.Err(); err != nil {
			return err
		}
		to := min(from+batch, set.Len())
		list, err := logits(ctx, from, to)
		if err != nil {
			return err
		}
		if err := use(list, from, to); err != nil {
			return err
		}
	}
	return nil
}

// TopAccuracy returns the share of images, 0..1, whose class is among the k most likely.
func (r *Report) TopAccuracy(k int) float64 {
	found := 0
	for _, p := range r.Predictions {
		if p.Rank < k {
			found++
		}
	}
	return share(found, r.Images)
}
