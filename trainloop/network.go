package trainloop

import (
	"fmt"
	"strings"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/ort/session"
	"onnxlab/trainloop/schedule"
)

// withClasses returns the experiment with the number of classes of the images, if its own
// is 0.
func withClasses(e configs.Experiment, images *dataset.Set) configs.Experiment {
	if e.Model.Classes == 0 && images != nil {
		e.Model.Classes = len(images.Classes)
	}
	return e
}

// Network returns the network that the experiment describes, for images of height x width
// pixels with the number of channels of its data settings. If the experiment takes the
// number of classes from the data, the error is a *SettingError.
func Network(e configs.Experiment, height, width int) (*onnxmodels.Network, error) {
	n, err := normalizedNetwork(e, height, width)
	if err != nil {
		return nil, err
	}
	return n.WithLoss(e.Train.Loss).WithMultiLabel(e.Data.MultiLabel()), nil
}

// normalizedNetwork is networkOf, normalising by the mean and deviation that the settings
// name.
func normalizedNetwork(e configs.Experiment, height, width int) (*onnxmodels.Network, error) {
	n, err := networkOf(e, height, width)
	if m := e.Model; err != nil || m.Kind == configs.KindONNX || m.Normalize == "" || m.Normalize == configs.NormalizeAuto {
		return n, err
	}
	by, err := onnxmodels.ParseNormalization(e.Model.Normalize)
	if err != nil {
		return nil, &SettingError{"model.normalize", err.Error()}
	}
	return n.Normalized(by)
}

// networkOf returns the network of model.kind, before its loss and its normalisation are
// set.
func networkOf(e configs.Experiment, height, width int) (*onnxmodels.Network, error) {
	m := e.Model
	switch m.Kind {
	case configs.KindONNX:
		return givenNetwork(m, height, width)
	case configs.KindOwn:
		return nil, &SettingError{"model.kind", configs.KindOwn + " is a network that only the program that made it can supply (trainloop.Options.Network); if the run is complete, use its model.onnx"}
	}
	if m.Classes == 0 {
		return nil, &SettingError{"model.classes", "0 takes the number of classes from the data, which is not read here: set it"}
	}
	norm, dropout, activation := batchNorm(m.BatchNorm), float32(m.Dropout), m.Activation
	if activation == configs.ActivationAuto {
		activation = "" // the default of each network
	}
	channels := e.Data.ImageChannels()
	switch m.Kind {
	case configs.KindCNN:
		return onnxmodels.CNN(onnxmodels.CNNOptions{
			Height: height, Width: width, Channels: channels, Widths: m.Widths, Convolutions: m.Convolutions, Classes: m.Classes,
			Strides: m.Strides, Activation: activation, Dropout: dropout, BatchNorm: norm,
		})
	case configs.KindResNet:
		return onnxmodels.ResNet(onnxmodels.ResNetOptions{
			Height: height, Width: width, Channels: channels, Form: m.Form, Depth: m.Depth, WidthFactor: m.WidthFactor, Classes: m.Classes,
			Strides: m.Strides, Activation: activation, Dropout: dropout, BatchNorm: norm,
		})
	case configs.KindMobileNet:
		return onnxmodels.MobileNet(onnxmodels.MobileNetOptions{
			Height: height, Width: width, Channels: channels, Form: m.Form, WidthFactor: m.WidthFactor, Classes: m.Classes,
			Strides: m.Strides, Activation: activation, Dropout: dropout, BatchNorm: norm,
		})
	}
	return nil, fmt.Errorf("model.kind: %q is not a known architecture; %s are", m.Kind, strings.Join(configs.Choices("model.kind"), ", "))
}

// batchNorm converts the settings for package onnxmodels. With recalibrated statistics
// the training model keeps corrected ones, which other clients can use as they are.
func batchNorm(b configs.BatchNorm) onnxmodels.BatchNormOptions {
	return onnxmodels.BatchNormOptions{
		Momentum: float32(b.Momentum), Epsilon: float32(b.Epsilon),
		Corrected: b.Statistics == configs.StatisticsCorrected || b.Statistics == configs.StatisticsRecalibrated,
	}
}

// checkBatch returns an error for batch sizes and replicas below 1. Only experiments that
// were not loaded from a file can have them; later code divides by them.
func checkBatch(e configs.Experiment) error {
	if e.Train.BatchSize < 1 || e.Train.Replicas < 1 {
		return &SettingError{"train.batch_size", fmt.Sprintf("%d with %d replicas; both must be 1 or more", e.Train.BatchSize, e.Train.Replicas)}
	}
	return nil
}

