package configs

import "slices"

// checkBalance finds class weights that are impossible, or that the loss does not support.
func (e *Experiment) checkBalance(add func(key, other, format string, args ...any)) {
	if loss := e.Train.Loss; loss != LossCrossEntropy {
		if len(e.Train.ClassWeights) > 0 {
			add("train.class_weights", "train.loss", "class weights are only for train.loss %s, not for %s: set this to []", LossCrossEntropy, loss)
		}
		if e.Train.Balance == BalanceWeights {
			add("train.balance", "train.loss", "%s is only for train.loss %s, not for %s: set it to %s or %s", BalanceWeights, LossCrossEntropy, loss, BalanceSampling, BalanceNone)
		}
	}
	weights := e.Train.ClassWeights
	if len(weights) == 0 {
		return
	}
	if e.Train.Balance == BalanceWeights {
		add("train.class_weights", "train.balance", "train.balance %s takes the weights from the numbers of images: set it to %s, or train.class_weights to []", BalanceWeights, BalanceNone)
	}
	if classes := e.Model.Classes; classes > 0 && len(weights) != classes {
		add("train.class_weights", "model.classes", "%d weights for %d classes: give one for each class", len(weights), classes)
	}
	if slices.Max(weights) == 0 {
		add("train.class_weights", "train.class_weights", "all are 0, which leaves nothing to learn")
	}
}
