package artifact

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The losses that [Options] can name.
const (
	// LossCrossEntropy is the cross-entropy of the softmax of the logits. Each image has one
	// class.
	LossCrossEntropy = "cross_entropy"
	// LossBinaryCrossEntropy is the binary cross-entropy of the sigmoid of each logit, as in
	// PyTorch's BCEWithLogitsLoss: each class is a separate yes-or-no question, so an image
	// may have several classes.
	LossBinaryCrossEntropy = "binary_cross_entropy"
	// LossMeanSquaredError is the mean of the squares of the differences between logits
	// and targets, which are 1 for the classes that an image has and 0 for the others
	// (Hui and Belkin 2021): PyTorch's MSELoss.
	LossMeanSquaredError = "mean_squared_error"
)

// Losses lists the names of the losses.
func Losses() []string {
	return []string{LossCrossEntropy, LossBinaryCrossEntropy, LossMeanSquaredError}
}

// CrossEntropy tells whether the loss is LossCrossEntropy, the default.
func (o Options) CrossEntropy() bool { return o.Loss == "" || o.Loss == LossCrossEntropy }

// CheckLoss returns an error if there is no such loss. An empty name is the default.
func CheckLoss(loss string) error {
	if loss != "" && !slices.Contains(Losses(), loss) {
		return fmt.Errorf("loss %q is none of %s", loss, strings.Join(Losses(), ", "))
	}
	return nil
}

// validateLoss returns an error if the loss is unknown or an option does not go with it.
func (o Options) validateLoss() error {
	if err := CheckLoss(o.Loss); err != nil {
		return fmt.Errorf("training artifacts: %w", err)
	}
	switch {
	case !o.CrossEntropy() && len(o.ClassWeights) > 0:
		return fmt.Errorf("training artifacts: class weights are for loss %q and not for %q", LossCrossEntropy, o.Loss)
	case o.CrossEntropy() && o.MultiLabel:
		return fmt.Errorf("training artifacts: targets are for losses %q and %q: cross-entropy is for one class an image", LossBinaryCrossEntropy, LossMeanSquaredError)
	case o.MultiLabel && o.Mixes:
		return fmt.Errorf("training artifacts: targets already contain the shares of mixed images, so MultiLabel takes no second labels: set Mixes to false")
	}
	return nil
}

// ValidateWeights checks the class weights. There must be none, or one for each class:
// finite numbers of 0 or more, at least one of them above 0.
func (o Options) ValidateWeights(classes int) error {
	if len(o.ClassWeights) == 0 {
		return nil
	}
	if len(o.ClassWeights) != classes {
		return fmt.Errorf("training artifacts: %d class weights for %d classes", len(o.ClassWeights), classes)
	}
	largest := float32(0)
	for class, w := range o.ClassWeights {
		if !(w >= 0 && w <= math.MaxFloat32) {
			return fmt.Errorf("training artifacts: weight %v of class %d is not a finite number of 0 or more", w, class)
		}
		largest = max(largest, w)
	}
	if largest == 0 {
		return fmt.Errorf("training artifacts: all class weights are 0")
	}
	return nil
}
