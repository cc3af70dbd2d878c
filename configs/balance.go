package configs

import "slices"

// checkBalance finds weights of classes that cannot be, or that the loss does not have.
func (e *Experiment) checkBalance(add func(key, other, format string, args ...any)) {
	if loss := e.Train.Loss; loss != LossCrossEntropy {
		if len(e.Train.ClassWeights) > 0 {
			add("train.class_weights", "train.loss", "they are for train.loss %s, and not for %s: set it to []", LossCrossEntropy, loss)
		}
		if e.Train.Balance == BalanceWeights {
			add("train.balance", "train.loss", "%s is for train.loss %s, and not for %s: set it to %s or %s", BalanceWeights, LossCrossEntropy, loss, BalanceSampling, BalanceNone)
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
		add("train.class_weights", "model.classes", "%d weights are not one for each of the %d classes", len(weights), classes)
	}
	if slices.Max(weights) == 0 {
		add("train.class_weights", "train.class_weights", "all are 0, which leaves nothing to learn")
	}
}