// MicroBatch returns how many images go through the network at once. If the experiment
// leaves it open, these are one replica's, or the whole batch on a device that is faster the
// more work it has (configs.Traits.WholeBatch).
func MicroBatch(e configs.Experiment) int {
	switch {
	case e.Train.MicroBatch > 0:
		return e.Train.MicroBatch
	case e.Runtime.Device.Traits().WholeBatch:
		return e.Train.BatchSize
	}
	return e.Train.BatchSize / max(e.Train.Replicas, 1)
}

// Artifacts returns the training models of the experiment's network for the
// target, one of onnxmodels.Targets or TargetNative. Except for the portable target they
// take only micro-batches of the experiment's size. stepsPerEpoch matters only if the
// optimizer model holds the rates of all steps (configs.Optimizer.HoldsRates). An
// experiment that takes the weights of classes from the training images is a
// *SettingError.
func Artifacts(n *onnxmodels.Network, e configs.Experiment, stepsPerEpoch int, target string) (*onnxmodels.Artifacts, error) {
	if err := checkBatch(e); err != nil {
		return nil, err
	}
	if e.Train.Balance == configs.BalanceWeights {
		return nil, &SettingError{"train.balance", configs.BalanceWeights + " takes the weights from the training images, which are not read here: set train.class_weights"}
	}
	if err := checkMultipliers(n, e.Optimizer); err != nil {
		return nil, err
	}
	o := optionsFor(n, e, target)
	if e.Optimizer.HoldsRates() {
		s, err := schedule.New(e, stepsPerEpoch)
		if err != nil {
			return nil, err
		}
		for step := range e.Train.Epochs * stepsPerEpoch {
			o.Rates = append(o.Rates, float32(s.Rate(step)))
		}
	}
	return n.Artifacts(o)
}

// trainingOptions returns the options of Artifacts, except the rates.
func trainingOptions(e configs.Experiment, target string) onnxmodels.TrainingOptions {
	micro := MicroBatch(e)
	o := onnxmodels.TrainingOptions{
		GhostBatches:   e.Train.Replicas * micro / e.Train.BatchSize,
		MicroBatches:   e.Train.BatchSize / micro,
		Loss:           e.Train.Loss,
		LabelSmoothing: float32(e.Train.LabelSmoothing),
		ClassWeights:   weightsOf(e),
		Mixes:          e.Augment.Mixes(),
		Mixed:          e.Runtime.Precision == configs.MixedFloat16 && target == onnxmodels.TargetCUDA,
		Target:         target,
		Block:          session.Block(),
	}
	if target != onnxmodels.TargetPortable {
		o.Batch = micro
	}
	setOptimizer(&o, e.Optimizer)
	return o
}

// optionsFor returns trainingOptions for the network. Targets of several classes are mixed
// before they are fed.
func optionsFor(n *onnxmodels.Network, e configs.Experiment, target string) onnxmodels.TrainingOptions {
	o := trainingOptions(e, target)
	o.MultiLabel = n.MultiLabel()
	o.Mixes = o.Mixes && !o.MultiLabel
	return o
}

// setOptimizer copies the optimizer's settings into the options, except the rates.
func setOptimizer(o *onnxmodels.TrainingOptions, s configs.Optimizer) {
	o.Optimizer, o.ClipNorm = s.Kind, float32(s.ClipNorm)
	o.WeightDecay, o.DecayAll = float32(s.WeightDecay), s.DecayAll
	o.EMADecay, o.EMAWarmup = s.EMADecay, s.EMAWarmup
	o.RateMultipliers = multipliers(s)
	if s.IsAdam() {
		o.Beta1, o.Beta2, o.Epsilon = s.Beta1, s.Beta2, s.Epsilon
		return
	}
	o.Momentum, o.Nesterov, o.TrustCoefficient = float32(s.Momentum), s.Nesterov, float32(s.TrustCoefficient)
	o.MomentumCorrection = s.MomentumCorrection && !s.HoldsRates()
}

// multipliers returns the optimizer's rate multipliers in the form that training artifacts
// take.
func multipliers(s configs.Optimizer) []artifact.RateMultiplier {
	var list []artifact.RateMultiplier
	for _, m := range s.Multipliers() {
		list = append(list, artifact.RateMultiplier{Pattern: m.Pattern, Factor: float32(m.Factor)})
	}
	return list
}

// checkMultipliers returns an error for patterns that match none of the network's
// parameters.
func checkMultipliers(n *onnxmodels.Network, s configs.Optimizer) error {
	if _, err := n.Multipliers(multipliers(s)); err != nil {
		return &SettingError{"optimizer.rate_multipliers", err.Error()}
	}
	return nil
}
